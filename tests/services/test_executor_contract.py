"""The tool-executor's contract, in-process and over gRPC, for a small executor and for the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace
from toolgate_runtime.ports import ExecutorPort, ToolFailure, ToolInfo, ToolOutcome
from toolgate_runtime.remote import RemoteExecutor
from toolgate_tool_executor.executor import Executor
from toolgate_tool_executor.service import DESCRIPTOR, ClosableExecutor, ToolExecutorService

from tests.services.serving import FakeExecutor, handling, serving


async def adapters(kind: str, make: Callable[[], ClosableExecutor]) -> AsyncIterator[ExecutorPort]:
    executor = make()
    if kind == "local":
        yield executor
        await executor.aclose()
        return
    async with serving(ToolExecutorService(executor, handling("tool-executor")), DESCRIPTOR) as channel:
        yield RemoteExecutor(channel)


@pytest.fixture(params=["local", "remote"])
async def small(request: pytest.FixtureRequest) -> AsyncIterator[ExecutorPort]:
    async for adapter in adapters(request.param, FakeExecutor):
        yield adapter


@pytest.fixture(params=["local", "remote"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[ExecutorPort]:
    async for adapter in adapters(request.param, Executor):
        yield adapter


def timeless(outcome: ToolOutcome) -> ToolOutcome:
    return replace(outcome, duration_ms=0.0)


async def test_tools_are_listed_with_exact_schemas(small: ExecutorPort) -> None:
    info = ToolInfo(name="echo", description="Says it again.", parameters={"type": "object", "maxProperties": 2**70})
    assert await small.tools(timeout_s=5) == (info,)


async def test_a_result_arrives_exactly(small: ExecutorPort) -> None:
    outcome = await small.execute("echo", b'{"b":9007199254740993,"a":1}', timeout_s=5)
    assert outcome == ToolOutcome(
        content='{"b":9007199254740993,"a":1}',
        structured={"z": 2**53 + 1, "a": [1.0]},
        total_bytes=28,
        duration_ms=0.5,
    )
    assert isinstance(outcome.structured, dict)
    assert list(outcome.structured) == ["z", "a"]


async def test_a_failure_of_a_tool_is_an_outcome(small: ExecutorPort) -> None:
    assert await small.execute("nope", b"{}", timeout_s=5) == ToolOutcome(
        error=ToolFailure(code="not_found", message="There is no tool 'nope'.", hint="List them.")
    )


async def test_the_real_executor_lists_its_tools(real: ExecutorPort) -> None:
    assert await real.tools(timeout_s=5) == await Executor().tools(timeout_s=5)
    assert {"calculator", "time_now", "system_info"} <= {info.name for info in await real.tools(timeout_s=5)}


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("nope", b"{}", "not_found"),
        ("calculator", b"{", "invalid_arguments"),
        ("calculator", b"[" * 100_000, "invalid_arguments"),
        ("calculator", b'{"expression":"\xff"}', "invalid_arguments"),
    ],
)
async def test_the_real_executor_returns_bad_input_as_an_outcome(
    real: ExecutorPort, name: str, arguments: bytes, code: str
) -> None:
    outcome = await real.execute(name, arguments, timeout_s=5)
    assert outcome.error is not None
    assert outcome.error.code == code
    assert timeless(outcome) == timeless(await Executor().execute(name, arguments, timeout_s=5))


async def test_the_real_executor_computes(real: ExecutorPort) -> None:
    outcome = await real.execute("calculator", b'{"expression":"2**53 + 1"}', timeout_s=10)
    assert outcome.error is None
    assert "9007199254740993" in outcome.content
