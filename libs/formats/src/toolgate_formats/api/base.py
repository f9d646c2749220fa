"""The seam between the gateway and a public API format: what a format offers, in one package each.

The gateway takes an `ApiFormat` object for each path that it serves (`table.py`) and knows nothing else of it: no
field of a body, no HTTP status, no shape of an event. `parse` is the way in. On the way out, a failure before the
first byte is `error`; an answer that is streamed is written by a `ResponseWriter`, piece by piece; one that is not, by
its `whole`. Everything here is pure: bytes in, bytes out, no clock, no ids made.

How the next format fits, thought through with Anthropic's Messages (`api/anthropic_messages`):

- Ids and time: `Identity.id` is a fresh word; the writer puts its own prefix before it (`chatcmpl-`, `msg_`). `created`
  is for those that show it. Ids of calls come with `CallStart` and are the same in every format.
- Event blocks: `message_start` comes with the first bytes that the writer returns, from whichever method. The writer
  keeps the open block's index and kind; an event of another kind (text, thinking, call) closes the block and opens the
  next one: `content_block_start`, deltas, `content_block_stop`. A call is one block; its arguments are
  `input_json_delta`. OpenAI's writer needs no such state but the role chunk, so the state is the writer's own.
- End: `end` closes the open block, then writes `message_delta` (stop reason, usage, metadata) and `message_stop` where
  OpenAI's writes the finish, the usage where asked for, and `[DONE]`. `finish` is for answers of several choices;
  Messages has one, its `parse` refuses more.
- Failure inside a stream: `event: error` with Anthropic's object in place of OpenAI's `data: {"error": …}`. A format
  whose events are numbered (Responses) knows the next number in its writer, so the writer has a method for it, too.
- Failures: the status and the code of a kind are shared (`failures.py`); type and body are the format's own.
- Requests without tools: `normal` is None, as such an upstream may speak another format; they go through the ladder.
  Only a format that most upstreams speak gains from passing bytes through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.outcome import Answer
from toolgate_core.types.events import AnswerEvent
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest

from toolgate_formats.normal import Identity, NormalForm

__all__ = [
    "ApiFormat",
    "ErrorFormat",
    "ErrorResponse",
    "ErrorWatch",
    "FormatOptions",
    "Head",
    "Identity",
    "NormalForm",
    "ResponseWriter",
]


class ErrorResponse(Struct, frozen=True):
    """A failure as an HTTP response; `headers` say whether and when to try again, names in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class FormatOptions(Struct, frozen=True):
    """Settings of the gateway that a format may honour.

    Attributes:
        named_finish_reason: OpenAI's finish reason of a call that the request demanded by its name.
    """

    named_finish_reason: str = "stop"


class Head(Struct, frozen=True):
    """What a request that is forwarded untouched is routed by."""

    model: str
    stream: bool | None = None


class ErrorFormat(Protocol):
    """How failures are written."""

    def error(self, failure: Failure) -> ErrorResponse:
        """Return the HTTP response to a request that failed before its answer began."""
        ...

    def error_event(self, failure: Failure) -> bytes:
        """Return the event that ends a forwarded stream which failed."""
        ...


class ErrorWatch(Protocol):
    """Watches a stream that is forwarded unchanged. `error` is the JSON text of the error in it, once it came."""

    error: bytes | None

    def feed(self, block: bytes) -> bytes:
        """Return what of a block of whole events goes on: all of it, or what is before an error."""
        ...


class ResponseWriter(Protocol):
    """Writes one answer: either a stream (`events` and `finish`, then `end` or `failure`), or `whole`.

    Every method returns whole events, and nothing may be sent between its bytes. `choice` counts from 0. `metadata` is
    the `toolgate` object, which describes how the answer was produced; it comes with the last event.
    """

    def events(self, choice: int, events: Sequence[AnswerEvent]) -> bytes:
        """Return what the client reads of events that one choice emitted at once; may be empty."""
        ...

    def finish(self, choice: int, answer: Answer) -> bytes:
        """Return the end of a choice while others go on."""
        ...

    def end(self, choice: int, answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the end of the stream: that of `choice`, which ended last, then what all of them share.

        `answers`: of all choices, by choice.
        """
        ...

    def failure(self, failure: Failure, metadata: JsonObject) -> bytes:
        """Return the event that ends a stream which failed; nothing follows it."""
        ...

    def whole(self, events: Sequence[Sequence[AnswerEvent]], answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the body of an answer that is not streamed; `events`: all of each choice."""
        ...


class ApiFormat(ErrorFormat, Protocol):
    """A public API that clients speak to the gateway.

    Attributes:
        name: its row in `API_FORMATS`.
        path: where clients send requests, `/v1/…`; the gateway adds its prefixes.
        normal: how requests without tools are forwarded and answered at the cost of their bytes; None: they go through
            the ladder as others do.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def normal(self) -> NormalForm | None: ...  # noqa: D102

    def parse(self, body: bytes) -> ChatRequest:
        """Return the request; raise `RequestError` for the first thing that is wrong with it."""
        ...

    def head(self, body: bytes) -> Head:
        """Return what routes a request of mode `passthrough`; raise `RequestError`."""
        ...

    def watch(self) -> ErrorWatch:
        """Return a watch for one forwarded stream."""
        ...

    def writer(self, request: ChatRequest, identity: Identity, options: FormatOptions) -> ResponseWriter:
        """Return a writer for one answer."""
        ...
