"""Writes OpenAI's answers: the chunks of a stream, or one completion.

Chunks are typed structs: one costs about as much as the splicing of its strings did. Only what carries fields that are
unknown here becomes a dict first. Rules of official clients that shape the stream:

- each choice begins with a chunk that has the role, and choice 0 begins before any other (openai-python appends choices
  in the order in which they come);
- one chunk holds one kind of delta, so that neighbours of a kind are joined and never two calls' arguments;
- the last chunk carries the `toolgate` object: the one with the usage where it was asked for, else the last finish.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.ladder.outcome import Answer
from toolgate_core.types.events import (
    AnswerEvent,
    ArgumentsDelta,
    CallStart,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest

from toolgate_formats.api.base import FormatOptions, Identity
from toolgate_formats.api.openai_chat.errors import error_event
from toolgate_formats.api.openai_chat.message import answer_fields, finish_reason, logprobs_json, message
from toolgate_formats.api.openai_chat.usage import serving_usage, usage_json

ID_PREFIX = "chatcmpl-"
DONE = b"data: [DONE]\n\n"
CHUNK = "chat.completion.chunk"
_encode = msgspec.json.Encoder().encode


class FunctionDelta(Struct, frozen=True):
    """A part of a call's function: its name comes first, then its arguments in pieces."""

    name: str | UnsetType = UNSET
    arguments: str = ""


class ToolCallDelta(Struct, frozen=True):
    """A part of a call; `id` and `type` come with the first one."""

    index: int
    id: str | UnsetType | None = UNSET
    type: str | UnsetType = UNSET
    function: FunctionDelta = FunctionDelta()


class Delta(Struct, frozen=True):
    """What a chunk adds to a message; one of these fields is set (the role comes with the content's beginning)."""

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    refusal: str | UnsetType = UNSET
    function_call: FunctionDelta | UnsetType = UNSET
    tool_calls: tuple[ToolCallDelta | JsonObject, ...] | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True):
    """One choice of a chunk."""

    index: int
    delta: Delta | JsonObject
    logprobs: None = None
    finish_reason: None = None


class Chunk(Struct, frozen=True):
    """One chunk of a stream; `usage` is null in all but the last where it was asked for."""

    id: str
    object: str
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: UnsetType | None = UNSET


class ChatWriter:
    """Writes one answer. `named_finish_reason` of the options: that of a call which was demanded by its name."""

    def __init__(self, request: ChatRequest, identity: Identity, options: FormatOptions) -> None:
        self._request = request
        self._id = ID_PREFIX + identity.id
        self._created = identity.created
        self._model = identity.model
        self._named = options.named_finish_reason
        self._legacy = request.legacy_functions
        self._usage: UnsetType | None = None if request.include_usage else UNSET
        self._opened: set[int] = set()

    def events(self, choice: int, events: Sequence[AnswerEvent]) -> bytes:
        """Return the chunks of what one choice emitted at once; neighbours of the same kind share one."""
        if len(events) == 1 and choice in self._opened:  # nearly every call of a stream
            event = events[0]
            if type(event) is TextDelta or type(event) is ReasoningDelta:
                return self._chunk(choice, self._joined(type(event), 0, event.text))
        deltas = self._deltas(events)
        if not deltas:
            return b""
        parts: list[bytes] = []
        if choice not in self._opened:
            text = isinstance(deltas[0], Delta) and deltas[0].content is not UNSET
            parts = self._open(choice, "" if text else None)
        parts += [self._chunk(choice, delta) for delta in deltas]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self, choice: int, answer: Answer) -> bytes:
        """Return a choice's last chunk, with its logprobs and fields."""
        return self._finish(choice, answer, {})

    def end(self, choice: int, answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the last choice's last chunk, the usage where it was asked for, and `[DONE]`."""
        if not self._request.include_usage:
            return self._finish(choice, answers[choice], {"toolgate": metadata}) + DONE
        usage = serving_usage(answers)
        last: JsonObject = {
            **self._head(),
            "choices": [],
            "usage": None if usage is None else usage_json(usage),
            **answer_fields(answers),
            "toolgate": metadata,
        }
        return self._finish(choice, answers[choice], {}) + _event(last) + DONE

    def failure(self, failure: Failure, metadata: JsonObject) -> bytes:
        """Return the error event that ends the stream, without `[DONE]`: that would say that all is well."""
        return error_event(failure, metadata)

    def whole(self, events: Sequence[Sequence[AnswerEvent]], answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the completion."""
        choices: list[JsonValue] = [
            {
                **answer.choice_fields,
                "index": index,
                "message": message(said, legacy=self._legacy),
                "logprobs": logprobs_json(answer),
                "finish_reason": self._reason(answer),
            }
            for index, (said, answer) in enumerate(zip(events, answers, strict=True))
        ]
        body: JsonObject = {**answer_fields(answers), **self._head("chat.completion"), "choices": choices}
        if (usage := serving_usage(answers)) is not None:
            body["usage"] = usage_json(usage)
        body["toolgate"] = metadata
        return encode(body)

    def _head(self, kind: str = CHUNK) -> JsonObject:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}

    def _reason(self, answer: Answer) -> str:
        return finish_reason(answer, self._request, named=self._named)

    def _finish(self, choice: int, answer: Answer, last: JsonObject) -> bytes:
        ended: JsonObject = {
            "index": choice,
            "delta": {},
            "logprobs": logprobs_json(answer),
            "finish_reason": self._reason(answer),
            **answer.choice_fields,
        }
        usage: JsonObject = {} if self._usage is UNSET else {"usage": None}
        chunk: JsonObject = {**self._head(), "choices": [ended], **usage, **answer.answer_fields, **last}
        return b"".join((*self._open(choice, ""), _event(chunk)))

    def _open(self, choice: int, content: str | None) -> list[bytes]:
        """Return the role chunks that must come first; `content`: of this choice's."""
        parts = []
        for index in (0, choice):
            if index not in self._opened:
                self._opened.add(index)
                first = content if index == choice else None
                parts.append(self._chunk(index, Delta(role="assistant", content=first)))
        return parts

    def _chunk(self, choice: int, delta: Delta | JsonObject) -> bytes:
        chunk = Chunk(self._id, CHUNK, self._created, self._model, (ChunkChoice(choice, delta),), self._usage)
        return b"data: %b\n\n" % _encode(chunk)

    def _deltas(self, events: Sequence[AnswerEvent]) -> list[Delta | JsonObject]:
        deltas: list[Delta | JsonObject] = []
        run: list[str] = []
        kind: type[AnswerEvent] | None = None
        call = 0
        for event in events:
            new = type(event)
            if run and (new is not kind or (isinstance(event, ArgumentsDelta) and event.index != call)):
                deltas.append(self._joined(kind, call, "".join(run)))
                run = []
            kind = new
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                run.append(event.text)
            elif isinstance(event, ArgumentsDelta):
                call = event.index
                run.append(event.json)
            elif isinstance(event, CallStart):
                deltas.append(self._call(event))
            elif isinstance(event, MessageFields):
                deltas.append(event.fields)
        if run:
            deltas.append(self._joined(kind, call, "".join(run)))
        return deltas

    def _joined(self, kind: type[AnswerEvent] | None, call: int, text: str) -> Delta:
        if kind is TextDelta:
            return Delta(UNSET, text)
        if kind is ReasoningDelta:
            # Clients read the reasoning under vLLM's name or under DeepSeek's.
            return Delta(UNSET, UNSET, text, text)
        if kind is RefusalDelta:
            return Delta(refusal=text)
        if self._legacy:
            return Delta(function_call=FunctionDelta(arguments=text))
        return Delta(tool_calls=(ToolCallDelta(call, UNSET, UNSET, FunctionDelta(UNSET, text)),))

    def _call(self, start: CallStart) -> Delta:
        function = FunctionDelta(start.name)
        if self._legacy:
            return Delta(function_call=function)
        first = ToolCallDelta(start.index, start.id, "function", function)
        return Delta(tool_calls=(_with_fields(first, start.fields) if start.fields else first,))


def _with_fields(call: ToolCallDelta, fields: JsonObject) -> JsonObject:
    """Return a call's first part with the fields of the upstream that are unknown here, also inside its function."""
    written: JsonObject = msgspec.to_builtins(call)
    inner, function = fields.get("function"), written["function"]
    assert isinstance(function, dict)
    if isinstance(inner, dict):
        written["function"] = {**function, **inner}
    return {**written, **{key: value for key, value in fields.items() if key != "function"}}


def _event(data: JsonObject) -> bytes:
    return b"data: " + encode(data) + b"\n\n"
