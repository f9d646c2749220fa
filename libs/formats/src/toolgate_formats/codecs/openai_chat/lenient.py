"""The slow path of reading an answer: fields of any shape, and unknown ones, which are kept.

`decode_answer` tries the typed decoder first; only answers that it refuses take this path.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec
from msgspec import field
from toolgate_core.jsontext import DECODE_ERRORS, JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.limits import MAX_TOKEN_COUNT
from toolgate_core.types.requests import Usage

from toolgate_formats.codecs.openai_chat.wire import (
    AnswerBody,
    CallBody,
    ChoiceBody,
    Content,
    FunctionBody,
    MessageBody,
    answer_decoder,
)

_FUNCTION: Final = frozenset(("name", "arguments"))
_CALL: Final = frozenset(("index", "id", "type", "function"))
_MESSAGE: Final = frozenset(
    ("role", "content", "reasoning", "reasoning_content", "tool_calls", "function_call", "refusal")
)
_CHOICE: Final = frozenset(("index", "delta", "message", "finish_reason", "logprobs"))
_ANSWER: Final = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "error", "message", "detail", "obfuscation")
)
_DIGITS: Final = 16


class LenientCall(CallBody):
    """A call with unknown fields; those of its function are in `function`."""

    fields: dict[str, object] = field(default_factory=dict)  # type: ignore[misc]


class LenientMessage(MessageBody):
    """A message with unknown fields."""

    fields: dict[str, object] = field(default_factory=dict)  # type: ignore[misc]


class LenientChoice(ChoiceBody):
    """A choice with unknown fields."""

    fields: dict[str, object] = field(default_factory=dict)  # type: ignore[misc]


class LenientAnswer(AnswerBody):
    """An answer with unknown fields."""

    fields: dict[str, object] = field(default_factory=dict)  # type: ignore[misc]


def decode_answer(data: bytes) -> AnswerBody | None:
    """Return the answer or chunk; None for a body that is not JSON or not of this form.

    Answers with unknown fields, or with numbers as text, take the slow path.
    """
    try:
        return answer_decoder.decode(data)
    except msgspec.ValidationError:
        pass
    except DECODE_ERRORS:
        return None
    try:
        return answer_from_json(decode(data))
    except JsonTextError:
        return None


def answer_from_json(value: JsonValue) -> AnswerBody | None:
    """Return the answer or chunk in a decoded JSON value; None where it is not of this form."""
    if not isinstance(value, dict):
        return None
    choices: list[ChoiceBody] | None = None
    raw = value.get("choices")
    if raw is not None:
        if not isinstance(raw, list) or not all(isinstance(choice, dict) for choice in raw):
            return None
        choices = [_choice(cast("JsonObject", choice)) for choice in raw]
    return LenientAnswer(
        choices=choices,
        usage=value.get("usage"),
        error=value.get("error"),
        kind=value.get("object"),
        message=value.get("message"),
        detail=value.get("detail"),
        fields=_unknown_fields(value, _ANSWER),
    )


def _choice(value: JsonObject) -> ChoiceBody:
    delta, message = value.get("delta"), value.get("message")
    return LenientChoice(
        index=_integer(value.get("index")),
        delta=_message(delta) if isinstance(delta, dict) else None,
        message=_message(message) if isinstance(message, dict) else None,
        finish_reason=value.get("finish_reason"),
        logprobs=value.get("logprobs"),
        fields=_unknown_fields(value, _CHOICE),
    )


def _message(value: JsonObject) -> MessageBody:
    calls, function = value.get("tool_calls"), value.get("function_call")
    if isinstance(calls, dict):  # one call in place of a list
        calls = [calls]
    return LenientMessage(
        content=_content(value.get("content")),
        reasoning=_content(value.get("reasoning")),
        reasoning_content=_content(value.get("reasoning_content")),
        tool_calls=[_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else None,
        function_call=_function(function) if isinstance(function, dict) else None,
        refusal=value.get("refusal"),
        fields=_unknown_fields(value, _MESSAGE),
    )


def _call(value: JsonObject) -> CallBody:
    function = value.get("function")
    if not isinstance(function, dict) and "name" in value:  # the function's fields beside the call's
        function = {key: value[key] for key in _FUNCTION if key in value}
        value = {key: item for key, item in value.items() if key not in _FUNCTION}
    call_id = value.get("id")
    fields = _unknown_fields(value, _CALL)
    if isinstance(function, dict) and (inner := _unknown_fields(function, _FUNCTION)):
        fields["function"] = inner
    return LenientCall(
        index=_integer(value.get("index")),
        id=call_id if isinstance(call_id, str) else None if call_id is None else str(call_id),
        function=_function(function) if isinstance(function, dict) else None,
        fields=fields,
    )


def _function(value: JsonObject) -> FunctionBody:
    name, arguments = value.get("name"), value.get("arguments")
    return FunctionBody(
        name=name if isinstance(name, str) else None,
        arguments=arguments if arguments is None or isinstance(arguments, str) else encode_str(arguments),
    )


def _content(value: JsonValue) -> Content:
    if isinstance(value, dict):
        return [value]
    return cast("Content", value) if isinstance(value, str | list) else None


def _unknown_fields(value: JsonObject, known: frozenset[str]) -> dict[str, object]:
    return {key: item for key, item in value.items() if key not in known and item is not None}


def _integer(value: JsonValue) -> int | None:
    if isinstance(value, str) and len(value) <= _DIGITS and value.isdecimal():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def usage_from_json(raw: object) -> Usage | None:
    """Return the tokens of a usage object, zero for a missing count; None where `raw` is not an object."""
    if not isinstance(raw, dict):
        return None
    prompt, completion = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    return Usage(
        tokens(raw.get("prompt_tokens")) or 0,
        tokens(raw.get("completion_tokens")) or 0,
        tokens(prompt.get("cached_tokens")) or 0 if isinstance(prompt, dict) else 0,
        tokens(completion.get("reasoning_tokens")) or 0 if isinstance(completion, dict) else 0,
        cast("JsonObject", raw),
    )


def tokens(value: object) -> int | None:
    """Return a number of tokens; None where `value` is not one. Some servers write fractions, or numbers as text."""
    if type(value) is int:  # the common case; a bool has another type
        return value if 0 <= value <= MAX_TOKEN_COUNT else None
    if isinstance(value, str) and len(value) <= _DIGITS and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TOKEN_COUNT:
        return None
    return int(value)
