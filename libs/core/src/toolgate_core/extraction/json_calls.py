"""The calls that a parsed JSON value contains: an envelope, a list of envelopes, or one inside a wrapper key."""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.jsontext import JsonValue

_WRAPPERS = ("function", "tool_calls", "toolcalls", "calls", "tool_call", "toolcall", "function_call")


class ParsedCall(Struct, frozen=True):
    """A call inside a JSON value."""

    name: str
    arguments: JsonValue
    call_id: str | None


def calls_in(
    value: JsonValue, grammar: EnvelopeGrammar, depth: int = 4, *, arguments: bool = False
) -> list[ParsedCall]:
    """Return the calls that a JSON value says: an envelope, a list of them, or one wrapped in `function`.

    `arguments`: an object without arguments is none.
    """
    if isinstance(value, list):
        return (
            [one for item in value for one in calls_in(item, grammar, depth - 1, arguments=arguments)] if depth else []
        )
    if not isinstance(value, dict) or not depth:
        return []
    if grammar.keyed:
        return [ParsedCall(str(name), member, None) for name, member in value.items()]
    name = next((value[key] for key in grammar.name_keys if isinstance(value.get(key), str)), None)
    if isinstance(name, str):
        call_id = next((value[key] for key in grammar.id_keys if key in value), None)
        key = next((key for key in grammar.argument_keys if key in value), None)
        if arguments and (key is None or "description" in value):
            return []  # the definition of a tool has a description, a call has not
        return [ParsedCall(name, value[key] if key else {}, call_id if isinstance(call_id, str) else None)]
    wrapped = next((value[key] for key in _WRAPPERS if key in value), None)
    return calls_in(wrapped, grammar, depth - 1, arguments=arguments)
