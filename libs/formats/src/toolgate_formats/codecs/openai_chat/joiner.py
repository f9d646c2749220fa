"""Joins the events of a streamed answer: one read becomes one `ResponseChunk`, whatever the server's quirks.

Deltas of one kind are joined, so that the work after it is per read and not per event: in a burst nearly all events are
text alone, and those are recognised by one comparison. Everything else takes the path of `add`, which knows the quirks:
several fields for the reasoning, content as a list of parts, calls in the older form, usage or a finish reason on every
chunk.

What bounds the cost: the characters, calls and bytes of unknown fields of one answer (`over_limit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import cast

from toolgate_core.jsontext import JsonObject, encode, encode_str
from toolgate_core.limits import MAX_ANSWER_CHARS, MAX_CALLS, MAX_FIELDS_BYTES
from toolgate_core.merging import FieldMerger
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import FinishReason

from toolgate_formats.codecs.openai_chat.calls import CallJoiner
from toolgate_formats.codecs.openai_chat.finish import finish_from_upstream
from toolgate_formats.codecs.openai_chat.lenient import usage_from_json
from toolgate_formats.codecs.openai_chat.wire import (
    CARRIED_BY_ANSWERS,
    CARRIED_BY_CHOICES,
    CARRIED_BY_MESSAGES,
    AnswerBody,
    CallBody,
    ChoiceBody,
    MessageBody,
    content_text,
    reasoning_text,
)

# Whether a body holds anything beside text is one comparison with the tuple of an empty body, which runs in C.
_choice_others = attrgetter("finish_reason", "logprobs", "fields", *CARRIED_BY_CHOICES)
_message_others = attrgetter(
    "reasoning", "reasoning_content", "function_call", "refusal", "fields", *CARRIED_BY_MESSAGES
)
_answer_others = attrgetter("fields", *CARRIED_BY_ANSWERS)
_choice_carried = attrgetter("fields", *CARRIED_BY_CHOICES)
_message_carried = attrgetter("fields", *CARRIED_BY_MESSAGES)
_NO_CHOICE_OTHERS = _choice_others(ChoiceBody())
_NO_MESSAGE_OTHERS = _message_others(MessageBody())
_NO_ANSWER_OTHERS = _answer_others(AnswerBody())
_NONE_BY_CHOICE = _choice_carried(ChoiceBody())
_NONE_BY_MESSAGE = _message_carried(MessageBody())


def _carried(body: AnswerBody | ChoiceBody | MessageBody, names: tuple[str, ...]) -> JsonObject:
    """Return the fields of a body that are passed on unchanged."""
    found = {name: value for name in names if (value := getattr(body, name)) is not None}
    return cast("JsonObject", {**found, **body.fields})


def _delta(chunk: AnswerBody) -> MessageBody | None:
    """Return the delta of a chunk's first choice."""
    return chunk.choices[0].delta if chunk.choices else None


class ChunkJoiner:
    """Collects chunks; `take` returns their content since the previous `take`.

    Repairs: everything that `CallJoiner` repairs, calls in the legacy form, usage on every chunk (the last one counts),
    a finish reason on chunks that others follow.

    Attributes:
        finish: why the answer ended; None again when more of the answer follows.
        abort_reason: the server's own word, where it says that the answer was not finished.
        contradicted: more of the answer followed a finish reason.
        usage_followed: a chunk with usage alone came after the finish reason: nothing follows it.
        started: at least one chunk had a choice.
        over_limit: the bound that the answer exceeds, as a sentence; empty while it is within all bounds.
    """

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.abort_reason: str | None = None
        self.usage: Usage | None = None
        self.started = False
        self.usage_followed = False
        self.over_limit = ""
        self._last_reason: FinishReason | None = None
        self._had_text_without_reason = False
        self.contradicted = False
        self._streamed = False
        self._chars = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._logprobs: list[JsonObject] = []
        self._calls = CallJoiner()
        self._fields = FieldMerger()
        self._field_bytes = 0
        self._choice_fields: JsonObject = {}
        self._answer_fields: JsonObject = {}
        self._others: object = _NO_ANSWER_OTHERS

    @property
    def finish_is_final(self) -> bool:
        """Whether a finish reason ends the answer although the stream is still open."""
        return self._had_text_without_reason and not self.contradicted

    @property
    def has_content(self) -> bool:
        """Whether `take` would return more than an empty chunk."""
        if self._text or self._reasoning or self._logprobs or self._refusal or self._fields:
            return True
        return self._calls.has_content

    def add(self, chunk: AnswerBody) -> None:
        """Add one chunk."""
        if chunk.usage is not None:
            self.usage = usage_from_json(chunk.usage) or self.usage
        self._add_answer_fields(chunk)
        if not chunk.choices:
            self.usage_followed = self.finish is not None and chunk.usage is not None
            return
        for choice in chunk.choices:
            if not choice.index:  # an upstream is only ever asked for one choice
                self._add_choice(choice)

    def add_text_burst(self, chunks: Sequence[AnswerBody]) -> int:
        """Add the leading chunks that are text and nothing else; return their number.

        In a burst nearly all chunks are, so this loop is the cost per chunk.
        """
        # Text after a finish reason contradicts it, which only `add` notes.
        if self.finish is not None:
            return 0
        before = len(self._text)
        taken = self._add_plain(chunks)
        if len(self._text) > before:
            self._count(sum(map(len, self._text[before:])))
            self._had_text_without_reason = self._streamed = True
        return taken

    def _add_plain(self, chunks: Sequence[AnswerBody]) -> int:
        texts = self._text
        plain: AnswerBody | None = None
        for count, chunk in enumerate(chunks):
            body = _delta(chunk)
            if body is None or isinstance(body.content, list):
                return count
            # Chunks mostly differ in their text alone. Without it they compare equal, which runs in C.
            content, body.content = body.content, None
            if chunk != plain:
                if not self._is_plain(chunk):
                    body.content = content
                    return count
                plain = chunk
            if content:
                texts.append(content)
            self.started = True
        return len(chunks)

    def _is_plain(self, chunk: AnswerBody) -> bool:
        """Whether a chunk has nothing but the text of its delta."""
        choices = chunk.choices
        if not choices or chunk.usage is not None or chunk.error is not None or len(choices) > 1:
            return False
        choice = choices[0]
        body = choice.delta
        if body is None or choice.index or _choice_others(choice) != _NO_CHOICE_OTHERS:
            return False
        if body.tool_calls or _message_others(body) != _NO_MESSAGE_OTHERS:
            return False
        return (others := _answer_others(chunk)) == _NO_ANSWER_OTHERS or others == self._others

    def take(self, *, final: bool = False) -> ResponseChunk:
        """Return the new content; with `final`, the last chunk, which has `finish` and `usage`."""
        chunk = ResponseChunk(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            calls=self._calls.take(final=final),
            logprobs=tuple(self._logprobs),
            fields=self._fields.take() if self._fields else {},
            finish=self._final_reason() if final else None,
            usage=self.usage if final else None,
            choice_fields=self._choice_fields if final else {},
            answer_fields=self._answer_fields if final else {},
        )
        self._text.clear()
        self._reasoning.clear()
        self._refusal.clear()
        self._logprobs.clear()
        return chunk

    def _final_reason(self) -> FinishReason:
        """Return the last reason given; `[DONE]` without one means that the model stopped by itself."""
        return self.finish or self._last_reason or ("tool_calls" if self._calls else "stop")

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > MAX_ANSWER_CHARS:
            self.over_limit = f"The upstream's answer has more than {MAX_ANSWER_CHARS} characters."

    def _add_answer_fields(self, chunk: AnswerBody) -> None:
        others = _answer_others(chunk)
        if others not in (_NO_ANSWER_OTHERS, self._others):
            self._others = others
            self._answer_fields.update(_carried(chunk, CARRIED_BY_ANSWERS))

    def _add_choice(self, choice: ChoiceBody) -> None:
        self.started = True
        body = choice.delta
        if body is None and not self._streamed:
            body = choice.message  # after deltas, `message` repeats them
        reason = None if choice.finish_reason is None else finish_from_upstream(choice.finish_reason)
        if body is not None and self._add_body(body):
            self.contradicted = self.contradicted or self.finish is not None
            self.finish, self._streamed = None, True
            self._had_text_without_reason = self._had_text_without_reason or reason is None
        self._add_choice_fields(choice)
        if reason == "aborted":
            self.abort_reason = str(choice.finish_reason)
        elif reason is not None:
            self.finish = self._last_reason = reason

    def _add_choice_fields(self, choice: ChoiceBody) -> None:
        logprobs = choice.logprobs
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs.extend(entry for entry in logprobs["content"] if isinstance(entry, dict))
        if _choice_carried(choice) != _NONE_BY_CHOICE:
            self._choice_fields.update(_carried(choice, CARRIED_BY_CHOICES))

    def _add_body(self, body: MessageBody) -> bool:
        """Add a message or a delta of one; return whether it had any content."""
        before = self._chars
        content = body.content
        if content:
            self._add_text(self._text, content if isinstance(content, str) else content_text(content))
        if isinstance(body.refusal, str):
            self._add_text(self._refusal, body.refusal)
        if body.reasoning or body.reasoning_content or isinstance(content, list):
            self._add_text(self._reasoning, reasoning_text(body))
        for call in body.tool_calls or ():
            self._add_call(call)
        if body.function_call is not None:
            # OpenAI's older form has one call, without an id.
            self._add_call(CallBody(index=0, function=body.function_call))
        if _message_carried(body) != _NONE_BY_MESSAGE:
            self._add_fields(_carried(body, CARRIED_BY_MESSAGES))
        return self._chars > before

    def _add_text(self, to: list[str], text: str) -> None:
        if text:
            to.append(text)
            self._count(len(text))

    def _add_call(self, delta: CallBody) -> None:
        function = delta.function
        name = (function.name if function else None) or ""
        raw = function.arguments if function else None
        arguments = raw if isinstance(raw, str) else encode_str(cast("JsonObject", raw)) if raw else ""
        # An empty object is all the arguments of a call without parameters; empty text may be their beginning.
        if isinstance(raw, dict) and not raw:
            arguments = "{}"
        self._calls.add(delta.index, delta.id or None, name, arguments, cast("JsonObject", delta.fields))
        self._count(len(name) + len(arguments))
        if len(self._calls) > MAX_CALLS:
            self.over_limit = f"The upstream's answer has more than {MAX_CALLS} calls."

    def _add_fields(self, fields: JsonObject) -> None:
        self._field_bytes += len(encode(fields))
        if self._field_bytes > MAX_FIELDS_BYTES:
            self.over_limit = (
                f"The upstream's answer has more than {MAX_FIELDS_BYTES} bytes of fields that are not OpenAI's."
            )
        else:
            self._fields.add(fields)
