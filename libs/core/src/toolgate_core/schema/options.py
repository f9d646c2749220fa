"""The one option of an `enum` or a `const` that a value writes in another form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.schema.conversions import as_number
from toolgate_core.schema.kinds import kind

Option: TypeAlias = tuple[JsonValue, str] | None

_NAMES = {"integer": "number"}
_SEPARATORS = re.compile(r"[\s_-]+")
_QUOTES = ('"', "'", "`")
_WORDS = {"none": "null"}


def options(schema: JsonObject) -> list[JsonValue]:
    """Return the values that `const` or `enum` allow; empty where neither says anything."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else []


def same(left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are one to JSON Schema, to which `True` is no `1`."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def option(value: JsonValue, allowed: list[JsonValue]) -> Option:
    """Return the one option that `value` writes with another case, spacing, separator or type, and the tag.

    None where no option fits, and where more than one does.
    """
    if isinstance(value, list | dict):
        return None
    scalars: list[JsonValue] = [one for one in allowed if not isinstance(one, list | dict)]
    for form in _FORMS:
        written = form(value)
        matches = [one for one in scalars if form(one) == written]
        if matches:
            return (matches[0], _tag(value, matches[0])) if len(matches) == 1 else None
    return _amount(value, scalars) or _unquoted(value, scalars)


def _tag(value: JsonValue, match: JsonValue) -> str:
    old, new = (_NAMES.get(kind(one), kind(one)) for one in (value, match))
    return "enum_case" if old == new else f"{old}_to_{kind(match)}"


def _unquoted(value: JsonValue, scalars: list[JsonValue]) -> Option:
    """Return the option that stands in quotes inside a string."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in _QUOTES or text[1:-1] not in scalars:
        return None
    return text[1:-1], "enum_quotes"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else encode_str(value)


def _folded(value: JsonValue) -> str:
    return "".join(_text(value).casefold().split())


def _word(value: JsonValue) -> str:
    folded = _folded(value)
    return _WORDS.get(folded, folded)


def _separated(value: JsonValue) -> str:
    return _SEPARATORS.sub(" ", _text(value).casefold().strip())


_FORMS: tuple[Callable[[JsonValue], str], ...] = (_folded, _word, _separated)


def _amount(value: JsonValue, scalars: list[JsonValue]) -> Option:
    """Return the number that a text writes, or the text that writes a number."""
    others = [one for one in scalars if isinstance(one, str) != isinstance(value, str)]
    amount = _number(value)
    matches = [one for one in others if amount is not None and _number(one) == amount]
    return (matches[0], _tag(value, matches[0])) if len(matches) == 1 else None


def _number(value: JsonValue) -> int | float | None:
    if isinstance(value, str):
        return as_number(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
