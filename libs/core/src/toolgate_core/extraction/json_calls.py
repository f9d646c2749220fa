"""The calls that a parsed JSON value contains: an envelope, a list of envelopes, or one inside a wrapper key.

```
value    = envelope | "[" { value } "]" | { wrapper: value }
envelope = { name key: string, [argument key: any], [id key: string] }  |  { NAME: arguments, … }    (`keyed`, Apertus)
```
Which keys these are is data of the grammar (`EnvelopeGrammar`). OpenAI's own form, `{"function": {"name": …}}`, is one
of the wrappers. Only repaired blocks and JSON without markers are read this way; good JSON never becomes a value here,
it streams (`frames/json_envelope`). At most four levels are looked into: nothing real nests deeper.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.jsontext import JsonObject, JsonValue

_WRAPPERS = ("function", "tool_calls", "toolcalls", "calls", "tool_call", "toolcall", "function_call")


class ParsedCall(Struct, frozen=True):
    """A call inside a JSON value; its arguments may be of any type, and the caller decides what it takes."""

    name: str
    arguments: JsonValue
    call_id: str | None


def calls_in(
    value: JsonValue, grammar: EnvelopeGrammar, depth: int = 4, *, arguments: bool = False
) -> list[ParsedCall]:
    """Return the calls that a JSON value contains, in order.

    `arguments`: an object without arguments is none. That is asked where no marker announced the JSON, since
    `{"name": "Bob", "age": 3}` is data.
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
        return _named_call(name, value, grammar, arguments=arguments)
    return calls_in(_first(value, _WRAPPERS), grammar, depth - 1, arguments=arguments)


def _named_call(name: str, value: JsonObject, grammar: EnvelopeGrammar, *, arguments: bool) -> list[ParsedCall]:
    call_id = _first(value, grammar.id_keys)
    key = next((key for key in grammar.argument_keys if key in value), None)
    if arguments and (key is None or "description" in value):
        return []  # a tool's definition has a description, a call does not
    return [ParsedCall(name, value[key] if key else {}, call_id if isinstance(call_id, str) else None)]


def _first(value: JsonObject, keys: Iterable[str]) -> JsonValue:
    return next((value[key] for key in keys if key in value), None)
