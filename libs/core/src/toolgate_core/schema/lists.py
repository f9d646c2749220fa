"""What could be meant by a value that is no array where one is asked for. Which of it fits is for the schema to say.

Each reading is a list and its tag. Only a text that is written like a list, or an object that is built like one, has a
reading besides the list of one item.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.schema.kinds import UntypedText

ListReading: TypeAlias = tuple[list[JsonValue], str]

ITEM_NAMES = frozenset(("item", "items", "element", "entry", "value"))
"""Names for an item of any list."""

MAX_PIECES = 10_000
MAX_CHARS = 65_536
"""Characters of a text that is looked at as a list without brackets."""

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\Z", re.ASCII)
_BULLET = re.compile(r"[-*\u2022]\s+")
_BARE = re.compile(r"""[^\[\]{}()"'`:,]+(?:,[^\[\]{}()"'`:,]+)*\Z""")


def bare_words(text: str) -> ListReading | None:
    """Return the words in brackets, which need quotes to be JSON: `[red, green]`."""
    inner = text.strip()[1:-1]
    if len(text) > MAX_CHARS or text.strip() != f"[{inner}]" or not _BARE.match(inner):
        return None
    return _stripped(inner.split(","), "bare_words")


def without_brackets(text: str) -> ListReading | None:
    """Return the strings, objects or arrays, at least two, that `text` writes as JSON: a list without its brackets."""
    for items, tag in _json_items(text):
        first = type(items[0])
        if first in (str, dict, list) and all(type(item) is first for item in items):
            return items, tag
    return None


def split_scalars(text: str) -> list[ListReading]:
    """Return the lists of scalars that the lines of a text are, or that its commas part."""
    if len(text) > MAX_CHARS or _THOUSANDS.match(text.strip()):
        return []
    lines = [_BULLET.sub("", line.strip(), count=1) for line in text.strip().splitlines()]
    by_line = _stripped([line for line in lines if line], "newline_separated")
    by_comma = _stripped(text.strip().removesuffix(",").split(","), "comma_separated")
    return [reading for reading in (by_line, by_comma) if reading and len(reading[0]) > 1]


def unwrap_object(value: JsonObject) -> ListReading | None:
    """Return the items inside an object with one key, or with the keys 0, 1, 2 … of an array."""
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
    whole = isinstance(inner, dict | UntypedText) or key.casefold() in ITEM_NAMES
    return ([inner], "wrapper_to_array") if whole else None


def _json_items(text: str) -> list[ListReading]:
    """Return the values that stand in `text` as JSON, parted by commas or each on lines of its own."""
    if len(text) > MAX_CHARS or text.strip()[:1] not in ('"', "{", "["):
        return []
    found: list[ListReading] = []
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
