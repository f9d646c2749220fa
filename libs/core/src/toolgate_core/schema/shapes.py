"""What a schema says about the items of an array, through references and unions.

Coercion asks it before it splits a text or unwraps an object: that is done only where no item could be the text or the
object itself. An answer of "any type" therefore always means: leave the value unchanged.

What bounds the cost: at most `MAX_PARTS` schemas for each value.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.kinds import ORDER, possible_types
from toolgate_core.schema.references import follow

MAX_PARTS = 64
"""Schemas that are visited for one value; a recursive schema has no end."""


def applicable_schemas(schema: JsonValue, root: JsonObject) -> Iterator[JsonObject]:
    """Yield the schemas that can apply to the same value as `schema`, itself first, at most `MAX_PARTS`."""
    waiting: list[JsonValue] = [schema]
    # The bound ends a schema that refers to itself.
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield part
        if "$ref" in part:
            waiting.append(follow(part["$ref"], root))
        for keyword in ("allOf", "anyOf", "oneOf"):
            members = part.get(keyword)
            waiting.extend(members if isinstance(members, list) else ())


def item_schemas(schema: JsonValue, root: JsonObject) -> list[JsonValue]:
    """Return the schemas that can apply to the items of an array."""
    found: list[JsonValue] = []
    for part in applicable_schemas(schema, root):
        for keyword in ("prefixItems", "items"):
            items = part.get(keyword)
            found.extend(items if isinstance(items, list) else [items] if keyword in part else ())
    return found


def item_types(schema: JsonValue, root: JsonObject) -> tuple[str, ...]:
    """Return the types that the items of an array can have, in `ORDER`; empty for any type."""
    found: set[str] = set()
    for items in item_schemas(schema, root):
        types = possible_types(items, root)
        # Items of any type in one of the schemas make them any type in all.
        if not types:
            return ()
        found.update(types)
    return tuple(name for name in ORDER if name in found)


def item_names(schema: JsonValue, root: JsonObject) -> set[str]:
    """Return the properties that are declared for the items of an array."""
    return {name for items in item_schemas(schema, root) for name in _names(items, root)}


def _names(schema: JsonValue, root: JsonObject) -> Iterator[str]:
    for part in applicable_schemas(schema, root):
        named = part.get("properties")
        yield from named if isinstance(named, dict) else ()


def may_unwrap(value: JsonObject, schema: JsonValue, root: JsonObject) -> bool:
    """Whether an object where an array is wanted can only be a wrapper of its items, not an item itself.

    It is an item where items can be arrays or objects of any properties, or where it has one of their properties.
    """
    types, names = item_types(schema, root), item_names(schema, root)
    if not types or "array" in types:
        # An item that can be an array itself may have been wrapped, or not: nothing decides.
        return False
    # An object with none of the declared properties is not an item, as long as some are declared.
    return "object" not in types or (bool(names) and names.isdisjoint(value))


def tuple_items(schema: JsonObject) -> tuple[list[JsonValue], JsonValue]:
    """Return the schemas of the first items and of all others; older drafts write a tuple as a list of `items`."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    first = schema.get("prefixItems")
    return (first if isinstance(first, list) else []), items
