"""What the gateway asks of a provider: one model answer, read chunk by chunk, or bytes forwarded untouched.

A provider is codec × transport × profile: a wire format (`toolgate_formats.codecs`), a way to reach a server
(`transport`), and what is known about the kind of server (`toolgate_formats.profiles`). `provider` joins the three,
`replicas` spreads requests over several of them, and `metered` counts what any of them does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

from msgspec import Struct
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ModelRequest

CHAT_PATH = "/v1/chat/completions"
JSON_TYPE = "application/json"
NO_LADDER = "none"
"""The priority of a request that no ladder serves."""


class UpstreamCutError(FailureError):
    """A forwarded answer ended before its end; `failure` says how."""


class CallContext(Struct, frozen=True, kw_only=True):
    """What a call needs beside its request.

    Attributes:
        request_id: sent to the upstream as `X-Request-Id`.
        stream: whether a stream is asked for.
        priority: of the strategy, as metrics label it ("1" to "4", or `NO_LADDER`).
    """

    request_id: str
    stream: bool
    priority: str = NO_LADDER


class ModelAnswer(Protocol):
    """An answer that has begun. `headers` are those that clients may get, names in lower case."""

    headers: Mapping[str, str]

    def read(self) -> Awaitable[ResponseChunk | Failure]:
        """Return all that has arrived since the last read, joined; wait for the first byte of it.

        After a chunk with `finish`, or a failure, there is nothing more to read.
        """
        ...

    async def close(self) -> None:
        """Release the connection; this cancels an unfinished answer. May be called more than once."""
        ...


class ForwardedAnswer(Protocol):
    """A response with status 200, forwarded as bytes. `headers` are those that clients may get, names in lower case."""

    headers: Mapping[str, str]

    def read(self) -> Awaitable[bytes | Failure]:
        """Return the bytes that have arrived, empty at the end; wait for the first of them.

        A failure: the body was cut, or is too long.
        """
        ...

    @property
    def at_end(self) -> bool:
        """Whether all bytes have been read; False also while that is unknown."""
        ...

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body reports in spite of its status; None for an answer."""
        ...

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object that came with status 200, whole or inside a stream."""
        ...

    def end(self, origin: str = "200") -> None:
        """State how the answer ended, as its reader judges: well, or as `Failure.origin` names it. For metrics."""
        ...

    async def close(self, *, complete: bool = False) -> None:
        """Release the connection. May be called more than once. `complete`: only bytes without content can follow."""
        ...


def received(part: bytes | Failure) -> bytes:
    """Return the bytes that `ForwardedAnswer.read` returned; raise `UpstreamCutError` for a failure."""
    if isinstance(part, Failure):
        raise UpstreamCutError(part)
    return part


class Provider(Protocol):
    """One upstream."""

    name: str

    async def call(self, request: ModelRequest, context: CallContext) -> ModelAnswer | Failure:
        """Send a chat request and await the head of its answer."""
        ...

    async def forward(
        self, body: bytes, context: CallContext, *, path: str = CHAT_PATH, content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched.

        `path` is that of a server without a prefix (`/v1/embeddings`, `/tokenize`, with a query if there is one); `/v1`
        stands for the version in the upstream's URL. `content_type`: of `body`.
        """
        ...

    async def models(self) -> list[JsonObject] | Failure:
        """Return the upstream's models, in the form of OpenAI's model objects."""
        ...

    async def aclose(self) -> None:
        """Close every pooled connection."""
        ...
