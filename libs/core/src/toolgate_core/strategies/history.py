"""The conversation so far, as it is shown to a model again: mended, rendered in a dialect, with a fault quoted."""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.dialects import DIALECTS, Dialect
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema.relaxed import relax
from toolgate_core.types.faults import Fault

MAX_QUOTED = 2_000
"""Characters of a model's own answer that a retry shows it."""

SYSTEM_ROLES = ("system", "developer")
"""Roles of instructions; the newer one is OpenAI's."""


def mended(messages: list[JsonObject]) -> list[JsonObject]:
    """Return the messages as every server takes them.

    Arguments of earlier calls are JSON objects, since templates break on others, and a message of calls alone has the
    content null, since servers ask for the field.
    """
    return [_mended(message) if message.get("tool_calls") else message for message in messages]


def rendered(messages: list[JsonObject], dialect: str) -> list[JsonObject]:
    """Return the messages without calls and results of the API's own: they are written in `dialect`.

    Results become user messages, those in a row one; system messages are left out (see `with_system`). Calls and
    results have the ids by which the dialect knows them.
    """
    history = _History(DIALECTS[dialect])
    out: list[JsonObject] = []
    after_result = False
    for message in messages:
        role = message["role"]
        if role in SYSTEM_ROLES:
            continue
        if role == "tool":
            add_user(out, history.result(message), merge=after_result)
        elif role == "assistant" and message.get("tool_calls"):
            out.append(history.calls(message))
        elif role == "user":
            add_user(out, message, merge=after_result)
        else:
            out.append(message)
        after_result = role == "tool"
    return out


def with_system(messages: list[JsonObject], original: list[JsonObject], block: str, *, role: bool) -> list[JsonObject]:
    """Return `messages` after one system message: the client's own ones, then `block`.

    `role`: the upstream knows the role; otherwise the text begins the first user message.
    """
    texts = [text_of(message.get("content")) for message in original if message["role"] in SYSTEM_ROLES]
    text = "\n\n".join(filter(None, [*texts, block]))
    if not text:
        return messages
    if role:
        return [{"role": "system", "content": text}, *messages]
    first: list[JsonObject] = [{"role": "user", "content": text}]
    if messages and messages[0]["role"] == "user":
        add_user(first, messages[0], merge=True)
        return [*first, *messages[1:]]
    return [*first, *messages]


def quote(messages: list[JsonObject], fault: Fault) -> list[JsonObject]:
    """Return the messages with the model's last answer and what was wrong with it, asking for another."""
    out = list(messages)
    if fault.raw:
        out.append({"role": "assistant", "content": fault.raw[:MAX_QUOTED]})
    ask = f"That answer could not be used: {fault.detail} Give the whole answer again, with this corrected."
    add_user(out, {"role": "user", "content": ask}, merge=True)
    return out


def text_of(content: JsonValue) -> str:
    """Return the text of a message's content; its parts of other kinds are left out."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("type") == "text")


def _mended(message: JsonObject) -> JsonObject:
    if "content" not in message:
        message = {**message, "content": None}
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    new = [_mended_call(call) for call in calls]
    if all(one is other for one, other in zip(new, calls, strict=True)):
        return message
    return {**message, "tool_calls": new}


def _mended_call(call: JsonValue) -> JsonValue:
    assert isinstance(call, dict)
    function = call["function"]
    assert isinstance(function, dict)
    text = str(function["arguments"])
    arguments = object_text(text)
    return call if arguments is text else {**call, "function": {**function, "arguments": arguments}}


def object_text(text: str) -> str:
    """Return `text` if it is the JSON text of an object, else one that says what it said."""
    try:
        value = decode(text)
    except JsonTextError:
        relaxed = relax(text, close=True)
        value = relaxed[0] if relaxed else None
        if isinstance(value, dict):
            return encode_str(value)
    if isinstance(value, dict):
        return text
    return encode_str({"unreadable": text}) if text.strip() not in ("", "null") else "{}"


class _History:
    """Writes the calls and results of one conversation; counts its calls."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[str, WrittenCall] = {}
        self._count = 0

    def calls(self, message: JsonObject) -> JsonObject:
        """Return an assistant message whose calls are text."""
        calls = message["tool_calls"]
        assert isinstance(calls, list)
        block = self._dialect.render_calls([self._call(call) for call in calls])
        text = text_of(message.get("content"))
        return {"role": "assistant", "content": f"{text}\n{block}" if text else block}

    def result(self, message: JsonObject) -> JsonObject:
        """Return a result as a user message."""
        call_id = str(message["tool_call_id"])
        call = self._known.get(call_id, WrittenCall(call_id, "{}", call_id))
        content = message.get("content")
        text = self._dialect.render_result(call.name, call.id, text_of(content))
        parts = content if isinstance(content, list) else []
        others = [part for part in parts if isinstance(part, dict) and part.get("type") != "text"]
        return {"role": "user", "content": [{"type": "text", "text": text}, *others] if others else text}

    def _call(self, given: JsonValue) -> WrittenCall:
        assert isinstance(given, dict)
        function = given["function"]
        assert isinstance(function, dict)
        arguments = object_text(str(function["arguments"]))
        call = WrittenCall(str(function["name"]), arguments, str(given["id"]), self._count)
        call = replace(call, id=self._dialect.call_id(call))
        self._known[str(given["id"])] = call
        self._count += 1
        return call


def add_user(out: list[JsonObject], message: JsonObject, *, merge: bool) -> None:
    """Append a user message; `merge`: to the one before it, since many templates want the roles to alternate."""
    if not merge or not out or out[-1]["role"] != "user":
        out.append(message)
        return
    before, after = out[-1].get("content"), message.get("content")
    if isinstance(before, str) and isinstance(after, str):
        content: JsonValue = f"{before}\n\n{after}"
    else:
        content = [*_parts(before), *_parts(after)]
    out[-1] = {**out[-1], "content": content}


def _parts(content: JsonValue) -> list[JsonValue]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
