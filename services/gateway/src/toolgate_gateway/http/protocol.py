"""A client's connection: uvicorn's protocol, with a bound on everything that comes before the app sees a request.

uvicorn and its parser bound neither heads nor trailers nor time, and join what they hold byte by byte. Here

- every byte that is not of a body counts: a head, a trailer or a chunk's frame that is too long is refused while it
  comes (`data_received`), so that the parser never holds more than one read beyond the bound;
- a head, and each part of a body, must come in time; timers exist only while something is half read;
- requests that were sent ahead are bounded, and so are connections: beyond the bound the one that has waited longest
  without a request makes room;
- a connection that ends while its client still sends is read on for a moment. Closing it at once would reset it, and
  the client would never read why.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
from collections.abc import Callable
from typing import Any

import httptools
from toolgate_core import limits
from toolgate_core.types.errors import ToolgateError
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from toolgate_gateway.http.connection import ARRIVED
from toolgate_gateway.http.errors import SERVER, ApiError


class Phase(enum.Enum):
    """What is half read of a connection."""

    IDLE = enum.auto()
    """Nothing: the next byte begins a request."""
    HEAD = enum.auto()
    BODY = enum.auto()
    """The body, or the trailers behind it."""


# Before Python 3.12 each look at a member takes as long as a call.
_IDLE, _HEAD, _BODY = Phase


class RefusedError(ToolgateError):
    """The client's bytes are no request that can be served; `error` is the answer."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class Connections:
    """The connections of one server: how many there may be, and which of them wait for a request.

    `refused` is called with the status of each answer that no app gave.
    """

    def __init__(self, limit: int, refused: Callable[[int], None]) -> None:
        self.limit = limit
        self.refused = refused
        self.waiting: dict[ClientConnection, None] = {}
        """Those without a request, the one that has waited longest first."""

    def make_room(self, count: int) -> bool:
        """Return whether one more than `count` may stay, after closing the one that has waited longest if need be."""
        if count <= self.limit:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is None:
            return False
        del self.waiting[oldest]
        oldest.drop()
        return True


class _Transport:
    """What uvicorn writes to: the socket's transport, but for how it is closed."""

    __slots__ = ("abort", "close", "is_closing", "write")

    def __init__(self, socket: asyncio.Transport, connection: ClientConnection) -> None:
        self.write = socket.write
        self.abort = socket.abort
        self.close = connection.hang_up
        self.is_closing = connection.is_closing


class ClientConnection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        all_connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = all_connections
        self._socket: asyncio.Transport = None  # type: ignore[assignment]
        self._phase = _HEAD
        self._heard = False
        self._unparsed = 0  # bytes since the last one that was of a body, or ended a message
        self._head_size = 0
        self._body_size = 0  # of the body, since the timer was set
        self._timer: asyncio.TimerHandle | None = None
        self._active: RequestResponseCycle | None = None
        self._deaf = False  # what comes is thrown away
        self._discarded = 0
        self._lingering = False

    # The connection's life

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; make room for this connection, or refuse it."""
        super().connection_made(transport)
        self._socket = transport
        self.transport = _Transport(transport, self)  # type: ignore[assignment]
        if self._all.make_room(len(self.connections)):
            self._all.waiting[self] = None
            self._arm(limits.HEAD_TIMEOUT_S)
        else:
            self._phase = _IDLE  # nothing is read on: it would take the place of others
            self._refuse(_error(503, "Too many connections; try again.", "overloaded", retry_after_s=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._disarm()
        self._unset_keepalive_if_required()
        self._all.waiting.pop(self, None)

    def is_closing(self) -> bool:
        """Whether nothing more will be written."""
        return self._lingering or self._socket.is_closing()

    def drop(self) -> None:
        """Close the connection at once; it has no request."""
        self._deaf = True
        self._socket.close()

    def hang_up(self) -> None:
        """Close the connection once all is written, and not before its client could read it."""
        if self._phase is _IDLE or self._lingering or self._socket.is_closing():
            self._socket.close()
            if self._socket.get_write_buffer_size():
                self._arm(limits.FLUSH_S)
            return
        self._deaf = self._lingering = True
        self._socket.write_eof()
        self.flow.resume_reading()
        self._arm(limits.LINGER_S)

    # Reading

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self._deaf:
            self._discard(len(data))
            return
        self._heard = True
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken here: the request is answered as it is
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.error if isinstance(cause, RefusedError) else _error(400, "This is not HTTP.", None))
            return
        if self._unparsed > limits.MAX_HEAD_BYTES and self._phase is not _IDLE:
            self._refuse(_head_too_large())
        elif self._timer is None and self._phase is not _IDLE:
            self._arm(limits.HEAD_TIMEOUT_S if self._phase is _HEAD else limits.BODY_TIMEOUT_S)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unset_keepalive_if_required()
        self._phase = _HEAD
        self._unparsed = self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        self.url += url
        if len(self.url) > limits.MAX_URL_BYTES:
            raise RefusedError(_error(414, f"The URL is longer than {limits.MAX_URL_BYTES} bytes.", "url_too_long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers count like headers, but are none: nobody has checked that they may be sent.

        It does what uvicorn's does, without a further call for each header.
        """
        self._head_size = size = self._head_size + len(name) + len(value) + 4
        headers = self.headers
        if size > limits.MAX_HEAD_BYTES or len(headers) >= limits.MAX_HEADERS:
            raise RefusedError(_head_too_large())
        if self._phase is _HEAD:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to serve a request, or queue it behind those before it."""
        if len(self.pipeline) >= limits.MAX_PIPELINED:
            raise RefusedError(_error(429, "Too many requests were sent ahead on one connection.", "pipeline_full"))
        self._disarm()
        self._phase = _BODY
        self._body_size = self._head_size = 0
        self._all.waiting.pop(self, None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed = 0
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body."""
        self._disarm()
        self._phase = _IDLE
        self._unparsed = 0
        self.scope[ARRIVED] = True  # type: ignore[literal-required]
        super().on_message_complete()

    # Answering

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Wait for the next request; after an answer that came before its request was read there is none."""
        super().on_response_complete()
        if self._phase is _BODY and self._active is self.cycle and not self.is_closing():
            self.hang_up()
        elif self.cycle.response_complete and not self.is_closing():
            self._all.waiting[self] = None

    def _refuse(self, error: ApiError) -> None:
        """Read no further: answer what can be answered, and close."""
        self._deaf = True
        self._disarm()
        self._all.refused(error.status)
        newest = self.cycle
        if newest is None or newest.response_complete:
            self._respond(error)
        elif not newest.more_body:
            newest.keep_alive = False  # it is whole, and answered; the fault is in what follows it
        elif newest is self._active:
            newest.disconnected = True
            newest.message_event.set()
            if newest.response_started:
                self.hang_up()
            else:
                self._respond(error)
        else:
            self.pipeline.popleft()
            before = self.pipeline[0][0] if self.pipeline else self._active
            assert before is not None
            before.keep_alive = False

    def _respond(self, error: ApiError) -> None:
        body = error.body()
        lines = [STATUS_LINE.get(error.status, STATUS_LINE[400])]
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (b"x-request-id", secrets.token_hex(12).encode()),
            *error.headers(),
        ]
        lines += [b"%b: %b\r\n" % header for header in headers]
        self._socket.write(b"".join([*lines, b"\r\n", body]))
        self._all.waiting.pop(self, None)
        self.hang_up()

    # Time

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        if self._lingering or self._socket.is_closing():
            self._socket.abort()
        elif not self._heard:
            self.drop()
        elif self._phase is _HEAD:
            self._refuse(_error(408, "The request's head did not come in time.", "request_timeout"))
        elif self.flow.read_paused or self._body_size >= limits.MIN_BODY_BYTES:
            # It is the gateway that does not read, or the client is not idle.
            self._body_size = 0
            self._arm(limits.BODY_TIMEOUT_S)
        else:
            self._refuse(_error(408, "The request's body did not come in time.", "request_timeout"))

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > limits.MAX_LINGER_BYTES:
            self._socket.abort()


def _error(status: int, message: str, code: str | None, *, retry_after_s: int | None = None) -> ApiError:
    kind = SERVER if status >= 500 else "invalid_request_error"
    return ApiError(status, message, kind=kind, code=code, retry_after_s=retry_after_s)


def _head_too_large() -> ApiError:
    what = f"{limits.MAX_HEAD_BYTES} bytes or {limits.MAX_HEADERS} headers"
    return _error(431, f"The request's head, or its trailers, have more than {what}.", "head_too_large")
