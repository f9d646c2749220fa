"""Neutral messages as those of OpenAI's chat completions: the inverse of the API format's reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.types.messages import Call, Media, Message, Part, Reasoning, Result, Text, calls_of, results_of


def write_messages(messages: Iterable[Message]) -> list[JsonValue]:
    """Return the messages; one with several results becomes several, since a message of this format holds one."""
    out: list[JsonValue] = []
    for message in messages:
        if message.plain and len(message.parts) == 1 and isinstance(text := message.parts[0], Text):
            out.append(_text(message, text))  # most messages
            continue
        results = results_of(message)
        if not results:
            out.append(_message(message))
            continue
        out += [_result(message, result) for result in results]
        rest = tuple(part for part in message.parts if not isinstance(part, Result))
        if rest:
            out.append(_message(Message("user", rest, message.name, message.plain)))
    return out


def _text(message: Message, text: Text) -> JsonObject:
    """Return a message that is one text: the same as `_message`, in far fewer steps."""
    if message.name is None:
        return {"role": message.role, "content": text.text, **message.fields}
    return {"role": message.role, "content": text.text, "name": message.name, **message.fields}


def _message(message: Message) -> JsonObject:
    body: JsonObject = {"role": message.role, "content": _content(message.parts, plain=message.plain)}
    for part in message.parts:
        if isinstance(part, Reasoning):
            body[part.name or "reasoning"] = part.text
    if message.name is not None:
        body["name"] = message.name
    body.update(message.fields)
    calls = calls_of(message)
    if calls:
        body["tool_calls"] = [_call(call) for call in calls]
    return body


def _result(message: Message, result: Result) -> JsonObject:
    body: JsonObject = {"role": "tool", "tool_call_id": result.call_id}
    body["content"] = _content(result.parts, plain=result.plain)
    if message.name is not None:
        body["name"] = message.name
    return {**body, **message.fields, **result.fields}


def _content(parts: Sequence[Part], *, plain: bool) -> JsonValue:
    """Return the content of a message: text, a list of parts, or null where it has none."""
    shown = [part for part in parts if isinstance(part, Text | Media)]
    if not plain:
        return [_part(part) for part in shown]
    if not shown:
        return None
    return "\n".join(part.text for part in shown if isinstance(part, Text))


def _part(part: Text | Media) -> JsonObject:
    return part.value if isinstance(part, Media) else {"type": "text", "text": part.text, **part.fields}


def _call(call: Call) -> JsonObject:
    """Return a call; unknown fields that are in `fields` under `function` go back into it."""
    fields = dict(call.fields)
    inner = fields.pop("function", None)
    function: JsonObject = {"name": call.name, "arguments": call.arguments}
    if isinstance(inner, dict):
        function.update(inner)
    return {"id": call.id, "type": "function", "function": function, **fields}
