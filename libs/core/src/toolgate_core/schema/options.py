"""The values of an `enum` or a `const`, and the one that a value writes in another form.

`"RED"` means `"red"`, `"3"` means 3, `"new-york"` means `"new york"`. The forms are tried in order, from the closest to
the loosest: white space and case, Python's None for null, separators, numbers, quotes inside a string. The first form
that any allowed value has decides; two values with that form are ambiguous, and nothing is changed.

The allowed values are indexed by form once per schema, so that looking up many values in a long enum stays linear.
Enums beyond `MAX_FOLDED_OPTIONS` values or `MAX_FOLDED_CHARS` characters are only compared for equality.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.limits import MAX_FOLDED_CHARS, MAX_FOLDED_OPTIONS
from toolgate_core.schema.conversions import number_in
from toolgate_core.schema.kinds import type_of

Match: TypeAlias = tuple[JsonValue, str] | None
K = TypeVar("K", str, int | float)

# A tag says `number_to_string`, whether the number is whole or not.
_NAMES = {"integer": "number"}
# Models replace the separator of an enum's words: "in progress", `in_progress`, `in-progress`.
_SEPARATORS = re.compile(r"[\s_-]+")
_QUOTES = ('"', "'", "`")
# Python's word for null, only compared after the plain form, so that an option "none" wins.
_WORDS = {"none": "null"}


def allowed_values(schema: JsonObject) -> list[JsonValue]:
    """Return the values that `const` or `enum` allow; empty where the schema has neither."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else []


def equal(left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are equal in JSON Schema, where `true` is not 1 (in Python it is)."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


class AllowedValues:
    """The allowed values of one schema, indexed by their forms."""

    __slots__ = ("_amounts", "_containers", "_exact", "_forms", "_scalars")

    def __init__(self, allowed: list[JsonValue]) -> None:
        self._scalars: list[JsonValue] = [one for one in allowed if not isinstance(one, list | dict)]
        self._containers = [one for one in allowed if isinstance(one, list | dict)]
        # In Python `True == 1`, and both have one hash; the pair keeps them apart.
        self._exact = {(isinstance(one, bool), one) for one in self._scalars}
        self._forms: tuple[dict[str, list[JsonValue]], ...] | None = None
        self._amounts: dict[bool, dict[int | float, list[JsonValue]]] = {}

    def __len__(self) -> int:
        return len(self._scalars) + len(self._containers)

    def contain(self, value: JsonValue) -> bool:
        """Whether `value` is one of them."""
        # Containers cannot be hashed; they are compared one by one, and never in other forms.
        if isinstance(value, list | dict):
            return any(equal(value, one) for one in self._containers)
        return (isinstance(value, bool), value) in self._exact

    def find(self, value: JsonValue) -> Match:
        """Return the one option that `value` writes with another case, spacing, separator or type, and the tag.

        None where no option fits, where more than one does, and where there are more than can be compared in forms.
        """
        if isinstance(value, list | dict) or not self._scalars or not self._build_index():
            return None
        for form, index in zip(_FORMS, self._forms or (), strict=True):
            matches = index.get(form(value))
            # A form that two options share is ambiguous; a looser form could only choose by accident.
            if matches:
                return (matches[0], _tag(value, matches[0])) if len(matches) == 1 else None
        return self._equal_number(value) or self._value_in_quotes(value)

    def _build_index(self) -> bool:
        if self._forms is None and len(self._scalars) <= MAX_FOLDED_OPTIONS:
            # Folding costs the characters of all options, which the number of options does not bound.
            if sum(len(one) for one in self._scalars if isinstance(one, str)) > MAX_FOLDED_CHARS:
                return False
            self._forms = tuple(_index(form, self._scalars) for form in _FORMS)
            # A text means a number option and a number means a text option; "1.0" never means the text "1".
            for texts in (True, False):
                others = [one for one in self._scalars if isinstance(one, str) == texts]
                self._amounts[texts] = _index(_number, others)
        return self._forms is not None

    def _equal_number(self, value: JsonValue) -> Match:
        """Return the number that a text writes, or the text that writes a number."""
        amount = _number(value)
        matches = [] if amount is None else self._amounts[not isinstance(value, str)].get(amount, [])
        return (matches[0], _tag(value, matches[0])) if len(matches) == 1 else None

    def _value_in_quotes(self, value: JsonValue) -> Match:
        """Return the option that is in quotes inside a string."""
        text = value.strip() if isinstance(value, str) else ""
        # The quotes were meant for JSON and came inside the string; only an exact option is taken.
        if len(text) < 2 or text[0] != text[-1] or text[0] not in _QUOTES or (False, text[1:-1]) not in self._exact:
            return None
        return text[1:-1], "enum_quotes"


def _index(form: Callable[[JsonValue], K | None], allowed: list[JsonValue]) -> dict[K, list[JsonValue]]:
    index: dict[K, list[JsonValue]] = {}
    for one in allowed:
        written = form(one)
        if written is not None:
            index.setdefault(written, []).append(one)
    return index


def _tag(value: JsonValue, match: JsonValue) -> str:
    old, new = (_NAMES.get(type_of(one), type_of(one)) for one in (value, match))
    return "enum_case" if old == new else f"{old}_to_{type_of(match)}"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else encode_str(value)


def _folded(value: JsonValue) -> str:
    return "".join(_text(value).casefold().split())


def _word(value: JsonValue) -> str:
    folded = _folded(value)
    return _WORDS.get(folded, folded)


def _separated(value: JsonValue) -> str:
    return _SEPARATORS.sub(" ", _text(value).casefold().strip())


# From the closest to the loosest form; the order decides where an option fits in several.
_FORMS: tuple[Callable[[JsonValue], str], ...] = (_folded, _word, _separated)


def _number(value: JsonValue) -> int | float | None:
    if isinstance(value, str):
        return number_in(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
