"""LangChain, unmodified: a client that is not the SDK and reads the stream in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import DefaultHttpxClient
from toolgate_cli.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MODELS = ("gpt-oss-20b", "gpt-oss-20b-recent", "qwen-strong", "hermes-leaky", "plain-text")


@tool
def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression."""
    left, right = expression.split("*")
    return str(int(left) * int(right))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack.gateway_url


@pytest.fixture
def http() -> Iterator[DefaultHttpxClient]:
    with DefaultHttpxClient(trust_env=False, timeout=30) as client:
        yield client


def model(gateway: str, name: str, http: DefaultHttpxClient) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=f"{gateway}/v1", api_key="none", max_retries=0, http_client=http)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MODELS)
def test_a_loop_with_a_tool_ends_with_its_result(name: str, gateway: str, http: DefaultHttpxClient) -> None:
    bound = model(gateway, name, http).bind_tools([calculator])
    question = HumanMessage("What is 1234 * 5678?")
    called = bound.invoke([question])
    [call] = called.tool_calls
    assert (call["name"], call["args"]) == ("calculator", {"expression": "1234 * 5678"})
    result = calculator.invoke(call)
    assert isinstance(result, ToolMessage)
    assert "7006652" in str(bound.invoke([question, called, result]).content)


@pytest.mark.parametrize("name", MODELS)
def test_a_forced_call_streams(name: str, gateway: str, http: DefaultHttpxClient) -> None:
    bound = model(gateway, name, http).bind_tools([calculator], tool_choice="any")
    chunks = [chunk for chunk in bound.stream("What is 23 * 19?") if isinstance(chunk, AIMessageChunk)]
    whole = reduce(add, chunks)
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("calculator", {"expression": "23 * 19"})]
    assert whole.invalid_tool_calls == []


def test_structured_output_is_a_named_call(gateway: str, http: DefaultHttpxClient) -> None:
    schema = {
        "title": "weather_query",
        "description": "Which weather the user asks for.",
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    }
    asked = model(gateway, "gpt-oss-20b", http).with_structured_output(schema, method="function_calling")
    assert asked.invoke("What is the weather in Paris?") == {"city": "Paris"}
