"""smolagents: every turn must be a call, and the last one is `final_answer`."""

from __future__ import annotations

import pytest
from smolagents import OpenAIModel, ToolCallingAgent, tool

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.weather import QUESTION, SUNNY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: the city's name
    """
    return f"sunny in {city}, 21 degrees"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_an_agent_ends_with_its_final_answer(name: str, streamed: bool, gateway: str, turns: Turns) -> None:
    model = OpenAIModel(name, api_base=f"{gateway}/v1", api_key="none")
    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=4, verbosity_level=0, stream_outputs=streamed)
    assert SUNNY in str(agent.run(QUESTION))
    turns.check(2)
