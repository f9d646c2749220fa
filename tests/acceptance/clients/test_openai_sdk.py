"""The official SDK for Python in the usual loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.weather import QUESTION, SUNNY, WeatherReport

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": PARAMETERS},
}


@pytest.fixture
def client(gateway: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def whole(client: OpenAI, request: dict[str, Any]) -> Any:
    return client.chat.completions.create(**request).choices[0].message


def streamed(client: OpenAI, request: dict[str, Any]) -> Any:
    with client.chat.completions.stream(**request) as stream:
        return stream.get_final_completion().choices[0].message


def loop(client: OpenAI, ask: Callable[[OpenAI, dict[str, Any]], Any], result: str, **more: Any) -> str:
    """Run the loop to its end; return the last answer."""
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while True:
        message = ask(client, {"messages": messages, "tools": [TOOL], **more})
        if not message.tool_calls:
            return str(message.content)
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            assert json.loads(call.function.arguments) == {"city": "Paris"}
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("name", MODELS)
def test_a_loop_ends_with_the_tools_result(name: str, ask: Any, client: OpenAI, turns: Turns) -> None:
    assert SUNNY in loop(client, ask, SUNNY, model=name)
    turns.check(2)


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("name", MODELS)
def test_a_loop_with_a_response_format_ends_in_its_form(name: str, ask: Any, client: OpenAI, turns: Turns) -> None:
    schema = {**WeatherReport.model_json_schema(), "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "report", "schema": schema}}
    last = loop(client, ask, '{"city": "Paris", "degrees": 21.5}', model=name, response_format=wanted)
    assert json.loads(last) == {"city": "Paris", "degrees": 21.5}
    turns.check(2)
