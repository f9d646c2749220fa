"""What the gateway asks of a provider: one model answer, read piece by piece, or bytes forwarded untouched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Protocol

from toolgate_core.errors import ToolgateError
from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.effects import Piece, UpstreamFailure

NO_TEXTS: Mapping[str, bytes] = MappingProxyType({})


class UpstreamCutError(ToolgateError):
    """A forwarded answer ended before its end; `failure` says how."""

    def __init__(self, failure: UpstreamFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ModelAnswer(Protocol):
    """An answer that has begun."""

    async def read(self) -> Piece | UpstreamFailure:
        """Return all that has arrived since the last read, joined; wait for the first byte of it.

        After a piece with `finish`, or a failure, there is nothing more to read.
        """
        ...

    async def close(self) -> None:
        """Give the connection up (an unfinished answer is cancelled upstream). May be called more than once."""
        ...


class ForwardedAnswer(Protocol):
    """An upstream's HTTP answer, forwarded as it is. `status` is always 200: failures are `UpstreamFailure`."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; an answer that is cut raises `UpstreamCutError`."""
        ...

    def failure(self, body: bytes) -> UpstreamFailure | None:
        """Return the failure that a whole body tells of in spite of its status; None for an answer."""
        ...

    async def close(self) -> None:
        """Give the connection up. May be called more than once."""
        ...


class Provider(Protocol):
    """One upstream, spoken to in its own wire format."""

    name: str

    async def call(
        self, body: JsonObject, *, stream: bool, request_id: str, texts: Mapping[str, bytes] = NO_TEXTS
    ) -> ModelAnswer | UpstreamFailure:
        """Send a chat request in OpenAI's form (`model` is the upstream's own name) and await the answer's head.

        `texts`: the JSON text of fields of `body` that need not be written anew (`ChatRequest.texts`).
        """
        ...

    async def forward(self, body: bytes, *, stream: bool, request_id: str) -> ForwardedAnswer | UpstreamFailure:
        """Send a chat request's bytes untouched."""
        ...

    async def models(self) -> list[JsonObject] | UpstreamFailure:
        """Return the upstream's models, in the form of OpenAI's model objects."""
        ...

    async def aclose(self) -> None:
        """Close every pooled connection."""
        ...
