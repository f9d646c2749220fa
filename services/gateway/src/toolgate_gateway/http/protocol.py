"""A client's connection: uvicorn's protocol, with limits on everything that precedes the app.

uvicorn and its parser limit neither heads nor trailers nor time, and they join what they buffer byte by byte. Here

- every byte outside a body counts: an oversized head, trailer or chunk frame is rejected while it arrives
  (`data_received`), so that the parser never buffers more than one read beyond the limit;
- a head, and each part of a body, must arrive in time; timers exist only while something is half read;
- pipelined requests are limited, and so are connections: at the limit, the connection that has been idle longest is
  closed to make room;
- a connection that is closed while its client still sends is read for a moment longer. Closing it at once would reset
  it, and the client would never read the error.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
from collections.abc import Callable
from typing import Any

import httptools
from toolgate_core import limits
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.api.base import ErrorResponse
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from toolgate_gateway.http.connection import ARRIVED
from toolgate_gateway.http.errors import DEFAULT_ERRORS


class Phase(enum.Enum):
    """The part of a request that is half read."""

    IDLE = enum.auto()
    """Nothing: the next byte begins a request."""
    HEAD = enum.auto()
    BODY = enum.auto()
    """The body, or the trailers behind it."""


# Before Python 3.12 an access to an enum member costs as much as a function call.
_IDLE, _HEAD, _BODY = Phase


class RefusedError(FailureError):
    """The client's bytes are not a valid request."""


class Connections:
    """The connections of one server: their limit, and which of them are idle.

    `on_refused` is called with the status of each error that was sent without the app.
    """

    def __init__(self, limit: int, on_refused: Callable[[int], None]) -> None:
        self.limit = limit
        self.on_refused = on_refused
        self.waiting: dict[ClientConnection, None] = {}
        """Idle connections, the one that has been idle longest first."""

    def make_room(self, count: int) -> bool:
        """Return whether a new connection fits, when there are `count`; closes the longest-idle one at the limit."""
        if count <= self.limit:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is None:
            return False
        del self.waiting[oldest]
        oldest.drop()
        return True


class _Transport:
    """The transport that uvicorn writes to: the socket's, except for how it is closed."""

    __slots__ = ("abort", "close", "is_closing", "write")

    def __init__(self, socket: asyncio.Transport, connection: ClientConnection) -> None:
        self.write = socket.write
        self.abort = socket.abort
        self.close = connection.close_gracefully
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
        self._received_any = False
        self._unparsed = 0  # bytes since the last one that was of a body, or ended a message
        self._head_size = 0
        self._body_size = 0  # of the body, since the timer was set
        self._timer: asyncio.TimerHandle | None = None
        self._active: RequestResponseCycle | None = None
        self._discarding = False  # incoming bytes are dropped
        self._discarded = 0
        self._lingering = False

    # Lifecycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or reject it when there is no room."""
        super().connection_made(transport)
        self._socket = transport
        self.transport = _Transport(transport, self)  # type: ignore[assignment]
        if self._all.make_room(len(self.connections)):
            self._all.waiting[self] = None
            self._arm(limits.HEAD_TIMEOUT_S)
        else:
            self._phase = _IDLE  # do not linger: this connection exceeds the limit
            self._refuse(_failure(FailureKind.BUSY, "Too many connections; retry later."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the timers and the slot."""
        super().connection_lost(exc)
        self._disarm()
        self._unset_keepalive_if_required()
        self._all.waiting.pop(self, None)

    def is_closing(self) -> bool:
        """Whether nothing more will be written."""
        return self._lingering or self._socket.is_closing()

    def drop(self) -> None:
        """Close the connection at once; it has no request in progress."""
        self._discarding = True
        self._socket.close()

    def close_gracefully(self) -> None:
        """Close the connection after all data is written, and after the client could read it."""
        # No request is half read, so that closing does not reset the connection.
        if self._phase is _IDLE or self._lingering or self._socket.is_closing():
            self._socket.close()
            if self._socket.get_write_buffer_size():
                # A client that does not read its answer would keep the connection open.
                self._arm(limits.FLUSH_S)
            return
        self._discarding = self._lingering = True
        # The client reads the end of the answer at once; what it still sends is received and dropped.
        self._socket.write_eof()
        # A paused socket would never see the client's end.
        self.flow.resume_reading()
        self._arm(limits.LINGER_S)

    # Reading

    def data_received(self, data: bytes) -> None:
        """Parse incoming bytes."""
        if self._discarding:
            self._discard(len(data))
            return
        self._received_any = True
        # The parser's callbacks reset this count; what remains is a head, trailers or the frames of chunks.
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # upgrades are not supported: the request is served as plain HTTP
        except httptools.HttpParserError as error:
            # httptools wraps what a callback raises: the refusal is the context of its error.
            cause = error.__context__
            not_http = _failure(FailureKind.INVALID, "Not a valid HTTP request.")
            self._refuse(cause.failure if isinstance(cause, RefusedError) else not_http)
            return
        # Sizes and extensions of chunks count as well, for which the parser has no limit.
        if self._unparsed > limits.MAX_HEAD_BYTES and self._phase is not _IDLE:
            self._refuse(_head_too_large())
        # A timer that runs is not moved by more bytes, so that a head in single bytes ends in time too.
        elif self._timer is None and self._phase is not _IDLE:
            self._arm(limits.HEAD_TIMEOUT_S if self._phase is _HEAD else limits.BODY_TIMEOUT_S)

    def on_message_begin(self) -> None:
        """Start a request."""
        self._unset_keepalive_if_required()
        self._phase = _HEAD
        self._unparsed = self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Append a part of the URL."""
        self.url += url
        if len(self.url) > limits.MAX_URL_BYTES:
            message = f"The URL is longer than {limits.MAX_URL_BYTES} bytes."
            raise RefusedError(_failure(FailureKind.URL_TOO_LONG, message))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header. Trailers count towards the limits but are dropped: they bypass every check of headers.

        This repeats uvicorn's method instead of calling it: one call less for each header.
        """
        # Four bytes for the colon, the space and the line break.
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
        """Serve the request, or queue it behind earlier ones of this connection."""
        if len(self.pipeline) >= limits.MAX_PIPELINED:
            message = "Too many pipelined requests on one connection."
            raise RefusedError(_failure(FailureKind.TOO_MANY_AHEAD, message))
        self._disarm()
        self._phase = _BODY
        self._body_size = self._head_size = 0
        self._all.waiting.pop(self, None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Append a part of the body."""
        self._unparsed = 0
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's body."""
        self._disarm()
        self._phase = _IDLE
        self._unparsed = 0
        self.scope[ARRIVED] = True  # type: ignore[literal-required]
        super().on_message_complete()

    # Responding

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Wait for the next request, or close if the response preceded the end of its request."""
        super().on_response_complete()
        if self._phase is _BODY and self._active is self.cycle and not self.is_closing():
            self.close_gracefully()
        elif self.cycle.response_complete and not self.is_closing():
            self._all.waiting[self] = None

    def _refuse(self, failure: Failure) -> None:
        """Stop reading: respond if a request is still unanswered, and close."""
        self._discarding = True
        self._disarm()
        error = DEFAULT_ERRORS.error(failure)
        self._all.on_refused(error.status)
        newest = self.cycle
        # No request waits for an answer, so that the error is one.
        if newest is None or newest.response_complete:
            self._respond(error)
        elif not newest.more_body:
            newest.keep_alive = False  # it is complete and will be answered; the invalid bytes follow it
        # The app reads this body: it has to stop, and the error is its answer unless one has begun.
        elif newest is self._active:
            newest.disconnected = True
            newest.message_event.set()
            if newest.response_started:
                self.close_gracefully()
            else:
                self._respond(error)
        else:
            # The half-read request waits in the queue: it is removed, and the connection ends after the one before it.
            self.pipeline.popleft()
            before = self.pipeline[0][0] if self.pipeline else self._active
            assert before is not None
            before.keep_alive = False

    def _respond(self, error: ErrorResponse) -> None:
        lines = [STATUS_LINE.get(error.status, STATUS_LINE[400])]
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(error.body)),
            (b"connection", b"close"),
            # The app never sees this request, so that its id is made here.
            (b"x-request-id", secrets.token_hex(12).encode()),
            *error.headers,
        ]
        lines += [b"%b: %b\r\n" % header for header in headers]
        self._socket.write(b"".join([*lines, b"\r\n", error.body]))
        self._all.waiting.pop(self, None)
        self.close_gracefully()

    # Timers

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
        # Nothing was asked, so that nothing is answered.
        elif not self._received_any:
            self.drop()
        elif self._phase is _HEAD:
            self._refuse(_failure(FailureKind.TOO_SLOW, "The request's head was not received in time."))
        elif self.flow.read_paused or self._body_size >= limits.MIN_BODY_BYTES:
            # The gateway itself paused reading, or the client has sent enough since the timer was set.
            self._body_size = 0
            self._arm(limits.BODY_TIMEOUT_S)
        else:
            self._refuse(_failure(FailureKind.TOO_SLOW, "The request's body was not received in time."))

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > limits.MAX_LINGER_BYTES:
            self._socket.abort()


def _failure(kind: FailureKind, message: str) -> Failure:
    return Failure(kind=kind, message=message)


def _head_too_large() -> Failure:
    limit = f"{limits.MAX_HEAD_BYTES} bytes or {limits.MAX_HEADERS} headers"
    return _failure(FailureKind.HEAD_TOO_LARGE, f"The request's head or trailers exceed {limit}.")
