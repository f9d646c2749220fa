"""Whether it is cheap to have a validator say what is wrong.

Whether a value is valid costs time linear in it. The validator's explanation does not: each failing member of a union
brings explanations of its own, level by level, so that a recursive schema can make it exponential in a value's depth.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.compiling import in_place
from toolgate_core.schema.references import follow

MAX_VISITS = 3_000
"""Schemas that may meet a value, each counted as often as there are ways to it."""

MAX_LEVELS = 300


def explainable(value: JsonValue, schema: JsonObject) -> bool:
    """Whether explaining what `value` does against the whole schema `schema` takes at most `MAX_VISITS`."""
    return _Visits(schema).left(value, schema, 0) > 0


class _Visits:
    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = MAX_VISITS

    def left(self, value: JsonValue, schema: JsonValue, level: int) -> int:
        """Return how many visits are left after this one and all beneath it."""
        self._left = 0 if level > MAX_LEVELS else self._left - 1
        if self._left > 0 and isinstance(schema, dict):
            if "$ref" in schema:
                self.left(value, follow(schema["$ref"], self._root), level + 1)
            for member in in_place(schema):
                self.left(value, member, level + 1)
            if isinstance(value, dict):
                self._members(value, schema, level)
            elif isinstance(value, list):
                self._items(value, schema, level)
        return self._left

    def _members(self, value: JsonObject, schema: JsonObject, level: int) -> None:
        named, patterns = (_dict(schema.get(keyword)) for keyword in ("properties", "patternProperties"))
        for key, member in value.items():
            self.left(member, named.get(key, schema.get("additionalProperties")), level + 1)
            for other in patterns.values():
                self.left(member, other, level + 1)

    def _items(self, value: list[JsonValue], schema: JsonObject, level: int) -> None:
        first = schema.get("prefixItems")
        each = [schema.get("items"), schema.get("contains"), *(first if isinstance(first, list) else ())]
        for item in value:
            for member in each:
                if isinstance(member, dict):
                    self.left(item, member, level + 1)


def _dict(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
