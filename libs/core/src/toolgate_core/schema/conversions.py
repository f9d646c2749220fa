"""Conversions of one value to another JSON Schema type.

Each conversion returns the new value and its tag, or None where the value does not clearly mean one of that type. Only
lossless conversions exist: `"7.0"` is the integer 7, `"7.5"` is none; `1` is true, `2` is not; an object never becomes
text, since its JSON is only one of many texts that could be meant.

Cost: each is linear in the text. Numbers are bounded by `MAX_DIGITS`, since Python's `int` is quadratic in digits;
exponents have three digits, so that no short text writes a huge number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.nesting import deeper_than
from toolgate_core.schema.escaped import unescape
from toolgate_core.schema.numbers import number
from toolgate_core.schema.relaxed import MAX_DEPTH, relax

Converted: TypeAlias = tuple[JsonValue, str] | None

# Wider than JSON's numbers (`+5`, `007`, `.5`, `1.`), but without NaN, Infinity and bases: JSON cannot write those.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
# Whole numbers with a fraction of zeros are read by their digits: a float would change 9007199254740993.0.
_WHOLE = re.compile(r"([+-]?\d+)\.0*\Z", re.ASCII)
_EXACT = 2**53
"""From here on a float skips integers, so it no longer says which one is meant."""
# Only JSON's and Python's words: "yes", "on" and "1" in a string can mean something else.
_BOOLEANS = {"true": True, "false": False}
_NULLS = ("null", "none")


def convert(value: JsonValue, wanted: str) -> Converted:
    """Return `value` as the JSON Schema type `wanted` and the tag of the conversion; None where it is not one."""
    converter = _CONVERTERS.get(wanted)
    return converter(value) if converter else None


def is_null_word(value: JsonValue) -> bool:
    """Whether a value is null, or a string that writes it in JSON or Python."""
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NULLS)


def _null(value: JsonValue) -> Converted:
    return (None, "string_to_null") if is_null_word(value) else None


def _integer(value: JsonValue) -> Converted:
    whole = _WHOLE.match(value.strip()) if isinstance(value, str) else None
    found = number(whole[1]) if whole else number_in(value)
    # A fraction or an exponent leads here: `1e5` is the integer 100000, `3.5` is none, and `1e300` is not an exact
    # integer.
    if isinstance(found, float):
        found = int(found) if found.is_integer() and abs(found) < _EXACT else None
    return None if found is None else (found, "string_to_integer")


def _number(value: JsonValue) -> Converted:
    found = number_in(value)
    return None if found is None else (found, "string_to_number")


def number_in(value: JsonValue) -> int | float | None:
    """Return the number that a string writes, exact where it is whole; None where it writes none."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return number(text) if _NUMBER.match(text) else None


def _boolean(value: JsonValue) -> Converted:
    if isinstance(value, str):
        found = _BOOLEANS.get(value.strip().casefold())
        return None if found is None else (found, "string_to_boolean")
    # Models write flags as 0 and 1; a bool is an `int` too, but never reaches a conversion to its own type.
    if isinstance(value, int) and value in (0, 1):
        return bool(value), "number_to_boolean"
    return None


def _object(value: JsonValue) -> Converted:
    found = _container_in(value)
    return (found, "json_string_to_object") if isinstance(found, dict) else None


def _array(value: JsonValue) -> Converted:
    found = _container_in(value)
    if isinstance(found, list):
        return found, "json_string_to_array"
    # Null is not an item: for an optional parameter it means that the parameter is absent.
    return None if value is None else ([value], "scalar_to_array")


def _container_in(value: JsonValue) -> JsonValue:
    # A string that is too deep stays text; `settle` bounds the depth of all arguments together after coercion.
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", "(")) or deeper_than(value, MAX_DEPTH):
        return None
    # The string can be escaped twice: once for the arguments around it, and once more by habit.
    value = unescape(value) or value
    try:
        return decode(value.strip())
    except JsonTextError:
        relaxed = relax(value)
        return relaxed[0] if relaxed else None


def _string(value: JsonValue) -> Converted:
    if isinstance(value, bool):
        return encode_str(value), "boolean_to_string"
    if isinstance(value, int | float):
        return encode_str(value), "number_to_string"
    return None  # an object as text would be a guess


_CONVERTERS: dict[str, Callable[[JsonValue], Converted]] = {
    "null": _null,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
    "string": _string,
}
