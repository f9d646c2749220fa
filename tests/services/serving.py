"""Real servers on free ports, and the small executor that most tests of the shell need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry
from toolgate_runtime.channel import Channel
from toolgate_runtime.handling import Handling
from toolgate_runtime.logs import Log
from toolgate_runtime.metrics import RpcMetrics
from toolgate_runtime.ports import ToolFailure, ToolInfo, ToolOutcome
from toolgate_runtime.server import Described, GrpcService, Server
from toolgate_runtime.settings import GrpcSettings, setting
from toolgate_tool_executor.service import DESCRIPTOR, ToolExecutorService


class ServingSettings(GrpcSettings):
    service: ClassVar[str] = "test"
    grpc_port: int = setting(0, "Any free port.")
    drain_s: float = setting(5.0, "Long enough for every test.")


def handling(service: str = "test", registry: CollectorRegistry | None = None, *, max_call_s: float = 30.0) -> Handling:
    registry = registry or CollectorRegistry()
    metrics = RpcMetrics(registry, service, ("Transform", "Extract", "StreamExtract", "ListTools", "ExecuteTool"))
    return Handling(service, metrics, Log(), max_call_s=max_call_s)


async def started(service: GrpcService, descriptor: Described, **settings: Any) -> Server:
    server = Server(ServingSettings(**settings), service, descriptor, Log())
    await server.start()
    return server


@asynccontextmanager
async def serving(service: GrpcService, descriptor: Described, **settings: Any) -> AsyncIterator[Channel]:
    """A channel to a server that runs `service`, with mutual TLS where `tls_dir` is among the settings."""
    server = await started(service, descriptor, **settings)
    channel = Channel(f"127.0.0.1:{server.port}", tls_dir=settings.get("tls_dir", ""))
    try:
        yield channel
    finally:
        await channel.aclose()
        await server.drain()


class FakeExecutor:
    """`echo` returns its arguments; `wait` ends when `released` is set; `break` raises an unexpected error."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.closed = False
        self.timeouts: list[float] = []

    async def tools(self, *, timeout_s: float) -> tuple[ToolInfo, ...]:
        return (
            ToolInfo(name="echo", description="Says it again.", parameters={"type": "object", "maxProperties": 2**70}),
        )

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        self.timeouts.append(timeout_s)
        if name == "break":
            raise LookupError("a defect with a secret in its text")
        if name == "wait":
            await self._wait()
        if name not in ("echo", "wait"):
            return ToolOutcome(
                error=ToolFailure(code="not_found", message=f"There is no tool {name!r}.", hint="List them.")
            )
        text = arguments_json.decode()
        return ToolOutcome(
            content=text, structured={"z": 2**53 + 1, "a": [1.0]}, total_bytes=len(text), duration_ms=0.5
        )

    async def aclose(self) -> None:
        self.closed = True

    async def _wait(self) -> None:
        self.entered.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def serving_executor(executor: FakeExecutor, **settings: Any) -> AsyncIterator[Channel]:
    async with serving(ToolExecutorService(executor, handling("tool-executor")), DESCRIPTOR, **settings) as channel:
        yield channel
