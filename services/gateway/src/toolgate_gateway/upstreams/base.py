"""What the gateway asks of a provider: one model answer, read piece by piece, or bytes forwarded untouched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Protocol

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure

CHAT_PATH = "/v1/chat/completions"
JSON_TYPE = "application/json"
NO_TEXTS: Mapping[str, bytes] = MappingProxyType({})


class UpstreamCutError(FailureError):
    """A forwarded answer ended before its end; `failure` says how."""


class ModelAnswer(Protocol):
    """An answer that has begun. `headers` are those that may be passed on to a client, names in lower case."""

    headers: Mapping[str, str]

    async def read(self) -> ResponseChunk | Failure:
        """Return all that has arrived since the last read, joined; wait for the first byte of it.

        After a piece with `finish`, or a failure, there is nothing more to read.
        """
        ...

    async def close(self) -> None:
        """Give the connection up (an unfinished answer is cancelled upstream). May be called more than once."""
        ...


class ForwardedAnswer(Protocol):
    """An upstream's HTTP answer, forwarded as it is. `status` is always 200: failures are `Failure`.

    `headers` are those that may be passed on to a client, names in lower case.
    """

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; an answer that is cut, or too long, raises `UpstreamCutError`."""
        ...

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body tells of in spite of its status; None for an answer."""
        ...

    def error(self, data: bytes) -> Failure:
        """Return the failure that an error object means which came with status 200, whole or inside a stream."""
        ...

    async def close(self, *, complete: bool = False) -> None:
        """Give the connection up. May be called more than once. `complete`: nothing that counts is left to come."""
        ...


class Provider(Protocol):
    """One upstream, spoken to in its own wire format."""

    name: str

    async def call(
        self, body: JsonObject, *, stream: bool, request_id: str, texts: Mapping[str, bytes] = NO_TEXTS
    ) -> ModelAnswer | Failure:
        """Send a chat request in OpenAI's form (`model` is the upstream's own name) and await the answer's head.

        `texts`: the JSON text of fields of `body` that need not be written anew (`ChatRequest.texts`).
        """
        ...

    async def forward(
        self, body: bytes, *, stream: bool, request_id: str, path: str = CHAT_PATH, content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched.

        `path` is the one at a server of its own (`/v1/embeddings`, `/tokenize`, with a query if there is one);
        `/v1` stands for the version that the upstream's URL names. `content_type`: of `body`.
        """
        ...

    async def models(self) -> list[JsonObject] | Failure:
        """Return the upstream's models, in the form of OpenAI's model objects."""
        ...

    async def aclose(self) -> None:
        """Close every pooled connection."""
        ...
