"""What every public API format offers to the gateway."""

from __future__ import annotations

from msgspec import Struct


class ErrorResponse(Struct, frozen=True):
    """A failure as an HTTP response; `headers` say whether and when to try again, names in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
