"""Merge the unknown fields of a stream's deltas, in linear time."""

from __future__ import annotations

from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonValue


class _Text:
    """A string that later deltas continue."""

    __slots__ = ("parts",)

    def __init__(self, text: str) -> None:
        self.parts = [text]


class _Leaf:
    """A value that later deltas replace."""

    __slots__ = ("value",)

    def __init__(self, value: JsonValue) -> None:
        self.value = value


_Node: TypeAlias = "_Text | list[JsonValue] | dict[str, _Node] | _Leaf"

_MERGED_LEVELS = 8
"""Levels of objects that are merged; deeper ones are replaced, so that no nesting exhausts the stack."""


class FieldMerger:
    """Merges the fields of a message, an answer or a call over its deltas.

    As official clients do: strings and lists are continued, objects merged, other values replaced; null is ignored.
    """

    def __init__(self) -> None:
        self._root: dict[str, _Node] = {}

    def add(self, fields: JsonObject) -> None:
        """Add the fields of one delta."""
        _add(self._root, fields)

    def take(self) -> JsonObject:
        """Return the merged fields and start again."""
        root, self._root = self._root, {}
        return {key: _value(node) for key, node in root.items()}

    def __bool__(self) -> bool:
        return bool(self._root)


def _add(into: dict[str, _Node], fields: JsonObject, level: int = 1) -> None:
    for key, value in fields.items():
        before = into.get(key)
        if isinstance(value, str) and isinstance(before, _Text):
            before.parts.append(value)
        elif isinstance(value, list) and isinstance(before, list):
            before.extend(value)
        elif isinstance(value, dict) and isinstance(before, dict):
            _add(before, value, level + 1)
        elif value is not None:
            into[key] = _node(value, level)


def _node(value: JsonValue, level: int) -> _Node:
    if isinstance(value, str):
        return _Text(value)
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict) and level < _MERGED_LEVELS:
        node: dict[str, _Node] = {}
        _add(node, value, level + 1)
        return node
    return _Leaf(value)


def _value(node: _Node) -> JsonValue:
    if isinstance(node, _Text):
        return "".join(node.parts)
    if isinstance(node, dict):
        return {key: _value(inner) for key, inner in node.items()}
    return node.value if isinstance(node, _Leaf) else node
