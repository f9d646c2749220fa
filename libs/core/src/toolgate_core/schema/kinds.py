"""The types of JSON Schema: of a value, and those that a schema allows.

`possible_types` looks through references, unions and enums; it visits at most `MAX_TYPE_PARTS` schemas, so that a
recursive schema costs a bounded time. Beyond that any type counts as possible, which never makes a rule stricter.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_TYPE_PARTS, MAX_TYPES
from toolgate_core.schema.aliases import json_type
from toolgate_core.schema.references import follow

ORDER = ("null", "integer", "number", "boolean", "object", "array", "string")
"""The order in which the types of a union are tried: from the most to the least particular."""

_KINDS: dict[type, str] = {
    type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip
_MAX_HOPS = 32
_NULL = frozenset(("null",))


class UntypedText(str):
    """A value in a format without types: text until a schema decides."""

    __slots__ = ()


class ElementText(UntypedText):
    """The contents of an XML element: where the schema names no type, elements in them are members of an object."""

    __slots__ = ()


def type_of(value: JsonValue) -> str:
    """Return the JSON Schema type of `value`; a float is a `number` even where it is whole."""
    # By the exact type, since a `bool` is an `int` to `isinstance`.
    return _KINDS[type(value)]


def declared_types(schema: JsonObject) -> tuple[str, ...]:
    """Return the types in `type`, in `ORDER` and in JSON Schema's names; empty where it names none."""
    types = schema.get("type")
    if isinstance(types, str):
        name = json_type(types)
        return (name,) if name else ()
    # A list that is too long counts as any type here; `weigh` refuses the schema.
    if not isinstance(types, list) or len(types) > MAX_TYPES:
        return ()
    named = {json_type(name) for name in types if isinstance(name, str)}
    return () if "" in named else tuple(name for name in ORDER if name in named)


def accepts(types: tuple[str, ...], value: JsonValue) -> bool:
    """Whether the type of `value` is one of `types`; empty `types` accept every value."""
    if not types or type_of(value) in types:
        return True
    # JSON Schema: every integer is a number, and a number without a fraction is an integer.
    return (isinstance(value, int) and not isinstance(value, bool) and "number" in types) or (
        isinstance(value, float) and value.is_integer() and "integer" in types
    )


def possible_types(schema: JsonValue, root: JsonObject) -> tuple[str, ...]:
    """Return the types that `schema` allows, through references, unions and enums; empty for any type."""
    found = _TypeWalk(root).types(schema, _MAX_HOPS)
    return () if found is None else tuple(name for name in ORDER if name in found)


class _TypeWalk:
    """One walk through a schema, over at most `MAX_TYPE_PARTS` schemas."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = MAX_TYPE_PARTS

    def types(self, schema: JsonValue, hops: int) -> frozenset[str] | None:
        """Return the allowed types, None for any."""
        self._left -= 1
        # `hops` bounds the depth of the recursion, `_left` the schemas that it visits.
        if not isinstance(schema, dict) or not hops or self._left < 0:
            return None
        found: frozenset[str] | None = frozenset(declared_types(schema)) or None
        for limit in self._limits(schema, hops - 1):
            # All keywords hold at once, so that the types are intersected.
            if limit is not None:
                found = limit if found is None else found & limit
        return found | _NULL if found is not None and schema.get("nullable") is True else found

    def _limits(self, schema: JsonObject, hops: int) -> list[frozenset[str] | None]:
        limits: list[frozenset[str] | None] = []
        if "$ref" in schema:
            limits.append(self.types(follow(schema["$ref"], self._root), hops))
        options = schema.get("enum")
        if isinstance(options, list):
            # By the type of each option, since an enum has up to thousands of options and seven types.
            limits.append(frozenset(_KINDS[one] for one in set(map(type, options))))
        if "const" in schema:
            limits.append(frozenset((type_of(schema["const"]),)))
        members = schema.get("allOf")
        if isinstance(members, list):
            limits.extend(self.types(member, hops) for member in members)
        for keyword in ("anyOf", "oneOf"):
            members = schema.get(keyword)
            if isinstance(members, list):
                limits.append(_union([self.types(member, hops) for member in members]))
        return limits


def _union(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [part for part in parts if part is not None]
    # One member of any type makes the union one of any type.
    return frozenset().union(*known) if len(known) == len(parts) else None
