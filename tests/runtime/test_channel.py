"""A client finds its service again, and does not hang while it is gone."""

from __future__ import annotations

import asyncio

import pytest
from toolgate_runtime.channel import Channel
from toolgate_runtime.ports import ServiceError
from toolgate_runtime.remote import RemoteExecutor
from toolgate_tool_executor.service import DESCRIPTOR, ToolExecutorService

from tests.services.serving import FakeExecutor, handling, started


async def served(port: int = 0):
    return await started(ToolExecutorService(FakeExecutor(), handling()), DESCRIPTOR, grpc_port=port, drain_s=0)


async def test_a_restarted_service_is_found_again() -> None:
    server = await served()
    channel = Channel(f"127.0.0.1:{server.port}")
    executor = RemoteExecutor(channel)
    assert (await executor.execute("echo", b"1", timeout_s=5)).content == "1"
    await server.drain()
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            await executor.execute("echo", b"2", timeout_s=5)
        assert (caught.value.reason, caught.value.retryable) == ("UNAVAILABLE", True)
    again = await served(server.port)
    # Within the grace of one call: nothing but a working connection ends this wait early.
    async with asyncio.timeout(5):
        assert (await executor.execute("echo", b"3", timeout_s=5)).content == "3"
    await again.drain()
    await channel.aclose()


async def test_a_call_during_a_restart_is_served() -> None:
    server = await served()
    channel = Channel(f"127.0.0.1:{server.port}")
    executor = RemoteExecutor(channel)
    await executor.execute("echo", b"1", timeout_s=5)
    await server.drain()
    call = asyncio.create_task(executor.execute("echo", b"2", timeout_s=5))
    await asyncio.sleep(0)
    again = await served(server.port)
    assert (await call).content == "2"
    await again.drain()
    await channel.aclose()


async def test_a_closed_channel_is_unavailable() -> None:
    server = await served()
    channel = Channel(f"127.0.0.1:{server.port}")
    await channel.aclose()
    with pytest.raises(ServiceError) as caught:
        await RemoteExecutor(channel).execute("echo", b"1", timeout_s=1)
    assert caught.value.reason == "UNAVAILABLE"
    await server.drain()
