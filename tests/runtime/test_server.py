"""What a server promises whatever it serves: health, limits, deadlines, an end that lets calls finish."""

from __future__ import annotations

import asyncio
from typing import cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry
from toolgate.tool_executor.v1.tool_executor_service_pb2 import ExecuteToolRequest
from toolgate.tool_executor.v1.tool_executor_service_pb2_grpc import ToolExecutorServiceStub
from toolgate_runtime.channel import Channel
from toolgate_runtime.errors import StartError
from toolgate_runtime.logs import request_id
from toolgate_runtime.ports import EXECUTOR, ServiceError
from toolgate_runtime.remote import RemoteExecutor, RemoteHealth
from toolgate_tool_executor.service import DESCRIPTOR, ToolExecutorService

from tests.services.serving import FakeExecutor, handling, serving, serving_executor, started


def said(error: ServiceError) -> tuple[str, str, bool]:
    return error.reason, error.message, error.retryable


async def test_health_is_reported_under_the_services_name() -> None:
    async with serving_executor(FakeExecutor()) as channel:
        assert await RemoteHealth(channel, EXECUTOR).state(timeout_s=5) == "serving"
        assert await RemoteHealth(channel, "extractor").state(timeout_s=5) == "unavailable"


async def test_health_of_a_missing_service_is_unavailable() -> None:
    server = await started(ToolExecutorService(FakeExecutor(), handling()), DESCRIPTOR)
    await server.drain()
    channel = Channel(f"127.0.0.1:{server.port}")
    assert await RemoteHealth(channel, EXECUTOR).state(timeout_s=0.2) == "unavailable"
    await channel.aclose()


async def test_a_drain_reports_not_serving_and_finishes_calls_in_flight() -> None:
    executor = FakeExecutor()
    server = await started(ToolExecutorService(executor, handling()), DESCRIPTOR, health_grace_s=0.5)
    channel = Channel(f"127.0.0.1:{server.port}")
    call = asyncio.create_task(RemoteExecutor(channel).execute("wait", b"{}", timeout_s=10))
    await executor.entered.wait()
    drain = asyncio.create_task(server.drain())
    while await RemoteHealth(channel, EXECUTOR).state(timeout_s=5) == "serving":
        pass
    executor.released.set()
    assert (await call).content == "{}"
    await drain
    assert executor.closed
    await channel.aclose()


async def test_an_aged_connection_is_replaced_without_losing_a_call() -> None:
    executor = FakeExecutor()
    server = await started(ToolExecutorService(executor, handling()), DESCRIPTOR, max_connection_age_s=0.2)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as plain:
        await plain.channel_ready()
        channel = Channel(f"127.0.0.1:{server.port}")
        call = asyncio.create_task(RemoteExecutor(channel).execute("wait", b"{}", timeout_s=10))
        await executor.entered.wait()
        # The server sends an idle connection away, and with it its client back to DNS.
        await plain.wait_for_state_change(grpc.ChannelConnectivity.READY)
        executor.released.set()
        assert (await call).content == "{}"
        await channel.aclose()
    await server.drain()


async def test_calls_that_outlast_the_drain_end_with_an_error() -> None:
    executor = FakeExecutor()
    server = await started(ToolExecutorService(executor, handling()), DESCRIPTOR, drain_s=0.05)
    channel = Channel(f"127.0.0.1:{server.port}")
    call = asyncio.create_task(RemoteExecutor(channel).execute("wait", b"{}", timeout_s=10))
    await executor.entered.wait()
    await server.drain()
    with pytest.raises(ServiceError):
        await call
    await channel.aclose()


async def test_a_deadline_ends_the_call_on_both_sides() -> None:
    executor = FakeExecutor()
    async with serving_executor(executor) as channel:
        with pytest.raises(ServiceError) as caught:
            await RemoteExecutor(channel).execute("wait", b"{}", timeout_s=0.2)
        assert said(caught.value)[0::2] == ("DEADLINE", True)
        await executor.cancelled.wait()
        assert 0 < executor.timeouts[0] <= 0.2


async def test_a_timeout_of_zero_is_a_deadline() -> None:
    async with serving_executor(FakeExecutor()) as channel:
        with pytest.raises(ServiceError) as caught:
            await RemoteExecutor(channel).execute("echo", b"{}", timeout_s=0)
        assert said(caught.value) == ("DEADLINE", "no answer in time", True)


async def test_a_call_without_a_deadline_is_bounded_by_the_server() -> None:
    executor = FakeExecutor()
    service = ToolExecutorService(executor, handling(max_call_s=0.1))
    async with serving(service, DESCRIPTOR) as channel:
        stub = ToolExecutorServiceStub(channel.grpc)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ExecuteTool(ExecuteToolRequest(name="wait"), timeout=None)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_client_that_goes_away_cancels_its_call() -> None:
    executor = FakeExecutor()
    async with serving_executor(executor) as channel:
        call = asyncio.create_task(RemoteExecutor(channel).execute("wait", b"{}", timeout_s=30))
        await executor.entered.wait()
        call.cancel()
        await executor.cancelled.wait()


async def test_an_oversized_message_is_rejected() -> None:
    async with serving_executor(FakeExecutor(), max_message_bytes=4096) as channel:
        executor = RemoteExecutor(channel)
        with pytest.raises(ServiceError) as caught:
            await executor.execute("echo", b'"' + b"x" * 5000 + b'"', timeout_s=5)
        assert said(caught.value) == ("MESSAGE_TOO_LARGE", "a message is larger than the limit", False)
        assert (await executor.execute("echo", b"{}", timeout_s=5)).content == "{}"


async def test_an_oversized_response_is_rejected() -> None:
    async with serving_executor(FakeExecutor(), max_message_bytes=6000) as channel:
        executor = RemoteExecutor(Channel(channel.address, max_message_bytes=2000))
        with pytest.raises(ServiceError) as caught:
            await executor.execute("echo", b'"' + b"x" * 1500 + b'"' + b" " * 480, timeout_s=5)
        assert caught.value.reason == "MESSAGE_TOO_LARGE"


async def test_calls_beyond_the_servers_limit_are_rejected_as_overload() -> None:
    executor = FakeExecutor()
    async with serving_executor(executor, max_concurrent_calls=1) as channel:
        remote = RemoteExecutor(channel)
        first = asyncio.create_task(remote.execute("wait", b"{}", timeout_s=10))
        await executor.entered.wait()
        with pytest.raises(ServiceError) as caught:
            await remote.execute("echo", b"{}", timeout_s=5)
        executor.released.set()
        assert (await first).content == "{}"
    assert said(caught.value)[0::2] == ("OVERLOADED", True)


async def test_a_defect_is_internal_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async with serving_executor(FakeExecutor()) as channel:
        with pytest.raises(ServiceError) as caught:
            await RemoteExecutor(channel).execute("break", b"{}", timeout_s=5)
    assert said(caught.value) == ("INTERNAL", "internal error", False)
    assert [record.getMessage() for record in caplog.records] == ["defect"]


async def test_every_failure_carries_an_error_info() -> None:
    async with serving_executor(FakeExecutor()) as channel:
        stub = ToolExecutorServiceStub(channel.grpc)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ExecuteTool(ExecuteToolRequest(name="break"), timeout=5)
    status = rpc_status.from_call(cast("grpc.Call", caught.value))
    info = ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INTERNAL", "toolgate")


async def test_calls_are_counted_by_method_and_code() -> None:
    registry = CollectorRegistry()
    service = ToolExecutorService(FakeExecutor(), handling("tool-executor", registry))
    async with serving(service, DESCRIPTOR) as channel:
        await RemoteExecutor(channel).execute("echo", b"{}", timeout_s=5)
        with pytest.raises(ServiceError):
            await RemoteExecutor(channel).execute("break", b"{}", timeout_s=5)
    counts = {
        code: registry.get_sample_value(
            "toolgate_grpc_server_handled_total", {"service": "tool-executor", "method": "ExecuteTool", "code": code}
        )
        for code in ("OK", "INTERNAL", "CANCELLED")
    }
    assert counts == {"OK": 1, "INTERNAL": 1, "CANCELLED": None}


async def test_debug_mode_shows_each_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="toolgate")
    async with serving_executor(FakeExecutor()) as channel:
        await RemoteExecutor(channel).execute("echo", b'"private"', timeout_s=5)
    (fields,) = (vars(record)["fields"] for record in caplog.records if record.getMessage() == "call")
    assert fields.pop("ms") > 0
    assert fields == {"method": "ExecuteTool", "code": "OK", "reason": ""}


async def test_the_request_id_travels_with_the_call() -> None:
    seen = []

    class Noticing(FakeExecutor):
        async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float):
            seen.append(request_id.get())
            return await super().execute(name, arguments_json, timeout_s=timeout_s)

    async with serving_executor(Noticing()) as channel:
        token = request_id.set("req-1")
        await RemoteExecutor(channel).execute("echo", b"{}", timeout_s=5)
        request_id.reset(token)
    assert seen == ["req-1"]


async def test_a_taken_port_is_reported_in_one_line() -> None:
    first = await started(ToolExecutorService(FakeExecutor(), handling()), DESCRIPTOR)
    with pytest.raises(StartError, match=f"^cannot listen on 127.0.0.1:{first.port}: "):
        await started(ToolExecutorService(FakeExecutor(), handling()), DESCRIPTOR, grpc_port=first.port)
    await first.drain()
