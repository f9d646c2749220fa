"""The messages of a request: the shape of each, and that calls and results follow each other.

The rules are OpenAI's, with its error texts and paths: each call needs one result, results follow their calls, and no
other message is between them. Older and careless forms (`function` messages, an empty `tool_calls`) are rewritten in
place, since servers refuse them.

What bounds the cost: one pass; a message has at most `MAX_CALLS_PER_MESSAGE` calls.
"""

from __future__ import annotations

from itertools import islice

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_CALLS_PER_MESSAGE, MAX_QUOTED
from toolgate_core.types.errors import RequestError

from toolgate_formats.api.openai_chat.legacy import convert_call, convert_result

_CONTENT_FIELDS = ("refusal", "audio", "reasoning", "reasoning_content")


class CheckedMessages(Struct, frozen=True):
    """What the check has seen: whether it rewrote a message in place, and whether the history has calls."""

    rewritten: bool
    has_calls: bool


def check_messages(body: JsonObject) -> CheckedMessages:
    """Check the messages, and rewrite in place what an older or a careless client wrote; raise `RequestError`."""
    messages = body.get("messages")
    if messages is None:
        raise RequestError(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if not isinstance(messages, list):
        raise RequestError("Invalid type for 'messages': expected an array.", param="messages", code="invalid_type")
    if not messages:
        raise RequestError("'messages' must contain at least one message.", param="messages", code="empty_array")
    sequence = _Sequence()
    rewritten = False
    for place, message in enumerate(messages):
        taken = sequence.take(message, place)
        if taken is not message:
            messages[place] = taken
            rewritten = True
    sequence.end(len(messages) - 1)
    return CheckedMessages(rewritten, sequence.has_calls)


class _Sequence:
    """The walk through the messages; it knows the calls that still need a result."""

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}  # in the order of the calls
        self._answered: set[str] = set()
        self.has_calls = False

    def take(self, message: JsonValue, place: int) -> JsonObject:
        """Check one message and return it, rewritten where it has an older form."""
        if not isinstance(message, dict):
            raise RequestError(f"messages[{place}] must be an object.", param=f"messages[{place}]", code="invalid_type")
        role = message.get("role")
        if role in ("tool", "function"):
            return self._result(message, place, legacy=role == "function")
        self.end(place)
        self._answered = set()
        if role == "assistant":
            return self._assistant(message, place)
        if role not in ("user", "system", "developer"):
            given = f"'{role:.64}'" if isinstance(role, str) else "no role"
            wrong = f"Invalid value for 'messages[{place}].role': {given} is not a known role."
            raise RequestError(wrong, param=f"messages[{place}].role", code="invalid_value")
        _check_content(message.get("content"), place)
        return message

    def end(self, place: int) -> None:
        """Raise where calls have no results and none can follow; `place` is that of the message that shows it."""
        if self._pending:
            shown = ", ".join(call_id[:MAX_QUOTED] for call_id in islice(self._pending, 5))
            more = ", …" if len(self._pending) > 5 else ""
            raise RequestError(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. These have no response: {shown}{more}.",
                param=f"messages.[{place}].role",
            )

    def _assistant(self, message: JsonObject, place: int) -> JsonObject:
        if message.get("function_call") is not None:
            message = convert_call(message, place)
        # OpenAI refuses an empty list; clients write one where a message has no calls.
        elif message.get("tool_calls", True) in (None, []):
            rest = {key: value for key, value in message.items() if key != "tool_calls"}
            message = rest if rest.get("content") is not None else {**rest, "content": ""}
        calls = message.get("tool_calls")
        if message.get("content") is not None:
            _check_content(message["content"], place)
        if calls is not None:
            self._pending = _call_ids(calls, f"messages[{place}].tool_calls")
            self.has_calls = True
        elif message.get("content") is None and all(message.get(key) is None for key in _CONTENT_FIELDS):
            raise _invalid(f"messages[{place}].content", "expected a string, got null")
        return message

    def _result(self, message: JsonObject, place: int, *, legacy: bool) -> JsonObject:
        if not self._pending and not self._answered:
            raise _misplaced(
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'", place
            )
        if legacy:
            message = convert_result(message, place, next(iter(self._pending), ""))
        _check_content(message.get("content"), place)
        answers = message.get("tool_call_id")
        if not isinstance(answers, str):
            raise _missing(f"messages[{place}].tool_call_id")
        if answers not in self._pending:
            problem = "has a result already" if answers in self._answered else "is not in the preceding 'tool_calls'"
            raise _misplaced(f"tool_call_id '{answers:.64}' {problem}", place)
        del self._pending[answers]
        self._answered.add(answers)
        return message


def _check_content(content: JsonValue, place: int) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise _invalid(f"messages[{place}].content", "expected a string or an array of parts")
    for index, part in enumerate(content):
        param = f"messages[{place}].content[{index}]"
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise _invalid(param, "expected an object with a type")
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise _invalid(f"{param}.text", "expected a string")


def _call_ids(calls: JsonValue, param: str) -> dict[str, None]:
    if not isinstance(calls, list):
        raise _invalid(param, "expected an array")
    if len(calls) > MAX_CALLS_PER_MESSAGE:
        wrong = f"Invalid value for '{param}': at most {MAX_CALLS_PER_MESSAGE} calls are allowed, got {len(calls)}."
        raise RequestError(wrong, param=param, code="array_above_max_length")
    ids: dict[str, None] = {}
    for index, call in enumerate(calls):
        found = _call_id(call, f"{param}[{index}]")
        if found in ids:
            raise RequestError(f"Two calls have the id '{found:.64}'.", param=f"{param}[{index}].id")
        ids[found] = None
    return ids


def _call_id(call: JsonValue, param: str) -> str:
    """Check one call of the history and return its id."""
    if not isinstance(call, dict):
        raise _invalid(param, "expected an object")
    if call.get("type", "function") != "function":
        raise RequestError(f"{param}.type must be 'function'; custom tools are not supported.", param=f"{param}.type")
    function = call.get("function")
    if not isinstance(function, dict):
        raise _missing(f"{param}.function")
    name = function.get("name")
    if name == "":
        raise RequestError(f"{param}.function.name is empty.", param=f"{param}.function.name", code="empty_string")
    if not isinstance(name, str):
        raise _missing(f"{param}.function.name")
    if not isinstance(function.get("arguments"), str):
        raise _invalid(f"{param}.function.arguments", "expected a string of JSON")
    call_id = call.get("id")
    if not isinstance(call_id, str) or not call_id:
        raise _missing(f"{param}.id")
    return call_id


def _invalid(param: str, why: str) -> RequestError:
    return RequestError(f"Invalid type for '{param}': {why}.", param=param, code="invalid_type")


def _missing(param: str) -> RequestError:
    return RequestError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def _misplaced(what: str, place: int) -> RequestError:
    # OpenAI writes this path with a dot before the bracket.
    return RequestError(f"Invalid parameter: {what}.", param=f"messages.[{place}].role")
