"""One choice's whole message, from all its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder.outcome import Answer
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
from toolgate_core.types.requests import ChatRequest


def message(events: Iterable[AnswerEvent], *, legacy: bool) -> JsonObject:
    """Return the message; its content is null only beside calls or a refusal. `legacy`: with `function_call`."""
    text = reasoning = refusal = ""
    fields = FieldMerger()
    calls: list[tuple[CallStart, list[str]]] = []
    # Tests of the type: patterns of classes cost four times as much. CPython appends to a string in place.
    for event in events:
        if isinstance(event, ArgumentsDelta):
            calls[event.index][1].append(event.json)
        elif isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, CallStart):
            calls.append((event, []))
        elif isinstance(event, ReasoningDelta):
            reasoning += event.text
        elif isinstance(event, RefusalDelta):
            refusal += event.text
        elif isinstance(event, MessageFields):
            fields.add(event.fields)
    written: JsonObject = {
        **fields.take(),
        "role": "assistant",
        "content": text if text or not (calls or refusal) else None,
        "refusal": refusal or None,
    }
    if reasoning:
        written["reasoning"] = written["reasoning_content"] = reasoning
    if calls:
        written |= _written_calls(calls, legacy=legacy)
    return written


def _written_calls(calls: Sequence[tuple[CallStart, list[str]]], *, legacy: bool) -> JsonObject:
    if legacy:
        start, parts = calls[0]
        return {"function_call": {"name": start.name, "arguments": "".join(parts)}}
    return {"tool_calls": [_call(start, "".join(parts)) for start, parts in calls]}


def _call(start: CallStart, arguments: str) -> JsonObject:
    function: JsonObject = {"name": start.name, "arguments": arguments}
    if not start.fields:
        return {"id": start.id, "type": "function", "function": function}
    inner = start.fields.get("function")
    if isinstance(inner, dict):
        function = {**inner, **function}
    return {**start.fields, "id": start.id, "type": "function", "function": function}


def finish_reason(answer: Answer, request: ChatRequest, *, named: str = "stop") -> str:
    """Return a choice's finish reason; `named` is the one of a call that was demanded by its name."""
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


def answer_fields(answers: Iterable[Answer]) -> JsonObject:
    """Return the upstream's fields of the whole answer beyond OpenAI's contract; the first choice's count."""
    fields: JsonObject = {}
    for answer in answers:
        fields = {**answer.answer_fields, **fields}
    return fields
