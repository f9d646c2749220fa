"""A server-sent event stream to a client.

The response's head is sent with the first byte of the body: until then an error can still have its own HTTP status. On
an idle stream keep-alive comments are sent, so that proxies and clients do not time out while the gateway holds back
text or the upstream computes.
"""

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

    `headers` returns the response headers; it is called when the head is sent, because they say how far the request has
    come. `keep_alive_s` is the interval of keep-alive comments. `whole_event`: the data sent so far ends at an event's
    end.
    """

    def __init__(self, connection: HttpConnection, headers: Callable[[], Headers], keep_alive_s: float) -> None:
        self._connection = connection
        self._headers = headers
        self._keep_alive_s = keep_alive_s
        self._loop = asyncio.get_running_loop()
        self._last_sent = self._loop.time()
        self._timer = self._loop.call_later(keep_alive_s, self._on_timer)
        self._keep_alive: asyncio.Task[None] | None = None
        self._writing = False
        self.whole_event = True

    @property
    def started(self) -> bool:
        """Whether the head was sent; from then on a failure can only be reported inside the stream."""
        return self._connection.status != 0

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send `data`; wait while the client reads more slowly than the gateway writes."""
        if self._keep_alive is not None:
            await self._keep_alive
        self._writing = True
        try:
            await self._send(data, more=more)
        finally:
            self._writing = False

    async def close(self, data: bytes) -> None:
        """Send the last data of the stream."""
        await self.write(data, more=False)
        self.release()

    def release(self) -> None:
        """Stop the keep-alive timer; idempotent. Call it when nothing more is sent."""
        self._timer.cancel()
        if self._keep_alive is not None:
            self._keep_alive.cancel()

    async def _send(self, data: bytes, *, more: bool = True) -> None:
        if not self.started:
            await self._connection.start(200, [*_HEAD, *self._headers()])
        self._last_sent = self._loop.time()
        self.whole_event = data.endswith((b"\n\n", b"\r\n\r\n"))
        await self._connection.write(data, more=more)

    def _on_timer(self) -> None:
        """Send a comment if the stream has been idle for the interval, and set the timer for the next check."""
        wait = self._last_sent + self._keep_alive_s - self._loop.time()
        if wait <= 0:
            wait = self._keep_alive_s
            # A comment inside a partly forwarded event would corrupt the event.
            if not self._writing and self._keep_alive is None and self.whole_event:
                self._keep_alive = self._loop.create_task(self._send_keep_alive())
        self._timer = self._loop.call_later(wait, self._on_timer)

    async def _send_keep_alive(self) -> None:
        try:
            await self._send(KEEP_ALIVE)
        finally:
            self._keep_alive = None
