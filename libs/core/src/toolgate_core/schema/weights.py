"""What a client's schema costs: to compile it, and to validate one value. One walk finds both before compiling.

Compiling and validating are single calls into native code that nothing interrupts and that block every other thread,
so that each has to be bounded in advance. Measured: 5 µs for a schema, 0.3 µs for a state of a pattern.

`_weigh` sums what applies to one value: the schema, those in place (`allOf`, `anyOf`, `if` …) and the targets of
references. It is memoised by node, so that the walk is linear in the schema although the sum counts a shared target
once for each path. A chain of references that returns to an open node would validate forever and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import (
    MAX_LISTED,
    MAX_PATTERN,
    MAX_PATTERN_STATES,
    MAX_QUOTED,
    MAX_REFERENCE,
    MAX_SCHEMA_EXPANSION,
    MAX_SCHEMA_NESTING,
    MAX_SCHEMAS,
    MAX_TYPES,
)
from toolgate_core.schema.patterns import count_search_states, count_states
from toolgate_core.schema.references import follow, is_local

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
_SEARCH = 20
"""Steps for trying one pattern on one key."""


class SchemaError(ValueError):
    """The schema cannot be used; the message says why, for the author of the schema."""


class Weights(Struct, frozen=True):
    """What a schema costs.

    Attributes:
        schemas: number of schemas, nested ones included.
        steps: upper bound for one value: the schemas that apply to it, and the entries of their lists.
        search: states of all patterns that apply to one string, as far as one character can reach them.
        states: states of all patterns, in copies of a letter; what compiling them costs.
        patterns: number of patterns.
    """

    schemas: int
    steps: int
    search: int
    states: int
    patterns: int


class _Weight(NamedTuple):
    schemas: int
    steps: int
    search: int


# `true` and `false` are checked in one step.
_NO_SCHEMA = _Weight(1, 1, 0)


def weigh(schema: JsonObject) -> Weights:
    """Return the weights; raise `SchemaError` for a schema that is too large or too deep, or refers outside itself."""
    walk = _Walk(schema)
    walk.visit(schema, 0)
    return Weights(walk.schemas, walk.steps, walk.search, walk.states, walk.patterns)


class _Walk:
    """Walks a schema once and sums for each node what applies to one value."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._weights: dict[int, _Weight] = {}
        # The nodes of the chain that is being followed; a node met again in it is a chain that never ends.
        self._open: set[int] = set()
        self._listed = 0
        self.schemas = self.steps = self.search = self.states = self.patterns = 0

    def visit(self, node: JsonValue, level: int) -> None:
        if not isinstance(node, dict):
            return
        self.schemas += 1
        if self.schemas > MAX_SCHEMAS:
            raise SchemaError(f"more than {MAX_SCHEMAS} schemas")
        # Lists are compared with each value and are not schemas, so that they have a separate sum.
        for entries in (node.get("enum"), node.get("required")):
            self._listed += len(entries) if isinstance(entries, list) else 0
        if self._listed > MAX_LISTED:
            raise SchemaError(f"enums and lists of required names have more than {MAX_LISTED} entries")
        if level > MAX_SCHEMA_NESTING:
            raise SchemaError(f"the schema is nested more than {MAX_SCHEMA_NESTING} levels deep")
        weight = self._weigh(node, 0)
        # Each value meets the schemas of one place: the dearest place bounds what one value costs.
        self.steps, self.search = max(self.steps, weight.steps), max(self.search, weight.search)
        # References are followed by `_weigh` alone, which remembers nodes, so that this walk ends.
        for child in (*in_place(node), *_children(node)):
            self.visit(child, level + 1)

    def _weigh(self, node: JsonValue, level: int) -> _Weight:
        if not isinstance(node, dict):
            return _NO_SCHEMA
        key = id(node)
        if key in self._open:
            raise SchemaError("the schema refers to itself without an object or an array in between")
        # Without this memory, pairs of references to pairs of references would take exponential time.
        if key not in self._weights:
            if level > MAX_SCHEMA_NESTING:
                raise SchemaError(f"references in the schema form a chain of more than {MAX_SCHEMA_NESTING}")
            self._open.add(key)
            # Children apply to parts of the value; only what applies to the same value adds up.
            parts = [self._weigh(child, level + 1) for child in (*in_place(node), *self._target(node))]
            self._open.discard(key)
            self._weights[key] = self._sum(node, parts)
        return self._weights[key]

    def _sum(self, node: JsonObject, parts: list[_Weight]) -> _Weight:
        # `unevaluated…` asks every part again which members it has evaluated.
        times = 2 if "unevaluatedItems" in node or "unevaluatedProperties" in node else 1
        count = 1 + times * sum(part.schemas for part in parts)
        # The sum counts a shared target for each path, as the validator visits it.
        if count > MAX_SCHEMA_EXPANSION:
            raise SchemaError(f"more than {MAX_SCHEMA_EXPANSION} schemas apply to one value")
        steps = 1 + listed_steps(node) + times * sum(part.steps for part in parts)
        search = self._patterns(node) + times * sum(part.search for part in parts)
        return _Weight(count, steps, search)

    def _patterns(self, node: JsonObject) -> int:
        named = node.get("patternProperties")
        own = node.get("pattern")
        found = [*(named if isinstance(named, dict) else ()), *([own] if isinstance(own, str) else ())]
        compiled = searched = 0
        # Every pattern is measured before any is compiled.
        for pattern in found:
            if len(pattern) > MAX_PATTERN:
                raise SchemaError(f"the pattern '{pattern[:MAX_QUOTED]}…' has more than {MAX_PATTERN} characters")
            compiled += count_states(pattern)
            searched += count_search_states(pattern)
        self.patterns += len(found)
        self.states += compiled
        if self.states > MAX_PATTERN_STATES:
            # With one pattern it is at fault; with several, only their sum is.
            what = f"the pattern '{found[-1][:MAX_QUOTED]}'" if self.patterns == 1 else "its patterns together"
            raise SchemaError(f"{what} would compile to more than {MAX_PATTERN_STATES} states; repeat less")
        return searched

    def _target(self, node: JsonObject) -> Iterator[JsonValue]:
        types = node.get("type")
        if isinstance(types, list) and len(types) > MAX_TYPES:
            raise SchemaError(f"a list of more than {MAX_TYPES} types")
        # Their targets depend on the path that leads to them, so that no walk in advance can bound them.
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if keyword in node:
                raise SchemaError(f"{keyword} is not supported")
        if "$ref" in node:
            ref = node["$ref"]
            if not isinstance(ref, str) or not is_local(ref):
                raise SchemaError(f"$ref {ref!r:.200} is not a place in this schema ('#/…')")
            if len(ref) > MAX_REFERENCE:
                raise SchemaError(f"$ref {ref!r:.200} has more than {MAX_REFERENCE} characters")
            target = follow(ref, self._root)
            if not isinstance(target, dict | bool):
                raise SchemaError(f"$ref {ref!r:.200} leads to no schema")
            yield target


def listed_steps(node: JsonObject) -> int:
    """Return the steps that the lists of a schema cost for one value; a list of strings alone is one hash lookup."""
    steps = 0
    required, options, named = (node.get(keyword) for keyword in ("required", "enum", "patternProperties"))
    if isinstance(required, list):
        steps += len(required)
    # The validator keeps an enum of strings in a set and compares any other value by value.
    if isinstance(options, list) and not all(isinstance(option, str) for option in options):
        steps += len(options)
    if isinstance(named, dict):
        steps += _SEARCH * len(named)
    return steps


def in_place(node: JsonObject) -> Iterator[JsonValue]:
    """Yield the schemas inside `node` that apply to the same value; the target of `$ref` is not among them."""
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
