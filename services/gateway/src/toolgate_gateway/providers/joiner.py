"""Joins the chunks of a streamed answer: what one read brought becomes one `Piece`, whatever the server's quirks."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import cast

from toolgate_core.jsontext import JsonObject, encode_str
from toolgate_core.ladder.effects import CallDelta, Piece
from toolgate_core.messages import Usage
from toolgate_core.vocabulary import FinishReason

from toolgate_gateway.providers.wire import (
    AnswerBody,
    CallBody,
    ChoiceBody,
    MessageBody,
    content_text,
    finish_reason,
    reasoning_text,
)

_others = attrgetter("reasoning", "reasoning_content", "function_call", "refusal")
_NO_OTHERS = (None, None, None, None)


class _OpenCall:
    """A call as far as it is known, and what of it has not been handed on."""

    __slots__ = ("arguments", "id", "index", "key", "name", "started")

    def __init__(self, index: int, key: int | None) -> None:
        self.index = index
        self.key = key
        self.id: str | None = None
        self.name = ""
        self.started = False
        self.arguments: list[str] = []

    def take(self) -> CallDelta | None:
        """Hand on what is new; the first time with id and name."""
        arguments = "".join(self.arguments)
        self.arguments.clear()
        if not self.started:
            self.started = True
            return CallDelta(self.index, self.id, self.name or None, arguments)
        return CallDelta(self.index, None, None, arguments) if arguments else None


class ChunkJoiner:
    """Collects chunks; `take` returns what they brought since the last time.

    Repairs, so that nobody behind it must know of them: repeated ids and names, names split over chunks, several calls
    under one index, gaps in indexes and missing ones, calls in legacy form, usage on every chunk (the last one counts).
    A call's first delta is held back until its name is certain: until arguments, another call or the end.
    """

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.broken: str | None = None
        self.usage: Usage | None = None
        self.began = False
        self.trailed = False  # a chunk with usage alone has come after the finish reason: nothing follows it
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._logprobs: list[JsonObject] = []
        self._calls: list[_OpenCall] = []
        self._changed: list[_OpenCall] = []

    @property
    def has_news(self) -> bool:
        """Whether `take` would return anything but an empty piece."""
        if self._text or self._reasoning or self._logprobs:
            return True
        return any(self._is_certain(call) for call in self._changed)

    def add(self, chunk: AnswerBody) -> None:
        """Take in one chunk."""
        if chunk.usage is not None:
            self.usage = chunk.usage.usage()
        if not chunk.choices:
            self.trailed = self.finish is not None and chunk.usage is not None
            return
        for choice in chunk.choices:
            if not choice.index:  # an upstream is only ever asked for one choice
                self._add_choice(choice)

    def add_texts(self, chunks: Sequence[AnswerBody]) -> int:
        """Take in chunks from the first on, as long as each is text and nothing else; return how many those are.

        In a burst nearly all chunks are, and this is the work per chunk.
        """
        texts = self._text
        for count, chunk in enumerate(chunks):
            choices = chunk.choices
            if not choices or chunk.usage is not None or chunk.error is not None or len(choices) > 1:
                return count
            choice = choices[0]
            body = choice.delta
            if body is None or choice.index or choice.finish_reason or choice.logprobs is not None:
                return count
            content = body.content
            if isinstance(content, list) or body.tool_calls or _others(body) != _NO_OTHERS:
                return count
            if content:
                texts.append(content)
            self.began = True
        return len(chunks)

    def take(self, *, final: bool = False) -> Piece:
        """Return what is new; with `final`, the last piece, which has `finish` and `usage`."""
        ready = [call for call in self._changed if final or self._is_certain(call)]
        self._changed = [call for call in self._changed if call not in ready]
        deltas = [delta for call in ready if (delta := call.take()) is not None]
        piece = Piece(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            calls=tuple(deltas),
            logprobs=tuple(self._logprobs),
            finish=self._final_reason() if final else None,
            usage=self.usage if final else None,
        )
        self._text.clear()
        self._reasoning.clear()
        self._logprobs.clear()
        return piece

    def _final_reason(self) -> FinishReason:
        """The reason as told; `[DONE]` without one means that the model stopped by itself."""
        return self.finish or ("tool_calls" if self._calls else "stop")

    def _is_certain(self, call: _OpenCall) -> bool:
        return call.started or bool(call.arguments) or call is not self._calls[-1]

    def _add_choice(self, choice: ChoiceBody) -> None:
        self.began = True
        body = choice.delta or choice.message
        if body is not None:
            self._add_body(body)
        if choice.logprobs is not None and choice.logprobs.content:
            self._logprobs.extend(cast("list[JsonObject]", choice.logprobs.content))
        if choice.finish_reason:
            self.finish = finish_reason(choice.finish_reason)
            if self.finish is None:
                self.broken = choice.finish_reason

    def _add_body(self, body: MessageBody) -> None:
        content = body.content
        if content:
            self._text.append(content if isinstance(content, str) else content_text(content))
        elif body.refusal:
            self._text.append(body.refusal)
        if body.reasoning or body.reasoning_content or isinstance(content, list):
            self._reasoning.append(reasoning_text(body))
        if body.tool_calls:
            for call in body.tool_calls:
                self._add_call(call)
        if body.function_call is not None:
            self._add_call(CallBody(index=0, function=body.function_call))

    def _add_call(self, delta: CallBody) -> None:
        function = delta.function
        name = (function.name if function else None) or ""
        arguments = function.arguments if function else None
        call = self._open(delta.index, delta.id or None, name)
        if call.id is None:
            call.id = delta.id or None
        if name and not call.started and not call.arguments and name != call.name:
            call.name += name
        if arguments:
            call.arguments.append(
                arguments if isinstance(arguments, str) else encode_str(cast("JsonObject", arguments))
            )
        if call not in self._changed:
            self._changed.append(call)

    def _open(self, key: int | None, call_id: str | None, name: str) -> _OpenCall:
        """Return the call that a delta belongs to, a new one if it begins one."""
        if not name and self._calls and (key is None or self._calls[-1].key == key):
            return self._calls[-1]
        if key is None:
            known = self._calls[-1] if self._calls else None
        else:
            known = next((call for call in reversed(self._calls) if call.key == key), None)
        if known is None or _begins_anew(known, key, call_id, name):
            known = _OpenCall(len(self._calls), key)
            self._calls.append(known)
        return known


def _begins_anew(known: _OpenCall, key: int | None, call_id: str | None, name: str) -> bool:
    """Whether a delta that points to `known` is a further call.

    Some servers give every call index 0, or none; a delta with a name and another id is such a call. (A new id alone
    is not: old vLLM invents one for every delta.) Without ids, a name after the arguments have begun is one, unless the
    index is told and the name is the same: then the server repeats it.
    """
    if not name or not known.name:
        return False
    if call_id is not None and known.id is not None:
        return call_id != known.id
    begun = known.started or bool(known.arguments)
    return begun and (key is None or name != known.name)
