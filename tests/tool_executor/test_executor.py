"""The contract that every tool is under: arguments, deadlines, size, failures. And that the table is complete."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import pytest
from pydantic import Field
from toolgate_core.jsontext import JsonValue
from toolgate_runtime.ports import ToolFailure, ToolOutcome
from toolgate_tool_executor import tools as tools_package
from toolgate_tool_executor.executor import Executor
from toolgate_tool_executor.tools import TOOLS
from toolgate_tool_executor.tools.base import Arguments, Tool, ToolError

from tests.tool_executor.running import failure


class EchoArguments(Arguments):
    """What the stand-in takes."""

    text: str = Field(max_length=100, description="What to say.", examples=["hello"])
    times: int = Field(default=1, ge=0, le=10_000, description="How often.")


class Echo(Tool[EchoArguments]):
    """A tool for tests: repeats a text, one per line; hangs, breaks or refuses on demand."""

    name: ClassVar[str] = "echo"
    description: ClassVar[str] = "Repeat a text."
    arguments: ClassVar[type[Arguments]] = EchoArguments
    timeout_s: ClassVar[float] = 30
    max_output_bytes: ClassVar[int] = 1000

    async def run(self, arguments: EchoArguments) -> JsonValue:
        if arguments.text == "hang":
            await asyncio.Event().wait()
        if arguments.text == "break":
            raise RuntimeError("canary: /etc/secret")
        if arguments.text == "refuse":
            raise ToolError("not_computable", "no", hint="ask again", retryable=False)
        return "\n".join([arguments.text] * arguments.times)


async def echo(arguments: bytes | dict[str, Any], timeout_s: float = 10) -> ToolOutcome:
    text = arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode()
    return await Executor([Echo()]).execute("echo", text, timeout_s=timeout_s)


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    made = Executor()
    yield made
    await made.aclose()


def test_every_tool_file_is_in_the_table() -> None:
    folder = Path(tools_package.__path__[0])
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert {tool.__module__.rpartition(".")[2] for tool in TOOLS} == files
    assert {tool.name for tool in TOOLS} == files


def test_every_tool_has_its_own_tests() -> None:
    here = Path(__file__).parent / "tools"
    assert {f"test_{tool.name}.py" for tool in TOOLS} <= {path.name for path in here.glob("*.py")}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_tool_says_what_it_is_for_and_under_which_limits(tool: type[Tool[Any]]) -> None:
    assert import_module(tool.__module__).__doc__
    assert tool.description.endswith(".")
    assert 0 < tool.timeout_s <= 30
    assert 0 < tool.max_output_bytes <= 64 * 1024


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_tool_publishes_a_plain_bounded_schema(tool: type[Tool[Any]], executor: Executor) -> None:
    info = {found.name: found for found in await executor.tools(timeout_s=1)}[tool.name]
    jsonschema_rs.meta.validate(info.parameters)
    assert info.parameters["additionalProperties"] is False
    assert "title" not in info.parameters
    assert "$defs" not in info.parameters
    properties: Any = info.parameters["properties"]
    for field in properties.values():
        assert field["description"]
        assert field["examples"]
        assert {"maxLength", "enum", "maxItems", "maximum"} & field.keys(), "no bound"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_tool_runs_on_the_examples_of_its_schema(tool: type[Tool[Any]], executor: Executor) -> None:
    arguments = {name: (field.examples or [None])[0] for name, field in tool.arguments.model_fields.items()}
    outcome = await executor.execute(tool.name, json.dumps(arguments).encode(), timeout_s=10)
    assert outcome.error is None
    text = isinstance(outcome.structured, str)  # which is its own content
    assert (outcome.content if text else json.loads(outcome.content)) == outcome.structured
    assert outcome.total_bytes == len(outcome.content.encode())
    assert outcome.duration_ms > 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_tool_that_gets_no_time_says_so(tool: type[Tool[Any]], executor: Executor) -> None:
    arguments = {name: (field.examples or [None])[0] for name, field in tool.arguments.model_fields.items()}
    outcome = await executor.execute(tool.name, json.dumps(arguments).encode(), timeout_s=0)
    assert failure(outcome).code == "timeout"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
@pytest.mark.parametrize(
    "arguments",
    [
        b"{",
        b"[]",
        b"5",
        b"null",
        b'{"unknown": 1}',
        b"\xff",
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b'{"x":"' + b"y" * 100_000,
    ],
    ids=["cut", "list", "number", "null", "unknown", "utf8", "deep", "deeper", "long"],
)
async def test_bad_arguments_are_an_outcome(tool: type[Tool[Any]], arguments: bytes, executor: Executor) -> None:
    error = failure(await executor.execute(tool.name, arguments, timeout_s=10))
    assert (error.code, error.retryable) == ("invalid_arguments", True)
    assert len(error.message) < 500


async def test_unknown_tool_is_an_outcome_that_names_the_nearest(executor: Executor) -> None:
    assert failure(await executor.execute("calculater", b"{}", timeout_s=1)) == ToolFailure(
        code="not_found", message="unknown tool 'calculater'", hint="did you mean calculator?", retryable=True
    )
    far = failure(await executor.execute("x" * 10_000, b"{}", timeout_s=1))
    assert far.hint == f"available tools: {', '.join(tool.name for tool in TOOLS)}"
    assert len(far.message) < 200


async def test_message_names_each_field_and_what_was_given() -> None:
    error = failure(await echo({"text": 5, "times": 99_999, "tmes": 1}))
    assert error == ToolFailure(
        code="invalid_arguments",
        message=(
            "text: Input should be a valid string (got 5); times: Input should be less than or equal to 10000 "
            "(got 99999); tmes: unknown argument (known: text, times)"
        ),
        hint='for example {"text":"hello"}',
        retryable=True,
    )


async def test_missing_argument_is_named() -> None:
    assert failure(await echo(b"")).message == "text: is required"


async def test_null_stands_for_an_optional_argument_that_is_not_given() -> None:
    assert (await echo({"text": "a", "times": None})).content == "a"


async def test_text_is_its_own_content() -> None:
    outcome = await echo({"text": "é", "times": 2})
    assert (outcome.content, outcome.structured, outcome.total_bytes, outcome.truncated) == ("é\né", "é\né", 5, False)


async def test_output_that_is_too_long_is_cut_after_a_line_and_says_so() -> None:
    outcome = await echo({"text": "ninechars", "times": 500})
    text, _, note = outcome.content.rpartition("\n")
    assert set(text.split("\n")) == {"ninechars"}
    assert note == "[cut: the result has 4999 bytes, the limit is 1000; ask for less]"
    assert len(outcome.content.encode()) <= 1000
    assert (outcome.truncated, outcome.total_bytes, outcome.structured) == (True, 4999, None)


async def test_output_of_one_long_line_is_cut_after_a_character() -> None:
    class Long(Echo):
        async def run(self, arguments: EchoArguments) -> JsonValue:
            return "한" * 1000

    outcome = await Executor([Long()]).execute("echo", b'{"text":""}', timeout_s=1)
    head, _, _ = outcome.content.partition("\n")
    assert set(head) == {"한"}
    assert len(outcome.content.encode()) <= 1000


async def test_tool_that_hangs_is_cut_at_the_callers_deadline() -> None:
    error = failure(await echo({"text": "hang"}, timeout_s=0.01))
    assert error == ToolFailure(code="timeout", message="the tool echo took longer than 0.01 s", retryable=True)


async def test_tool_that_hangs_is_cut_at_its_own_deadline() -> None:
    class Hurried(Echo):
        timeout_s: ClassVar[float] = 0.01

    outcome = await Executor([Hurried()]).execute("echo", b'{"text":"hang"}', timeout_s=60)
    assert failure(outcome).code == "timeout"


async def test_tool_that_breaks_shows_nothing_of_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = await echo({"text": "break"})
    assert failure(outcome) == ToolFailure(code="internal", message="the tool echo failed")
    assert "canary" in caplog.text


async def test_timeout_error_of_a_tool_is_not_taken_for_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    class Late(Echo):
        async def run(self, arguments: EchoArguments) -> JsonValue:
            raise TimeoutError

    outcome = await Executor([Late()]).execute("echo", b'{"text":""}', timeout_s=60)
    assert failure(outcome).code == "internal"
    assert caplog.records


async def test_tool_that_refuses_is_quoted() -> None:
    assert failure(await echo({"text": "refuse"})) == ToolFailure(
        code="not_computable", message="no", hint="ask again", retryable=False
    )


async def test_cancelling_a_run_ends_the_wait() -> None:
    task = asyncio.create_task(echo({"text": "hang"}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_executor_can_be_closed_twice() -> None:
    made = Executor()
    await made.execute("calculator", b'{"expression":"1"}', timeout_s=10)
    await made.aclose()
    await made.aclose()
