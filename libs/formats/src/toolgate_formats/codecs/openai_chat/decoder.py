"""Reads the answers of chat completions: a stream of events, or one JSON object.

Both decoders follow the same rules. A failure after a finish reason is none: the answer is there. A body that ends
without one was cut. An answer that cannot be read, or exceeds a bound, is a failure of the upstream; `joiner` does the
repairs.
"""

from __future__ import annotations

from typing import Final, Literal

from toolgate_core.jsontext import JsonTextError, decode
from toolgate_core.limits import MAX_ANSWER_BYTES, MAX_STREAM_BYTES
from toolgate_core.types.failures import Failure, FailureKind

from toolgate_formats.codecs.base import Decoded, upstream_failure
from toolgate_formats.codecs.openai_chat.failures import FailureTable
from toolgate_formats.codecs.openai_chat.joiner import ChunkJoiner
from toolgate_formats.codecs.openai_chat.lenient import decode_answer
from toolgate_formats.codecs.openai_chat.wire import AnswerBody, decode_burst
from toolgate_formats.sse import SseReader, SseTooLongError

_DONE: Final = b"[DONE]"


class StreamDecoder:
    """Reads server-sent events. The cost is per read, not per event."""

    __slots__ = ("_ending", "_events", "_failures", "_joiner")

    max_bytes = MAX_STREAM_BYTES

    def __init__(self, failures: FailureTable) -> None:
        self._failures = failures
        self._events = SseReader()
        self._joiner = ChunkJoiner()
        self._ending: Failure | Literal["complete"] | None = None

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end."""
        return self._ending == "complete"

    @property
    def awaits_usage(self) -> bool:
        """Whether the answer has a finish reason that can be relied on."""
        return self._joiner.finish is not None and self._joiner.finish_is_final

    def feed(self, data: bytes) -> Decoded:
        """Add the bytes of one read; return what they completed, joined."""
        try:
            events = self._events.feed(data)
        except SseTooLongError:
            self._ending = upstream_failure(FailureKind.ERROR, "The upstream sent an event that is too long.")
        else:
            self._add(events)
        return self._take()

    def close(self, failure: Failure | None = None) -> Decoded:
        """Return the rest. `failure`: why the body ended early; None where the server ended it."""
        if self._ending is None and failure is not None:
            self._ending = self._conclude(failure)
        elif self._ending is None:
            self._add(self._events.finish(), last=True)
            if self._ending is None:
                message = "The upstream ended its answer without a finish reason."
                self._ending = self._conclude(upstream_failure(FailureKind.CUT, message), clean=True)
        return self._take()

    def _take(self) -> Decoded:
        joiner, ending = self._joiner, self._ending
        if ending is None:
            return (joiner.take(),) if joiner.has_content else ()
        if isinstance(ending, Failure):
            return (joiner.take(), ending) if joiner.has_content else (ending,)
        return (joiner.take(final=True),)

    def _add(self, events: list[bytes], *, last: bool = False) -> None:
        # The last event can be `[DONE]`, which is not JSON and would fail the whole burst.
        burst = decode_burst(events[:-1]) if len(events) > 1 else []
        done = self._joiner.add_text_burst(burst) if burst else 0
        if self._joiner.over_limit:
            self._ending = upstream_failure(FailureKind.ERROR, self._joiner.over_limit)
            return
        for place, data in enumerate(events[done:], done):
            self._add_event(data, burst[place] if place < len(burst) else decode_answer(data), last=last)
            if self._ending is not None:
                return

    def _add_event(self, data: bytes, answer: AnswerBody | None, *, last: bool) -> None:
        if data.startswith(_DONE):
            self._ending = self._conclude(None)
        elif answer is None:
            # An event that the end of the stream cut off is a cut, not bad JSON.
            if data.strip() and not last:
                self._ending = upstream_failure(FailureKind.ERROR, "The upstream sent a chunk that cannot be read.")
        elif answer.is_error:
            self._ending = self._failures.from_body(data)
        else:
            self._joiner.add(answer)
            # Nothing follows usage after the finish reason, so that `[DONE]` need not be awaited.
            if self._joiner.usage_followed or self._joiner.abort_reason:
                self._ending = self._conclude(None)
            elif self._joiner.over_limit:
                self._ending = upstream_failure(FailureKind.ERROR, self._joiner.over_limit)

    def _conclude(self, problem: Failure | None, *, clean: bool = False) -> Failure | Literal["complete"]:
        """Return how the answer ended. `clean`: the server ended the response.

        A problem after a finish reason is none. Where the server gives a reason with every chunk, the last one does not
        show that the answer is whole.
        """
        joiner = self._joiner
        ended = joiner.finish is not None and (clean or not joiner.contradicted)
        if problem is not None and not ended and joiner.abort_reason is None:
            return problem
        return _no_answer(joiner) or "complete"


class WholeDecoder:
    """Reads one JSON object."""

    __slots__ = ("_failures", "_parts", "complete")

    max_bytes = MAX_ANSWER_BYTES
    awaits_usage = False

    def __init__(self, failures: FailureTable) -> None:
        self._failures = failures
        self._parts: list[bytes] = []
        self.complete = False

    def feed(self, data: bytes) -> Decoded:
        """Keep the bytes; the answer is read at its end."""
        self._parts.append(data)
        return ()

    def close(self, failure: Failure | None = None) -> Decoded:
        """Return the answer as one chunk, or the failure in its place."""
        if failure is not None:
            return (failure,)
        self.complete = True
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        answer = decode_answer(body)
        if answer is None:
            return (self._unreadable(body),)
        if answer.is_error:
            return (self._failures.from_body(body),)
        joiner = ChunkJoiner()
        joiner.add(_numbered(answer))
        return (_no_answer(joiner) or joiner.take(final=True),)

    def _unreadable(self, body: bytes) -> Failure:
        try:
            value = decode(body)
        except JsonTextError:
            value = None
        if isinstance(value, list):  # Gemini writes an error as a list of one
            return self._failures.from_answer(value)
        return upstream_failure(FailureKind.ERROR, "The upstream's answer is not a chat completion.")


def _numbered(answer: AnswerBody) -> AnswerBody:
    """Number the only choice 0 and its calls in their order, whatever the server numbered them."""
    for choice in (answer.choices or [])[:1]:
        choice.index = 0
        for index, call in enumerate((choice.message and choice.message.tool_calls) or []):
            call.index = index
    return answer


def _no_answer(joiner: ChunkJoiner) -> Failure | None:
    """Return the failure of a body that ended, but holds no answer."""
    if joiner.over_limit:
        return upstream_failure(FailureKind.ERROR, joiner.over_limit)
    if joiner.abort_reason is not None:
        return upstream_failure(FailureKind.CUT, "The upstream aborted its answer.")
    if not joiner.started and joiner.finish is None:
        return upstream_failure(FailureKind.ERROR, "The upstream's answer has no choices.")
    return None
