"""Server-side handling shared by all RPCs: request id, time limit, error statuses, metrics."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, TypeAlias

import grpc
from grpc_status import rpc_status

from toolgate_runtime.errors import REASONS, to_status, translate
from toolgate_runtime.logs import REQUEST_ID_KEY, Log, request_id
from toolgate_runtime.metrics import RpcMetrics

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Handling:
    """Creates the context of each RPC of one service; `max_call_s` limits every call."""

    def __init__(self, service: str, metrics: RpcMetrics, log: Log, *, max_call_s: float) -> None:
        self.service = service
        self.metrics = metrics
        self.log = log
        self.max_call_s = max_call_s

    def rpc(self, method: str, context: Context) -> Rpc:
        """Return the context for a handler's body."""
        return Rpc(self, method, context)


class Rpc:
    """The context of a handler's body: entering returns the seconds left; an exception becomes a gRPC status."""

    def __init__(self, handling: Handling, method: str, context: Context) -> None:
        self._handling = handling
        self._method = method
        self._context = context
        self._start = time.perf_counter()
        limit_s = handling.max_call_s
        self._left_s = min(context.time_remaining() or limit_s, limit_s)
        self._timeout = asyncio.timeout(self._left_s)

    async def __aenter__(self) -> float:
        for key, value in self._context.invocation_metadata() or ():
            if key == REQUEST_ID_KEY and isinstance(value, str):
                request_id.set(value)
        await self._timeout.__aenter__()
        return self._left_s

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code, reason = "CANCELLED", ""
        try:
            try:
                await self._timeout.__aexit__(kind, error, trace)
            except TimeoutError as late:
                error = late
            if error is None:
                code = "OK"
            elif isinstance(error, Exception):
                failure = translate(self._handling.service, error)
                code, reason = REASONS[failure.reason].code.name, failure.reason
                await self._context.abort_with_status(rpc_status.to_status(to_status(failure)))
        finally:
            seconds = time.perf_counter() - self._start
            self._handling.metrics.ended(self._method, code, seconds)
            if self._handling.log.stages:
                ms = round(seconds * 1000, 3)
                self._handling.log.stage("call", method=self._method, code=code, reason=reason, ms=ms)
