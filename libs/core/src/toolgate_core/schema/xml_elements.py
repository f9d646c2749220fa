"""XML elements inside a value, as tagged dialects nest them: `<city>Oslo</city><days>3</days>` is an object.

Grammar: a value consists of elements and white space only; any other character makes the whole value text. Elements
can have attributes, which are ignored. Entities stay unchanged: the dialect around the value has decoded them already,
or has none. The contents are untyped text again, whose types the schema decides.

An array takes elements named `item` (see `ITEM_NAMES`) or numbered from 0 or 1, several elements of one name, or one
element that contains such a list. Where an item can be a string, `<b>` may be markup inside that string: there the
names of HTML's elements never make a list.

What bounds the cost: names have 81 characters, a tag has 256 attributes of 512 characters, and the repetitions are
possessive, so that no position is tried twice. A level has `MAX_CHILDREN` elements; finding the end of an element is
linear, and each level of nesting reads its contents once.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.keys import POLLUTING
from toolgate_core.schema.kinds import ElementText
from toolgate_core.schema.lists import ITEM_NAMES

MAX_CHILDREN = 20_000
"""Elements of one level."""

# Numbers are not names in XML, but models number the items of a list: `<0>…</0><1>…</1>`.
_NAME = r"[A-Za-z_][\w.-]{0,80}|\d{1,5}"
# What is in quotes holds no `<`, and nothing is tried twice, so that a tag without an end costs its length once.
_ATTRIBUTES = r"""(?:\s(?:[^<>"'/]|/(?!>)|"[^"<]{0,512}"|'[^'<]{0,512}'){0,256}+)?"""
_TAG = re.compile(rf"<(?P<close>/?)(?P<name>{_NAME}){_ATTRIBUTES}(?P<empty>/?)>", re.ASCII)
# White space between elements is layout and never part of a value.
_SPACE = re.compile(r"\s*")

_LAYOUT = re.compile(r"\A\r?\n(.*?)(?:\r?\n[ \t]*)?\Z", re.DOTALL)
"""The line breaks and the indent around a value whose tags have lines for themselves; the rest is the value's."""

_PROSE = re.compile(
    r"a|b|blockquote|body|br|code|div|em|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|script|span|strong|style|svg|table|tbody"
    r"|td|th|thead|tr|u|ul",
    re.IGNORECASE,
)
"""Elements of HTML: in a text they are its markup, not a list of texts."""

_Children: TypeAlias = list[tuple[str, ElementText]]
"""Name → contents, in the order of the text."""


class _End(NamedTuple):
    """Where an element ends: its contents before `inner`, its closing tag before `outer`."""

    inner: int
    outer: int


def read_elements(text: str, types: tuple[str, ...], *, markup: bool) -> JsonValue:
    """Return the object or the list that elements write; None where `text` is not only elements, or could be both.

    `types` are those that the schema allows, none: any; `markup`: an item of an array can be a string, which can
    contain tags itself.
    """
    children = _children(text)
    # Text beside the elements would be lost, so that the whole value stays text.
    if not children:
        return None
    # A list is tried first: where both are possible, elements named `item` mean a list.
    if "array" in types or not types:
        items = _items(children, types, markup=markup)
        if items is not None:
            return items
    # Without an object in the schema these elements are the markup of one text, `<p>a</p>`.
    return None if markup and "object" not in types and types else _object(children)


def _items(children: _Children, types: tuple[str, ...], *, markup: bool) -> list[JsonValue] | None:
    """Return the items of a list that is written as these elements; None where they are none."""
    names = [name for name, _ in children]
    single = len(set(names)) == 1
    # `<p>a</p><p>b</p>` for a list of texts is one text with its markup.
    prose = markup and _PROSE.fullmatch(names[0]) is not None
    if _names_a_list(names) or (_repeats(names, types) and not prose):
        return [value for _, value in children]
    # One element that is not an item of a list by its name can still wrap the list (`<labels><label>…`).
    if not (single and markup and types) or "object" in types or prose:
        return None
    below = _children(children[0][1])
    inner = _items(below, types, markup=markup) if below else None
    return [children[0][1]] if inner is None else inner


def _repeats(names: list[str], types: tuple[str, ...]) -> bool:
    # Where an object is allowed, a repeated name is a member with several values, not a list of all.
    return len(names) > 1 and len(set(names)) == 1 and "object" not in types and bool(types)


def _names_a_list(names: list[str]) -> bool:
    items = names[0].casefold() in ITEM_NAMES and len(set(names)) == 1
    return items or any(names == [str(place + first) for place in range(len(names))] for first in (0, 1))


def _object(children: _Children) -> JsonValue:
    """Return name → text, with the texts of a repeated name in a list."""
    found: dict[str, JsonValue] = {}
    for name, value in children:
        before = found.get(name)
        # XML writes a list as a repeated element; its values keep their order.
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
        # A closing tag here has no opener, and a polluting name would reach a client's object.
        if match["close"] or name in POLLUTING or len(children) >= MAX_CHILDREN:
            return None
        if match["empty"]:
            end = _End(match.end(), match.end())
        elif (closed := _close(text, name, match.end())) is not None:
            end = closed
        else:
            return None
        # The layout belongs to the tags that are on lines by themselves; all other white space is the value's.
        children.append((name, ElementText(_LAYOUT.sub(r"\1", text[match.end() : end.inner]))))
        at = _after_space(text, end.outer)
    # Anything left is text beside the elements.
    return None if text[at:] else children


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # the pattern matches the empty string
    return match.end()


def _close(text: str, name: str, at: int) -> _End | None:
    """Return where the element that opened before `at` ends; None where it is not closed."""
    depth = 1
    for match in _TAG.finditer(text, at):
        # Only tags of the same name count: the contents may be markup that is not closed.
        if match["name"] == name:
            # An element inside one of the same name opens a level that its own closing tag ends.
            depth += -1 if match["close"] else 0 if match["empty"] else 1
            if not depth:
                return _End(match.start(), match.end())
    return None
