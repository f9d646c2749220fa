"""A server-sent event stream: its head is held until the first byte, and silence is filled with comments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from toolgate_gateway.http.connection import Headers, HttpConnection

KEEP_ALIVE = b": keep-alive\n\n"
_HEAD: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


class EventStream:
    """One stream to one client.

    `facts` gives the headers that depend on how far the request has come; they are asked for when the head goes.
    `silence_s` is how long the client hears nothing before a comment goes out. `whole_event`: what was sent so far
    does not end inside an event.
    """

    def __init__(self, connection: HttpConnection, facts: Callable[[], Headers], silence_s: float) -> None:
        self._connection = connection
        self._facts = facts
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(silence_s, self._tick)
        self._beat: asyncio.Task[None] | None = None
        self._writing = False
        self.whole_event = True

    @property
    def started(self) -> bool:
        """Whether anything was sent: from then on a failure can only be told in the stream."""
        return self._connection.status != 0

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send `data` now; waits while the client reads slower than we write."""
        if self._beat is not None:
            await self._beat
        self._writing = True
        try:
            await self._send(data, more=more)
        finally:
            self._writing = False

    async def close(self, data: bytes) -> None:
        """Send the last of the stream."""
        await self.write(data, more=False)
        self.release()

    def release(self) -> None:
        """Stop the clock; nothing more will be sent. May be called more than once."""
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()

    async def _send(self, data: bytes, *, more: bool = True) -> None:
        if not self.started:
            await self._connection.start(200, [*_HEAD, *self._facts()])
        self._last = self._loop.time()
        self.whole_event = data.endswith((b"\n\n", b"\r\n\r\n"))
        await self._connection.write(data, more=more)

    def _tick(self) -> None:
        """Send a comment when it is time to, and come again when the next may be due."""
        wait = self._last + self._silence_s - self._loop.time()
        if wait <= 0:
            wait = self._silence_s
            # A comment inside a half-forwarded event would corrupt it.
            if not self._writing and self._beat is None and self.whole_event:
                self._beat = self._loop.create_task(self._send_beat())
        self._timer = self._loop.call_later(wait, self._tick)

    async def _send_beat(self) -> None:
        try:
            await self._send(KEEP_ALIVE)
        finally:
            self._beat = None
