"""pydantic-ai: its default output type is a tool that ends the run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.weather import FACTS, QUESTION, REPORT, WeatherReport

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
OUTPUTS: dict[str, Any] = {"default": WeatherReport, "native": NativeOutput(WeatherReport)}


def get_weather(city: str) -> dict[str, Any]:
    """Get the weather of a city."""
    return {**FACTS, "city": city}


def agent(gateway: str, name: str, output: str = "default") -> Agent[None, Any]:
    provider = OpenAIProvider(base_url=f"{gateway}/v1", api_key="none")
    return Agent(OpenAIChatModel(name, provider=provider), output_type=OUTPUTS[output], tools=[get_weather])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("output", OUTPUTS)
async def test_an_agent_delivers_its_output_type(output: str, name: str, gateway: str, turns: Turns) -> None:
    assert (await agent(gateway, name, output).run(QUESTION)).output == REPORT
    turns.check(2)


@pytest.mark.parametrize("name", MODELS)
async def test_a_streaming_agent_delivers_it_too(name: str, gateway: str, turns: Turns) -> None:
    async with agent(gateway, name).run_stream(QUESTION) as run:
        assert await run.get_output() == REPORT
    turns.check(2)
