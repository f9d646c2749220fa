"""Lists that a model wrote in another form, where the schema asks for an array.

Each function returns possible readings: the items and the tag. The caller coerces each reading and takes one only
where it fits the schema. Texts: `[red, green]`, `"a", "b"`, one item per line, `a, b`. Objects: `{"item": [..]}`,
`{"0": .., "1": ..}`. Everything else is a list with one item.

A comma does not always separate: `1,000` is a number, so a text in groups of thousands has no reading as a list.
Cost: one pass over at most `MAX_CHARS` characters, at most `MAX_PIECES` items.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.schema.kinds import UntypedText

ListReading: TypeAlias = tuple[list[JsonValue], str]

ITEM_NAMES = frozenset(("item", "items", "element", "entry", "value"))
"""Names that models give to an item of any list."""

MAX_PIECES = 10_000
"""Items of a text that is read as a list without brackets."""
MAX_CHARS = 65_536
"""Characters of such a text."""

# The first group has one to three digits and all others three, as in `1,000` and `-12,345,678`.
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\Z", re.ASCII)
# Bullets of Markdown (`-`, `*`) and of plain text (U+2022).
_BULLET = re.compile(r"[-*\u2022]\s+")
# Brackets, quotes and colons would mean that something inside is structured itself (`[a: 1]`).
_BARE = re.compile(r"""[^\[\]{}()"'`:,]+(?:,[^\[\]{}()"'`:,]+)*\Z""")


def bare_words(text: str) -> ListReading | None:
    """Return the items of `[red, green]`: words in brackets that lack the quotes of JSON."""
    inner = text.strip()[1:-1]
    # The comparison holds only if the first and last characters are the brackets.
    if len(text) > MAX_CHARS or text.strip() != f"[{inner}]" or not _BARE.match(inner):
        return None
    return _stripped(inner.split(","), "bare_words")


def without_brackets(text: str) -> ListReading | None:
    """Return the items of a JSON list without its brackets: at least two, all strings, objects or arrays."""
    for items, tag in _json_items(text):
        first = type(items[0])
        # Mixed types (`"a", 1`) and numbers could be one text; quotes and braces on both sides could not.
        if first in (str, dict, list) and all(type(item) is first for item in items):
            return items, tag
    return None


def split_scalars(text: str) -> list[ListReading]:
    """Return the readings of a text as scalars: one per line, or separated by commas."""
    if len(text) > MAX_CHARS or _THOUSANDS.match(text.strip()):
        return []
    lines = [_BULLET.sub("", line.strip(), count=1) for line in text.strip().splitlines()]
    # Empty lines are layout; an empty item between commas (`1,,2`) is not an item, and the text stays whole.
    by_line = _stripped([line for line in lines if line], "newline_separated")
    by_comma = _stripped(text.strip().removesuffix(",").split(","), "comma_separated")
    # One item is not a list that was split: the caller wraps the whole text then.
    return [reading for reading in (by_line, by_comma) if reading and len(reading[0]) > 1]


def unwrap_object(value: JsonObject) -> ListReading | None:
    """Return the items of an object that wraps a list in its only key, or has the indices 0, 1, 2 … as keys."""
    # Indices are taken only without a gap, from 0 or from 1; with a gap they may be names.
    if "1" in value or "0" in value:
        first = 0 if "0" in value else 1
        places = [str(place) for place in range(first, first + len(value))]
        if all(place in value for place in places):
            return [value[place] for place in places], "numeric_keys_to_array"
    if len(value) != 1:
        return None
    ((key, inner),) = value.items()
    if isinstance(inner, list):
        return inner, "wrapper_to_array"
    # A single key can be the name of an item (`{"line": {…}}`); around a scalar only a usual name is one.
    whole = isinstance(inner, dict | UntypedText) or key.casefold() in ITEM_NAMES
    return ([inner], "wrapper_to_array") if whole else None


def _json_items(text: str) -> list[ListReading]:
    """Return the JSON values in `text`, separated by commas or by line breaks."""
    if len(text) > MAX_CHARS or text.strip()[:1] not in ('"', "{", "["):
        return []
    found: list[ListReading] = []
    # JSON lines lack the commas between them; both forms are read by JSON's own rules.
    for joined, tag in ((text, "comma_separated"), (",".join(text.strip().splitlines()), "newline_separated")):
        try:
            items = decode(f"[{joined}]")
        except JsonTextError:
            continue
        if isinstance(items, list) and len(items) > 1:
            found.append((items, tag))
    return found


def _stripped(pieces: list[str], tag: str) -> ListReading | None:
    stripped: list[JsonValue] = [piece.strip() for piece in pieces]
    return (stripped, tag) if all(stripped) and len(stripped) <= MAX_PIECES else None
