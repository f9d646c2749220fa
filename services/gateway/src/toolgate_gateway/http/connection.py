"""One HTTP request and its response, on plain ASGI.

The chat route works below the web framework, because the framework's request and response objects cost more than the
rest of the gateway's work on a short request.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from toolgate_core.limits import FREE_BODY_BYTES
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import FailureKind
from toolgate_formats.api.base import ErrorResponse

from toolgate_gateway.http.admission import BodyBudget
from toolgate_gateway.http.request_scope import ClientGoneError, Receive

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Send: TypeAlias = Callable[[dict[str, object]], Awaitable[None]]
Scope: TypeAlias = dict[str, object]

ARRIVED = "toolgate.arrived"
"""Key of an ASGI scope: the whole request has arrived, so that reading its body does not wait."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")
_JSON_TYPES = (b"application/json", b"application/problem+json", b"text/json")
_INVALID_IN_HEADER = re.compile(rb"[^\t\x20-\x7e]")
"""Bytes that are invalid in a header's value; servers and clients reject a whole response that contains one."""
_CLOSE = (b"connection", b"close")


def request_id_of(headers: Headers, fallback: Callable[[], str]) -> str:
    """Return the caller's `x-request-id` if it is safe in headers and logs, else a new id."""
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return fallback()


def _first(headers: Headers) -> dict[bytes, bytes]:
    """Return each header's first value."""
    found = dict(headers)
    return found if len(found) == len(headers) else dict(reversed(headers))


class HttpConnection:
    """The request and the response of one ASGI call. `status` is 0 until the response's head has been sent."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._headers = _first(scope["headers"])  # type: ignore[arg-type]
        self.receive = receive
        self._send = send
        self.request_id = request_id
        self.status = 0
        self._unread = b"transfer-encoding" in self._headers or self._headers.get(b"content-length", b"0") != b"0"
        self._held = 0
        self.arrived = ARRIVED in scope
        """Whether the whole request has arrived: reading its body does not wait."""

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, or None; `name` in lower case."""
        return self._headers.get(name)

    def check_content(self, *, declared: bool = False) -> None:
        """Raise 415 unless the content type is JSON; `declared`: a missing content type is an error too."""
        kind = self._headers.get(b"content-type", b"" if declared else b"application/json")
        if kind != b"application/json" and kind.split(b";", 1)[0].strip().lower() not in _JSON_TYPES:
            message = "The body must be JSON: send 'content-type: application/json'."
            raise RequestError(message, kind=FailureKind.UNSUPPORTED_MEDIA)
        self.check_coding()

    def check_coding(self) -> None:
        """Raise 415 for a compressed body."""
        coding = self._headers.get(b"content-encoding")
        if coding is not None and coding.strip().lower() != b"identity":
            raise RequestError("The body must not be compressed.", kind=FailureKind.UNSUPPORTED_MEDIA)

    async def read_body(self, limit: int, budget: BodyBudget) -> bytes:
        """Return the body.

        The body's size is taken from `budget` and held until `release`.

        Raises:
            RequestError: the body is larger than `limit` bytes.
            AdmissionError: the budget of all bodies is exhausted.
            ClientGoneError: the client disconnected before the whole body arrived.
        """
        length = self._headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length[:20]) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError("the client disconnected before its request was read")
            part: bytes = message.get("body", b"")  # type: ignore[assignment]
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            if size > FREE_BODY_BYTES:
                budget.take(size - self._held)
                self._held = size
            parts.append(part)
            if not message.get("more_body", False):
                self._unread = False
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self, budget: BodyBudget) -> None:
        """Return the body's size to the budget; call it when the request has ended."""
        if self._held:
            budget.give_back(self._held)
            self._held = 0

    async def start(self, status: int, headers: Headers) -> None:
        """Send the response's head. A response that precedes the end of its request closes the connection."""
        head = [*headers, (b"x-request-id", self.request_id.encode())]
        values = b"".join([value for _, value in head])
        # Nearly all values are printable ASCII; this check costs a fraction of the search.
        if not (values.isascii() and values.decode("ascii").isprintable()) and _INVALID_IN_HEADER.search(values):
            head = [(name, value) for name, value in head if not _INVALID_IN_HEADER.search(value)]
        if self._unread:
            head.append(_CLOSE)
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        self.status = status

    async def forward_message(self, message: dict[str, object]) -> None:
        """Send an ASGI message of the framework; the head gets the request's id."""
        if message["type"] == "http.response.start":
            await self.start(message["status"], message.get("headers", ()))  # type: ignore[arg-type]
        else:
            await self._send(message)

    def write(self, data: bytes, *, more: bool = True) -> Awaitable[None]:
        """Send a part of the response's body."""
        return self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def respond(
        self, status: int, body: bytes, headers: Headers = (), *, kind: bytes = b"application/json"
    ) -> None:
        """Send a whole response."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, [(b"content-type", kind), length, *headers])
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def send_error(self, error: ErrorResponse, headers: Headers = ()) -> None:
        """Send an error as the whole response."""
        await self.respond(error.status, error.body, [*error.headers, *headers])


def _too_large(limit: int) -> RequestError:
    message = f"The body is larger than {limit} bytes."
    return RequestError(message, kind=FailureKind.TOO_LARGE, code="request_too_large")
