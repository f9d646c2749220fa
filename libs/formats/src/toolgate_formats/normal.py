"""The normal form of answers that no ladder produces: what client and upstream of one format agree on.

A request without tools goes upstream as the client wrote it, and its answer comes back at the cost of its bytes. A
format that offers this implements `NormalForm`; the gateway's passthrough uses nothing else of it.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct
from toolgate_core.types.requests import ChatRequest


class AnswerFault(Struct, frozen=True):
    """Why what came is not an answer.

    Attributes:
        kind: `error` (the upstream says it failed), `cut` (the answer broke off) or `other`.
        message: one sentence for the client; empty for `error`, which the upstream's own text explains.
        error: the JSON text in which the upstream says it, for `error`.
    """

    kind: Literal["error", "cut", "other"]
    message: str = ""
    error: bytes = b""


class Identity(Struct, frozen=True):
    """What every part of one answer repeats.

    Attributes:
        id: a fresh word, without the format's prefix.
        created: when the answer began, in Unix seconds.
        model: the name that the client used.
    """

    id: str
    created: int
    model: str


class NormalStreamReader(Protocol):
    """One forwarded stream. Nothing is fed after `fault` is set or `done` is true.

    Attributes:
        fault: why the stream cannot go on, once it cannot.
        done: the end has been written.
        may_be_over: every choice has ended for certain: what is still to come need not be awaited for long.
        ended: every choice has ended: a connection that breaks now breaks nothing off.
    """

    fault: AnswerFault | None
    done: bool

    @property
    def may_be_over(self) -> bool: ...  # noqa: D102 - described above

    @property
    def ended(self) -> bool: ...  # noqa: D102

    def feed(self, block: bytes) -> bytes:
        """Return what the client is sent for a block of whole events."""
        ...

    def end(self, rest: bytes = b"") -> bytes:
        """Return the end of the stream, which the upstream has ended; `rest`: an event without its blank line."""
        ...

    def conclude(self) -> bytes:
        """Return the end of the stream, whatever the upstream still meant to send."""
        ...


class NormalForm(Protocol):
    """How one format forwards requests without tools, and puts the answers in normal form."""

    def request(self, request: ChatRequest, body: bytes) -> bytes:
        """Return the body to forward: the client's bytes, unless something in them would be refused."""
        ...

    def stream(self, request: ChatRequest, identity: Identity) -> NormalStreamReader:
        """Return what writes the stream of a streamed answer."""
        ...

    def streamed_whole(self, request: ChatRequest, identity: Identity, body: bytes) -> bytes | AnswerFault:
        """Return the stream that the client asked for, of a whole answer."""
        ...

    def whole(self, request: ChatRequest, identity: Identity, body: bytes, *, streamed: bool) -> bytes | AnswerFault:
        """Return the whole answer in normal form; `streamed`: the upstream sent a stream unasked."""
        ...
