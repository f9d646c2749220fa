"""Mutual TLS between services: a certificate is required, and renewed files need no restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from toolgate.tool_executor.v1.tool_executor_service_pb2 import ExecuteToolRequest
from toolgate.tool_executor.v1.tool_executor_service_pb2_grpc import ToolExecutorServiceStub
from toolgate_cli.stack import free_ports
from toolgate_runtime import tls
from toolgate_runtime.channel import Channel
from toolgate_runtime.errors import StartError
from toolgate_runtime.ports import ServiceError
from toolgate_runtime.remote import RemoteExecutor
from toolgate_tool_executor.service import DESCRIPTOR, ToolExecutorService

from tests.services.serving import FakeExecutor, handling, started
from tests.support.certificates import issue


def trust(folder: str, authority: trustme.CA | None) -> None:
    """Put another authority into a folder, or none."""
    if authority:
        Path(folder, "ca.crt").write_bytes(authority.cert_pem.bytes())
    else:
        Path(folder, "ca.crt").unlink()


@asynccontextmanager
async def secured(folder: str, executor: FakeExecutor | None = None, **settings: object) -> AsyncIterator[str]:
    """The address of a service that shows what a folder holds."""
    service = ToolExecutorService(executor or FakeExecutor(), handling())
    server = await started(service, DESCRIPTOR, tls_dir=folder, **settings)
    yield f"127.0.0.1:{server.port}"
    await server.drain()


@asynccontextmanager
async def calling(address: str, folder: str = "") -> AsyncIterator[RemoteExecutor]:
    """A client that shows what a folder holds."""
    channel = Channel(address, tls_dir=folder)
    try:
        yield RemoteExecutor(channel)
    finally:
        await channel.aclose()


async def said(client: RemoteExecutor, text: bytes) -> str:
    return (await client.execute("echo", text, timeout_s=5)).content


async def refusal(client: RemoteExecutor) -> str:
    with pytest.raises(ServiceError) as caught:
        await said(client, b"1")
    return caught.value.reason


async def test_two_who_trust_one_authority_talk(tmp_path: Path) -> None:
    folder = issue(tmp_path / "tls", trustme.CA())
    async with secured(folder) as address, calling(address, folder) as client:
        assert await said(client, b"1") == "1"


@pytest.mark.parametrize("shown", ["nothing", "another authority's"])
async def test_no_one_else_is_answered(tmp_path: Path, shown: str) -> None:
    other = issue(tmp_path / "other", trustme.CA()) if shown != "nothing" else ""
    async with secured(issue(tmp_path / "tls", trustme.CA())) as address, calling(address, other) as client:
        assert await refusal(client) == "UNAVAILABLE"


async def test_a_client_does_not_take_a_server_of_another_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    # The server trusts this client: it is the client alone that refuses.
    folder = issue(tmp_path / "client", authority)
    trust(folder, trustme.CA())
    async with secured(issue(tmp_path / "server", authority)) as address, calling(address, folder) as client:
        assert await refusal(client) == "UNAVAILABLE"


async def test_another_authority_takes_over_without_a_restart_and_cuts_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    folder, executor = issue(tmp_path / "tls", trustme.CA()), FakeExecutor()
    async with secured(folder, executor) as address, calling(address, folder) as client:
        waiting = asyncio.create_task(client.execute("wait", b'"old"', timeout_s=10))
        await executor.entered.wait()
        trust(folder, None)
        assert await said(client, b"1") == "1", "half of a renewal changes nothing"
        issue(tmp_path / "tls", trustme.CA())
        assert await said(client, b"2") == "2"
        executor.released.set()
        assert (await waiting).content == '"old"'


async def test_probes_reach_health_and_nothing_else_without_a_certificate(tmp_path: Path) -> None:
    [port] = free_ports(1)
    folder = issue(tmp_path / "tls", trustme.CA())
    async with secured(folder, health_port=port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as plain:
        asked = health_pb2.HealthCheckRequest(service=DESCRIPTOR.full_name)
        stub: Any = health_pb2_grpc.HealthStub(plain)
        answer = await stub.Check(asked)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ToolExecutorServiceStub(plain).ExecuteTool(ExecuteToolRequest(name="echo"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_folder_without_its_files_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"cannot read .*tls\.key: No such file"):
        async with secured(str(tmp_path)):
            pass
