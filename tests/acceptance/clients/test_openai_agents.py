"""OpenAI's Agents SDK over chat completions: a handoff, a tool, and `response_format` beside the tools."""

from __future__ import annotations

import json

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.weather import FACTS, QUESTION, REPORT, WeatherReport

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@function_tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return json.dumps({**FACTS, "city": city})


def triage(client: AsyncOpenAI, name: str) -> Agent[None]:
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel(name, client)
    weather: Agent[None] = Agent("Weather agent", tools=[get_weather], model=model, output_type=WeatherReport)
    return Agent("Triage", handoffs=[weather], model=model)


@pytest.mark.parametrize("name", MODELS)
async def test_a_handoff_leads_to_the_other_agents_result(name: str, gateway: str, turns: Turns) -> None:
    async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as client:
        run = await Runner.run(triage(client, name), QUESTION, max_turns=6)
    assert (run.last_agent.name, run.final_output) == ("Weather agent", REPORT)
    turns.check(3)


@pytest.mark.parametrize("name", MODELS)
async def test_a_streamed_handoff_leads_there_too(name: str, gateway: str, turns: Turns) -> None:
    async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as client:
        run = Runner.run_streamed(triage(client, name), QUESTION, max_turns=6)
        kinds = {event.type async for event in run.stream_events()}
    assert (run.last_agent.name, run.final_output) == ("Weather agent", REPORT)
    assert "raw_response_event" in kinds
    turns.check(3)
