"""One value of the wrong type to the type that a schema asks for: a new value and a tag, or None."""

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

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d+)\.0*\Z", re.ASCII)
_EXACT = 2**53
_BOOLEANS = {"true": True, "false": False}
_NULLS = ("null", "none")


def convert(value: JsonValue, wanted: str) -> Converted:
    """Return `value` as the JSON Schema type `wanted` with the tag of the conversion; None when it can't be."""
    converter = _CONVERTERS.get(wanted)
    return converter(value) if converter else None


def is_null_word(value: JsonValue) -> bool:
    """Whether a value is null, or a string that says so in JSON or in python."""
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NULLS)


def _null(value: JsonValue) -> Converted:
    return (None, "string_to_null") if is_null_word(value) else None


def _integer(value: JsonValue) -> Converted:
    whole = _WHOLE.match(value.strip()) if isinstance(value, str) else None
    found = number(whole[1]) if whole else number_in(value)
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
    return None if value is None else ([value], "scalar_to_array")


def _container_in(value: JsonValue) -> JsonValue:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", "(")) or deeper_than(value, MAX_DEPTH):
        return None
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
