"""Events to OpenAI's answers: one message per choice, or the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue, encode, encode_str
from toolgate_core.ladder import Answer
from toolgate_core.merging import FieldMerger
from toolgate_core.types.events import (
    AnswerEvent,
    ArgumentsDelta,
    CallStart,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.requests import ChatRequest, Usage

from toolgate_gateway.chat.metadata import usage_json

DONE = b"data: [DONE]\n\n"


class Identity(Struct, frozen=True):
    """What every part of one answer repeats; `created` is in Unix seconds."""

    id: str
    created: int
    model: str


def finish_reason(answer: Answer, request: ChatRequest, *, named: str = "stop") -> str:
    """Return a choice's finish reason as OpenAI gives it; `named` is the one of a call that was asked for by name."""
    if request.tool_choice.mode == "named" and answer.finish_reason in ("stop", "tool_calls"):
        return named
    if answer.finish_reason != "tool_calls":
        return answer.finish_reason
    return "function_call" if request.legacy_functions else "tool_calls"


def logprobs_json(answer: Answer) -> JsonValue:
    """Return a choice's `logprobs`: null where there are none."""
    if not answer.logprobs:
        return None
    return {"content": cast("JsonValue", list(answer.logprobs)), "refusal": None}


class Message:
    """One choice's message, put together from its events."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._fields = FieldMerger()
        self._calls: list[tuple[CallStart, list[str]]] = []

    def add(self, events: Iterable[AnswerEvent]) -> None:
        """Take what was emitted."""
        for event in events:
            match event:
                case TextDelta(text):
                    self._text.append(text)
                case ReasoningDelta(text):
                    self._reasoning.append(text)
                case RefusalDelta(text):
                    self._refusal.append(text)
                case MessageFields(fields):
                    self._fields.add(fields)
                case CallStart():
                    self._calls.append((event, []))
                case ArgumentsDelta(index, json):
                    self._calls[index][1].append(json)
                case _:
                    pass

    def json(self, *, legacy: bool) -> JsonObject:
        """Return the message; content is null only beside calls or a refusal. To be asked for once."""
        text, refusal = "".join(self._text), "".join(self._refusal)
        message: JsonObject = {
            **self._fields.take(),
            "role": "assistant",
            "content": text if text or not (self._calls or refusal) else None,
            "refusal": refusal or None,
        }
        reasoning = "".join(self._reasoning)
        if reasoning:
            message["reasoning"] = reasoning
            message["reasoning_content"] = reasoning
        if self._calls and legacy:
            start, parts = self._calls[0]
            message["function_call"] = {"name": start.name, "arguments": "".join(parts)}
        elif self._calls:
            message["tool_calls"] = [_whole_call(start, "".join(parts)) for start, parts in self._calls]
        return message


def _whole_call(start: CallStart, arguments: str) -> JsonObject:
    function: JsonObject = {"name": start.name, "arguments": arguments}
    if not start.fields:
        return {"id": start.id, "type": "function", "function": function}
    inner = start.fields.get("function")
    if isinstance(inner, dict):
        function = {**inner, **function}
    return {**start.fields, "id": start.id, "type": "function", "function": function}


def answer_fields(answers: Iterable[Answer]) -> JsonObject:
    """Return what the upstream said of the whole answer beyond OpenAI's contract; the first choice's word counts."""
    fields: JsonObject = {}
    for answer in answers:
        fields = {**answer.answer_fields, **fields}
    return fields


def completion(
    identity: Identity,
    choices: Sequence[JsonObject],
    usage: Usage | None,
    toolgate: JsonObject,
    fields: JsonObject,
) -> bytes:
    """Return a whole answer's JSON text; `fields`: of `answer_fields`."""
    body: JsonObject = {
        **fields,
        "id": identity.id,
        "object": "chat.completion",
        "created": identity.created,
        "model": identity.model,
        "choices": list(choices),
    }
    if usage is not None:
        body["usage"] = usage_json(usage)
    body["toolgate"] = toolgate
    return encode(body)


class Chunks:
    """Writes one stream's chunks; every method returns whole server-sent events."""

    def __init__(self, identity: Identity, *, choices: int, include_usage: bool, legacy: bool) -> None:
        self._head = (
            f'data: {{"id":{encode_str(identity.id)},"object":"chat.completion.chunk","created":{identity.created}'
            f',"model":{encode_str(identity.model)},"choices":['
        )
        self._usage = ',"usage":null' if include_usage else ""
        self._legacy = legacy
        self._opened = [False] * choices
        self._text_tail = f'}},"logprobs":null,"finish_reason":null}}]{self._usage}}}\n\n'

    def events(self, choice: int, events: Sequence[AnswerEvent]) -> bytes:
        """Return the chunks of what one choice emitted at once; neighbours of the same kind share one."""
        deltas = list(self._deltas(events))
        if not deltas:
            return b""
        parts = self._open(choice, '""' if deltas[0].startswith('"content"') else "null")
        parts.extend(self._chunk(choice, delta) for delta in deltas)
        return "".join(parts).encode()

    def finish(self, choice: int, reason: str, answer: Answer, toolgate: JsonObject | None) -> bytes:
        """Return a choice's last chunk, with its logprobs and fields; `toolgate` goes with the stream's last chunk."""
        parts = self._open(choice, '""')
        tail = f',"toolgate":{encode_str(toolgate)}' if toolgate is not None else ""
        parts.append(
            f'{self._head}{{"index":{choice},"delta":{{}},"logprobs":{encode_str(logprobs_json(answer))}'
            f',"finish_reason":"{reason}"{_members(answer.choice_fields)}}}]{self._usage}'
            f"{_members(answer.answer_fields)}{tail}}}\n\n"
        )
        return "".join(parts).encode()

    def usage(self, usage: Usage | None, toolgate: JsonObject, fields: JsonObject) -> bytes:
        """Return the chunk that carries the usage and no choice; `fields`: of `answer_fields`."""
        told = encode_str(usage_json(usage)) if usage is not None else "null"
        return f'{self._head}],"usage":{told}{_members(fields)},"toolgate":{encode_str(toolgate)}}}\n\n'.encode()

    def _open(self, choice: int, content: str) -> list[str]:
        """Return the role chunks that must come first: clients reject choice 1 before choice 0."""
        parts = []
        for index in (0, choice):
            if not self._opened[index]:
                self._opened[index] = True
                first = content if index == choice else "null"
                parts.append(self._chunk(index, f'"role":"assistant","content":{first}'))
        return parts

    def _chunk(self, choice: int, delta: str) -> str:
        return f'{self._head}{{"index":{choice},"delta":{{{delta}{self._text_tail}'

    def _deltas(self, events: Sequence[AnswerEvent]) -> Iterable[str]:
        run: list[str] = []
        kind: type[AnswerEvent] | None = None
        call = 0
        for event in events:
            if run and (type(event) is not kind or (isinstance(event, ArgumentsDelta) and event.index != call)):
                yield self._joined(kind, call, "".join(run))
                run = []
            kind = type(event)
            match event:
                case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                    run.append(text)
                case MessageFields(fields):
                    yield encode_str(fields)[1:-1]
                case ArgumentsDelta(index, json):
                    call = index
                    run.append(json)
                case CallStart():
                    yield self._call(event)
                case _:
                    pass
        if run:
            yield self._joined(kind, call, "".join(run))

    def _joined(self, kind: type[AnswerEvent] | None, call: int, text: str) -> str:
        quoted = encode_str(text)
        if kind is TextDelta:
            return f'"content":{quoted}'
        if kind is ReasoningDelta:
            return f'"reasoning":{quoted},"reasoning_content":{quoted}'
        if kind is RefusalDelta:
            return f'"refusal":{quoted}'
        if self._legacy:
            return f'"function_call":{{"arguments":{quoted}}}'
        return f'"tool_calls":[{{"index":{call},"function":{{"arguments":{quoted}}}}}]'

    def _call(self, start: CallStart) -> str:
        name = encode_str(start.name)
        if self._legacy:
            return f'"function_call":{{"name":{name},"arguments":""}}'
        outer, inner = dict(start.fields), start.fields.get("function")
        outer.pop("function", None)
        return (
            f'"tool_calls":[{{"index":{start.index},"id":{encode_str(start.id)},"type":"function","function":{{"name":{name}'
            f',"arguments":""{_members(inner if isinstance(inner, dict) else {})}}}{_members(outer)}}}]'
        )


def _members(fields: JsonObject) -> str:
    """Return fields as further members of an object."""
    return f",{encode_str(fields)[1:-1]}" if fields else ""


def error_event(body: bytes, told: JsonObject | None = None) -> bytes:
    """Return an error object as the event that ends a stream; `told` is the `toolgate` field."""
    if told is not None:
        body = body[:-1] + b',"toolgate":' + encode(told) + b"}"
    return b"data: " + body + b"\n\n"
