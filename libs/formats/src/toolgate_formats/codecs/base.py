"""The codec seam: how one wire format is written to and read from an upstream. Pure: bytes in, values out.

A codec knows neither sockets nor keys nor retries; those are the transport's. What is known about kinds of servers is a
profile (`toolgate_formats.profiles`). The next wire format is a package beside `openai_chat` and a row in `table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from msgspec import Struct
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ModelRequest

Decoded: TypeAlias = tuple[ResponseChunk | Failure, ...]
"""What a read completed: nothing, a chunk, a failure, or a chunk and the failure that followed it."""

_ORIGINS: Final[Mapping[FailureKind, str]] = MappingProxyType(
    {
        FailureKind.UNREACHABLE: "connect_error",
        FailureKind.TIMEOUT: "read_timeout",
        FailureKind.CUT: "reset",
    }
)
"""How metrics name a failure without a status; any other is named by its kind."""


class UpstreamRequest(Struct, frozen=True):
    """A request as it goes over the wire.

    `path` is that of a server without a prefix (`/v1/chat/completions`); the transport adds the upstream's URL.
    `headers`: those of the wire format (a version, for example); the transport adds authentication.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


class Decoder(Protocol):
    """Reads one answer.

    Attributes:
        max_bytes: the largest body that is read.
    """

    max_bytes: int

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, so that its connection can be used again."""
        ...

    @property
    def awaits_usage(self) -> bool:
        """Whether only the token counts can still follow, for which the reader waits briefly."""
        ...

    def feed(self, data: bytes) -> Decoded:
        """Add the bytes of one read; return what they completed. After a chunk with `finish`, or a failure, stop."""
        ...

    def close(self, failure: Failure | None = None) -> Decoded:
        """Return what the end of the body completes, at least one item. `failure`: why the body ended early."""
        ...


class Codec(Protocol):
    """One wire format of upstreams.

    Attributes:
        chat_path: the path of chat requests, as `UpstreamRequest.path`.
        models_path: the path of the list of models.
    """

    chat_path: str
    models_path: str

    def request(self, request: ModelRequest, *, stream: bool) -> UpstreamRequest:
        """Return a request as it goes over the wire; raise `FailureError` for one that cannot be written."""
        ...

    def decoder(self, content_type: str, *, stream: bool) -> Decoder | Failure:
        """Return a reader for an answer with status 200, or a failure where its content type excludes an answer.

        `content_type`: without parameters, in lower case. `stream`: whether a stream was asked for; servers may send
        the other form.
        """
        ...

    def failure(
        self, status: int, body: bytes, headers: Mapping[str, str], *, sent: bytes = b"", now: float = 0.0
    ) -> Failure:
        """Return the failure of a response with another status than 200.

        `headers`: names in lower case, or a mapping without case. `sent`: the request's body, which servers quote.
        `now`: Unix seconds, for dates.
        """
        ...

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object that came with status 200, whole or inside a stream."""
        ...

    def models(self, body: bytes) -> list[JsonObject] | Failure:
        """Return the models of a list, as OpenAI's model objects."""
        ...


def upstream_failure(kind: FailureKind, message: str, *, code: str | None = None) -> Failure:
    """Return a failure of an upstream with a message of the gateway."""
    return Failure(kind=kind, message=message, code=code, origin=_ORIGINS.get(kind, kind.value))
