"""Metrics of upstreams: a wrapper around any provider, so that its users do not have to count.

The wrapper costs one coroutine per read, and nothing per event. A request is counted once: when its answer ends, fails
or is closed, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ModelRequest

from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.telemetry.upstream_timer import CANCELLED, UpstreamTimer
from toolgate_gateway.upstreams.base import (
    CHAT_PATH,
    JSON_TYPE,
    CallContext,
    ForwardedAnswer,
    ModelAnswer,
    Provider,
)


class MeteredProvider:
    """A provider whose requests are counted under its name."""

    def __init__(self, provider: Provider, metrics: GatewayMetrics, clock: Callable[[], float]) -> None:
        """`clock`: monotonic, in seconds."""
        self.name = provider.name
        self._provider = provider
        self._metrics = metrics
        self._clock = clock

    async def call(self, request: ModelRequest, context: CallContext) -> ModelAnswer | Failure:
        """Send a chat request and await the head of its answer."""
        timer = self._timer(context)
        answer = None
        try:
            answer = await self._provider.call(request, context)
        finally:
            if answer is None:  # cancelled while it waited for the head
                timer.end(CANCELLED)
        if isinstance(answer, Failure):
            timer.failed(answer)
            return answer
        return _MeteredAnswer(answer, timer)

    async def forward(
        self, body: bytes, context: CallContext, *, path: str = CHAT_PATH, content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched."""
        timer = self._timer(context)
        answer = None
        try:
            answer = await self._provider.forward(body, context, path=path, content_type=content_type)
        finally:
            if answer is None:  # cancelled while it waited for the head
                timer.end(CANCELLED)
        if isinstance(answer, Failure):
            timer.failed(answer)
            return answer
        return _MeteredBytes(answer, timer)

    async def models(self) -> list[JsonObject] | Failure:
        """Return the upstream's models; listings are not counted."""
        return await self._provider.models()

    async def aclose(self) -> None:
        """Close every pooled connection."""
        await self._provider.aclose()

    def _timer(self, context: CallContext) -> UpstreamTimer:
        return UpstreamTimer(self._metrics, self.name, context.priority, self._clock)


class _MeteredAnswer:
    """An answer whose first chunk and end are counted."""

    __slots__ = ("_answer", "_timer", "headers")

    def __init__(self, answer: ModelAnswer, timer: UpstreamTimer) -> None:
        self.headers = answer.headers
        self._answer = answer
        self._timer = timer

    async def read(self) -> ResponseChunk | Failure:
        """Return all that has arrived since the last read, joined."""
        chunk = await self._answer.read()
        if isinstance(chunk, Failure):
            self._timer.failed(chunk)
        else:
            self._timer.first_chunk()
            if chunk.finish is not None:
                self._timer.end("200")
        return chunk

    async def close(self) -> None:
        """Release the connection."""
        self._timer.end(CANCELLED)
        await self._answer.close()


class _MeteredBytes:
    """A forwarded answer whose first bytes and end are counted.

    A body that breaks off counts as a failure only when it is closed: its reader may know that it was complete.
    """

    __slots__ = ("_answer", "_failure", "_timer", "headers")

    def __init__(self, answer: ForwardedAnswer, timer: UpstreamTimer) -> None:
        self.headers = answer.headers
        self._answer = answer
        self._timer = timer
        self._failure: Failure | None = None

    async def read(self) -> bytes | Failure:
        """Return the bytes that have arrived, empty at the end."""
        part = await self._answer.read()
        if isinstance(part, Failure):
            self._failure = part
        elif part:
            self._timer.first_chunk()
        return part

    @property
    def at_end(self) -> bool:
        """Whether all bytes have been read; False also while that is unknown."""
        return self._answer.at_end

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body reports in spite of its status."""
        failure = self._answer.failure(body)
        if failure is not None:
            self._timer.failed(failure)
        return failure

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object."""
        failure = self._answer.error(data)
        self._timer.failed(failure)
        return failure

    def end(self, origin: str = "200") -> None:
        """Count the end of the answer."""
        self._timer.end(origin)

    async def close(self, *, complete: bool = False) -> None:
        """Release the connection."""
        self._timer.end(CANCELLED if self._failure is None else self._failure.origin)
        await self._answer.close(complete=complete)
