"""The messages of a validated request: in the form that servers accept, and as neutral messages.

Servers differ in what they refuse, so three things are changed before messages go on: nulls that mean nothing are left
out (vLLM reads some of them as values), a message of calls alone has `content: null` (OpenAI wants the field), and
the arguments of earlier calls are JSON objects (chat templates break on others). Everything else is kept, with the
unknown fields of every level.
"""

from __future__ import annotations

from typing import cast

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.arguments import object_text
from toolgate_core.types.messages import Call, Media, Message, Part, Reasoning, Result, Role, Text

_REASONING = ("reasoning", "reasoning_content")
"""What servers call the reasoning of a message: vLLM, and DeepSeek with those that follow it."""

_TYPED = frozenset(("role", "content", "tool_calls", "tool_call_id"))


def normal_messages(messages: list[JsonObject]) -> list[JsonObject] | None:
    """Return the messages in the form that servers accept; None where they have it."""
    normal = [_normal(message) for message in messages]
    if not any(normal):
        return None
    return [changed or message for changed, message in zip(normal, messages, strict=True)]


def _normal(message: JsonObject) -> JsonObject | None:
    """Return a message in the form that servers accept; None where it has it."""
    calls = cast("list[JsonObject] | None", message.get("tool_calls"))
    changes: JsonObject = {}
    if calls:
        if "content" not in message:
            changes["content"] = None
        new = [_normal_call(call) for call in calls]
        if any(new):
            changes["tool_calls"] = [changed or call for changed, call in zip(new, calls, strict=True)]
    if None in message.values() and any(value is None and key != "content" for key, value in message.items()):
        message = {key: value for key, value in message.items() if value is not None or key == "content"}
    elif not changes:
        return None
    return {**message, **changes}


def _normal_call(call: JsonObject) -> JsonObject | None:
    function = cast("JsonObject", call["function"])
    text = cast("str", function["arguments"])
    arguments = object_text(text)
    return None if arguments == text else {**call, "function": {**function, "arguments": arguments}}


def read_messages(messages: list[JsonObject]) -> tuple[Message, ...]:
    """Return validated messages in their normal form as neutral ones."""
    return tuple(_message(message) for message in messages)


def _message(message: JsonObject) -> Message:
    role = cast("Role", message["role"])
    content = message.get("content")
    if isinstance(content, str) and len(message) == 2:
        return Message(role, (Text(content),))  # role and content, as most messages
    parts: list[Part] = []
    fields: JsonObject = {key: value for key, value in message.items() if key not in _TYPED and value is not None}
    name = fields.get("name")
    if isinstance(name, str):
        del fields["name"]
    if role == "tool":
        result = Result(cast("str", message["tool_call_id"]), _content(content), plain=not isinstance(content, list))
        return Message(role, (result,), name if isinstance(name, str) else None, fields=fields)
    if role == "assistant":
        parts += _reasoning(fields)
    parts += _content(content)
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        parts += [_call(call) for call in calls]
    return Message(
        role, tuple(parts), name if isinstance(name, str) else None, plain=not isinstance(content, list), fields=fields
    )


def _reasoning(fields: JsonObject) -> list[Part]:
    """Take the reasoning out of a message's fields; any that is not text stays among them."""
    found: list[Part] = []
    for key in _REASONING:
        text = fields.get(key)
        if isinstance(text, str):
            del fields[key]
            found.append(Reasoning(text, name=key))
    return found


def _content(content: JsonValue) -> tuple[Text | Media, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(cast("JsonObject", part)) for part in cast("list[JsonValue]", content))


def _part(part: JsonObject) -> Text | Media:
    if part["type"] != "text":
        return Media(part)
    return Text(cast("str", part["text"]), _others(part, ("type", "text")))


def _call(given: JsonValue) -> Call:
    """Return a call; what its `function` says beyond the typed fields is in `fields` under `function`."""
    call = cast("JsonObject", given)
    function = cast("JsonObject", call["function"])
    fields = _others(call, ("id", "type", "function"))
    inner = _others(function, ("name", "arguments"))
    return Call(
        cast("str", call["id"]),
        cast("str", function["name"]),
        cast("str", function["arguments"]),
        {**fields, "function": inner} if inner else fields,
    )


def _others(value: JsonObject, known: tuple[str, ...]) -> JsonObject:
    return {key: item for key, item in value.items() if key not in known}
