"""The official clients, for Python and Node, over real sockets against services that talk gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI
from pydantic import BaseModel
from toolgate_cli.stack import Stack

from tests.support.node import run_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MODELS = ("gpt-oss-20b", "gpt-oss-20b-recent", "qwen-strong", "hermes-leaky", "plain-text")
PATHS = {"auto": "/v1", "emulate": "/emulate/v1"}
SCRIPT = Path(__file__).with_name("sdk.mjs")


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    unit: Literal["celsius", "fahrenheit"] | None


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack.gateway_url


@pytest.fixture
def clients(gateway: str) -> Iterator[dict[str, OpenAI]]:
    opened = {
        mode: OpenAI(
            base_url=gateway + path,
            api_key="none",
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False, timeout=30),
        )
        for mode, path in PATHS.items()
    }
    yield opened
    for client in opened.values():
        client.close()


async def test_the_node_client_gets_its_calls_its_loop_and_its_errors(gateway: str) -> None:
    output = await run_node(
        "--input-type=module",
        "--eval",
        SCRIPT.read_text(encoding="utf-8"),
        BASE_URL=gateway,
        MODELS=",".join(MODELS),
        NO_PROXY="127.0.0.1",
    )
    found = json.loads(output)
    assert found.pop("error") == ["NotFoundError", 404, "model_not_found", True]
    assert ["7006652" in answer.replace(",", "") for answer in found.pop("loop")] == [True, True]
    assert found.pop("expressions") == ["1234 * 5678"] * 2
    calls = [["get_weather", {"city": "Paris"}]]
    answer = {"calls": calls, "finish": "tool_calls", "usage": True}
    assert found == {
        f"{mode} {model}": {"whole": answer, "streamed": answer, "events": calls} for mode in PATHS for model in MODELS
    }


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", PATHS)
def test_the_python_client_parses_strict_tools_whole_and_streamed(
    mode: str, model: str, clients: dict[str, OpenAI]
) -> None:
    request: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": "What is the weather in Paris in celsius?"}],
        "tools": [openai.pydantic_function_tool(Weather, name="get_weather")],
        "tool_choice": "required",
    }
    whole = clients[mode].chat.completions.parse(**request)
    with clients[mode].chat.completions.stream(**request, stream_options={"include_usage": True}) as stream:
        kinds = {event.type for event in stream}
        streamed = stream.get_final_completion()
    for completion in (whole, streamed):
        [call] = completion.choices[0].message.tool_calls or []
        assert call.function.parsed_arguments == Weather(city="Paris", unit="celsius")
        assert completion.usage is not None
        assert completion.usage.total_tokens > 0
    assert "tool_calls.function.arguments.done" in kinds
