"""LangChain's `create_agent` on LangGraph: a tool, then the result by a tool named like its class."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_openai import ChatOpenAI

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.weather import FACTS, QUESTION, REPORT, WeatherReport

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ASKED: Any = {"messages": [{"role": "user", "content": QUESTION}]}
STRATEGIES = {"class": WeatherReport, "tool": ToolStrategy(WeatherReport), "provider": ProviderStrategy(WeatherReport)}


def get_weather(city: str) -> dict[str, Any]:
    """Get the weather of a city."""
    return {**FACTS, "city": city}


def agent(gateway: str, name: str, wanted: str) -> Any:
    model = ChatOpenAI(model=name, base_url=f"{gateway}/v1", api_key="none", max_retries=0)  # type: ignore[arg-type]
    return create_agent(model, tools=[get_weather], response_format=STRATEGIES[wanted])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wanted", STRATEGIES)
def test_an_agent_delivers_its_response_format(wanted: str, name: str, gateway: str, turns: Turns) -> None:
    state = agent(gateway, name, wanted).invoke(ASKED, {"recursion_limit": 12})
    assert state["structured_response"] == REPORT
    turns.check(2)


@pytest.mark.parametrize("name", MODELS)
def test_a_streaming_agent_delivers_it_too(name: str, gateway: str, turns: Turns) -> None:
    last: Any = None
    for mode, event in agent(gateway, name, "class").stream(
        ASKED, {"recursion_limit": 12}, stream_mode=["messages", "values"]
    ):
        last = event if mode == "values" else last
    assert last["structured_response"] == REPORT
    turns.check(2)
