"""Text that is nothing but XML elements, to an object or a list of texts: what tagged formats nest in a value.

Which type each text has is for the schema to say. Entities are left as they are: the format that a value stands in has
decoded them, or has none.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.keys import POLLUTING
from toolgate_core.schema.kinds import Text
from toolgate_core.schema.lists import ITEM_NAMES

MAX_CHILDREN = 20_000
"""Elements of one level."""

_NAME = r"[A-Za-z_][\w.-]{0,80}|\d{1,5}"
_OPEN = re.compile(rf"\s*<({_NAME})\s*(/?)>", re.ASCII)

_LAYOUT = re.compile(r"\A\r?\n(.*?)(?:\r?\n[ \t]*)?\Z", re.DOTALL)
"""What stands between a tag at the end of its line and one at the start of its own; the rest is the value's."""

_Children: TypeAlias = list[tuple[str, Text]]


def read_elements(text: str, types: tuple[str, ...], *, markup: bool) -> JsonValue:
    """Return the object or the list that elements write; None where `text` is not only elements, or could be both.

    `types` are those that the schema allows; `markup`: an item of an array may be a string, which could hold tags of
    its own. Elements named `item` or counted from 0 or 1 are a list; so are several of any one name without `markup`.
    """
    children = _children(text)
    if not children:
        return None
    names = [name for name, _ in children]
    repeats = len(names) > 1 and len(set(names)) == 1 and "object" not in types and not markup
    if "array" in types and (_listed(names) or repeats):
        return [value for _, value in children]
    return None if markup and "object" not in types else _object(children)


def _listed(names: list[str]) -> bool:
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
    at = 0
    while match := _OPEN.match(text, at):
        name = match[1]
        if name in POLLUTING or len(children) >= MAX_CHILDREN:
            return None
        inner, at = (match.end(), match.end()) if match[2] else _close(text, name, match.end())
        if at < 0:
            return None
        children.append((name, Text(_LAYOUT.sub(r"\1", text[match.end() : inner]))))
    return None if text[at:].strip() else children


def _close(text: str, name: str, at: int) -> tuple[int, int]:
    """Return where the element that opened before `at` ends inside and outside; (-1, -1) where it is not closed."""
    depth = 1
    for match in re.compile(rf"<(/?){re.escape(name)}\s*(/?)>").finditer(text, at):
        depth += -1 if match[1] else 0 if match[2] else 1
        if not depth:
            return match.start(), match.end()
    return -1, -1
