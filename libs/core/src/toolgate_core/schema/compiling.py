"""A client's JSON Schema to a validator, within bounds.

The schema is a stranger's: nothing is fetched for it, and one that would cost a long time to compile, to check, or to
explain is refused when it comes in rather than when a model's answer meets it.
"""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema_rs

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_SCHEMA_EXPANSION, MAX_SCHEMA_NESTING, MAX_TYPES
from toolgate_core.schema.aliases import plain
from toolgate_core.schema.kinds import declared
from toolgate_core.schema.references import follow, is_local

_OBJECT = ("object",)
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_CHILD_LISTS = ("items", "prefixItems")
_CHILDREN = (
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "additionalItems",
)
_CHILD_MAPS = ("properties", "patternProperties", "$defs", "definitions")


class SchemaError(ValueError):
    """The schema can't be used; the text says why, in words for its author."""


def compile_schema(schema: JsonObject, *, object_only: bool = True) -> jsonschema_rs.Validator:
    """Return the validator of a schema, of an object unless told otherwise; raise `SchemaError`.

    Draft 2020-12, unless `$schema` names another known draft. References lead only to places in the same schema. What
    the schema says in words that JSON Schema lacks (`int`, `nullable`) is checked as it is meant; words that mean
    nothing are an error.
    """
    if object_only and declared(schema) != _OBJECT and "type" in schema:
        raise SchemaError(f"the schema of a function's parameters must have type 'object', not {schema['type']!r:.80}")
    _Bounds(schema).check()
    meant = plain(schema)
    if meant is schema:
        return _compiled(schema)
    try:
        return _compiled(meant)
    except SchemaError:  # a reference into what was put differently; or an error, whose words shall fit what came in
        return _compiled(schema)


def _compiled(schema: JsonObject) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_cls_for(schema)(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(_where(error)) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(f"the schema can't be compiled: {error}"[:500]) from error


def _where(error: jsonschema_rs.ValidationError) -> str:
    place = "/".join(str(step) for step in error.instance_path)
    return f"not a valid JSON Schema at '{place}': {error.message}"[:500]


class _Bounds:
    """Walks a schema once, and sums up for each of its nodes how many schemas apply to one value."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._weights: dict[int, int] = {}
        self._open: set[int] = set()

    def check(self) -> None:
        """Raise `SchemaError` when the schema is nested too deeply, expands too far or refers out of itself."""
        self._visit(self._root, 0)

    def _visit(self, node: JsonValue, level: int) -> None:
        if not isinstance(node, dict):
            return
        if level > MAX_SCHEMA_NESTING:
            raise SchemaError(f"the schema is nested more than {MAX_SCHEMA_NESTING} levels deep")
        types = node.get("type")
        if isinstance(types, list) and len(types) > MAX_TYPES:
            raise SchemaError(f"a list of more than {MAX_TYPES} types")
        self._weigh(node, 0)
        for child in (*in_place(node), *_children(node)):
            self._visit(child, level + 1)

    def _weigh(self, node: JsonValue, level: int) -> int:
        if not isinstance(node, dict):
            return 1
        key = id(node)
        if key in self._open:
            raise SchemaError("the schema refers to itself without an object or an array in between")
        if key not in self._weights:
            if level > MAX_SCHEMA_NESTING:
                raise SchemaError(f"references in the schema form a chain of more than {MAX_SCHEMA_NESTING}")
            self._open.add(key)
            weight = 1 + sum(self._weigh(child, level + 1) for child in (*in_place(node), *self._target(node)))
            self._open.discard(key)
            if weight > MAX_SCHEMA_EXPANSION:
                raise SchemaError(f"more than {MAX_SCHEMA_EXPANSION} schemas apply to one value")
            self._weights[key] = weight
        return self._weights[key]

    def _target(self, node: JsonObject) -> Iterator[JsonValue]:
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if keyword in node:
                raise SchemaError(f"{keyword} is not supported")
        if "$ref" in node:
            ref = node["$ref"]
            if not isinstance(ref, str) or not is_local(ref):
                raise SchemaError(f"$ref {ref!r:.200} is not a place in this schema ('#/…')")
            target = follow(ref, self._root)
            if not isinstance(target, dict | bool):
                raise SchemaError(f"$ref {ref!r:.200} leads to no schema")
            yield target


def in_place(node: JsonObject) -> Iterator[JsonValue]:
    """Yield the schemas inside `node` that apply to the same value as it does; where `$ref` leads is not among them."""
    for keyword in _IN_PLACE_LISTS:
        members = node.get(keyword)
        if isinstance(members, list):
            yield from members
    for keyword in _IN_PLACE:
        if keyword in node:
            yield node[keyword]
    dependents = node.get("dependentSchemas")
    if isinstance(dependents, dict):
        yield from dependents.values()


def _children(node: JsonObject) -> Iterator[JsonValue]:
    for keyword in _CHILDREN:
        if keyword in node:
            yield node[keyword]
    for keyword in _CHILD_LISTS:
        members = node.get(keyword)
        if isinstance(members, list):
            yield from members
    for keyword in _CHILD_MAPS:
        named = node.get(keyword)
        if isinstance(named, dict):
            yield from named.values()
