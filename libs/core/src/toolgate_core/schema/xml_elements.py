"""Text that is nothing but XML elements, to an object or a list of texts: what tagged formats nest in a value.

Which type each text has is for the schema to say. Elements may have attributes, which say nothing here. Entities are
left as they are: the format that a value stands in has decoded them, or has none.

An array takes elements named `item` or counted from 0 or 1, several of any one name, or a single one that holds such a
list. Where an item may be a string, it could hold tags of its own: then the names of HTML's elements are its text.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.keys import POLLUTING
from toolgate_core.schema.kinds import ElementText
from toolgate_core.schema.lists import ITEM_NAMES

MAX_CHILDREN = 20_000
"""Elements of one level."""

_NAME = r"[A-Za-z_][\w.-]{0,80}|\d{1,5}"
# What stands in quotes holds no `<`, and nothing is tried twice, so that a tag without an end costs its length once.
_ATTRIBUTES = r"""(?:\s(?:[^<>"'/]|/(?!>)|"[^"<]{0,512}"|'[^'<]{0,512}'){0,256}+)?"""
_TAG = re.compile(rf"<(?P<close>/?)(?P<name>{_NAME}){_ATTRIBUTES}(?P<empty>/?)>", re.ASCII)
_SPACE = re.compile(r"\s*")

_LAYOUT = re.compile(r"\A\r?\n(.*?)(?:\r?\n[ \t]*)?\Z", re.DOTALL)
"""What stands between a tag at the end of its line and one at the start of its own; the rest is the value's."""

_PROSE = re.compile(
    r"a|b|blockquote|body|br|code|div|em|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|script|span|strong|style|svg|table|tbody"
    r"|td|th|thead|tr|u|ul",
    re.IGNORECASE,
)
"""Elements of HTML: in a text they are its markup, not a list of texts."""

_Children: TypeAlias = list[tuple[str, ElementText]]


def read_elements(text: str, types: tuple[str, ...], *, markup: bool) -> JsonValue:
    """Return the object or the list that elements write; None where `text` is not only elements, or could be both.

    `types` are those that the schema allows, none: any; `markup`: an item of an array may be a string, which could
    hold tags of its own.
    """
    children = _children(text)
    if not children:
        return None
    if "array" in types or not types:
        items = _items(children, types, markup=markup)
        if items is not None:
            return items
    return None if markup and "object" not in types and types else _object(children)


def _items(children: _Children, types: tuple[str, ...], *, markup: bool) -> list[JsonValue] | None:
    """Return the items of a list that is written as these elements; None where they are none."""
    names = [name for name, _ in children]
    single = len(set(names)) == 1
    prose = markup and _PROSE.fullmatch(names[0]) is not None
    if _names_a_list(names) or (_repeats(names, types) and not prose):
        return [value for _, value in children]
    if not (single and markup and types) or "object" in types or prose:
        return None
    below = _children(children[0][1])
    inner = _items(below, types, markup=markup) if below else None
    return [children[0][1]] if inner is None else inner


def _repeats(names: list[str], types: tuple[str, ...]) -> bool:
    return len(names) > 1 and len(set(names)) == 1 and "object" not in types and bool(types)


def _names_a_list(names: list[str]) -> bool:
    items = names[0].casefold() in ITEM_NAMES and len(set(names)) == 1
    return items or any(names == [str(place + first) for place in range(len(names))] for first in (0, 1))


def _object(children: _Children) -> JsonValue:
    """Return name → text, with the texts of a repeated name in a list."""
    found: dict[str, JsonValue] = {}
    for name, value in children:
        before = found.get(name)
        if isinstance(before, list):
            before.append(value)
        else:
            found[name] = value if before is None else [before, value]
    return found


def _children(text: str) -> _Children | None:
    """Return the elements that `text` consists of; None where there is anything else, or one is not closed."""
    children: _Children = []
    at = _after_space(text, 0)
    while match := _TAG.match(text, at):
        name = match["name"]
        if match["close"] or name in POLLUTING or len(children) >= MAX_CHILDREN:
            return None
        inner, at = (match.end(), match.end()) if match["empty"] else _close(text, name, match.end())
        if at < 0:
            return None
        children.append((name, ElementText(_LAYOUT.sub(r"\1", text[match.end() : inner]))))
        at = _after_space(text, at)
    return None if text[at:] else children


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # the pattern matches the empty string
    return match.end()


def _close(text: str, name: str, at: int) -> tuple[int, int]:
    """Return where the element that opened before `at` ends inside and outside; (-1, -1) where it is not closed."""
    depth = 1
    for match in _TAG.finditer(text, at):
        if match["name"] == name:
            depth += -1 if match["close"] else 0 if match["empty"] else 1
            if not depth:
                return match.start(), match.end()
    return -1, -1
