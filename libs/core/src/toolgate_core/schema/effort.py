"""What validating a value costs, and what explaining its violations costs; known before either is started.

A validator is native code that nothing interrupts, so that its work has to be bounded in advance:

- Validating is linear in the value, times the schemas that apply to each part. The product of both sizes is an upper
  bound (`size_within_budget`); where it is too large, a walk over value and schema counts what really applies.
- Explaining costs more. Each failing member of a union adds its explanations, which can be exponential in the depth of
  a value under a recursive schema, and each contains a copy of the wrong part (`explainable`).

The walk itself stops after `MAX_VISITS` pairs of a schema and a part; more than that counts as beyond the budget.
"""

from __future__ import annotations

from typing import NamedTuple

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_CHECK_STEPS, MAX_EXPLAINED, MAX_SEARCH_STEPS, MAX_VISITS
from toolgate_core.schema.patterns import count_search_states
from toolgate_core.schema.references import follow
from toolgate_core.schema.weights import Weights, in_place, listed_steps

_MAX_LEVELS = 300
"""Levels of a value and its schemas that the walk follows; the stack holds far more."""


class ValueSize(NamedTuple):
    """The size of a value: its parts (itself included), its texts and keys, their characters, those of the longest."""

    parts: int
    texts: int = 1
    chars: int = 0
    longest: int = 0


def measure(value: JsonValue, most: int = MAX_CHECK_STEPS) -> ValueSize:
    """Return the size of a value; counting stops after about `most` parts."""
    parts = texts = chars = longest = 0
    waiting: list[JsonValue] = [value]
    # An explicit stack: the depth of a value is not bounded here.
    while waiting and parts <= most:
        part = waiting.pop()
        parts += 1
        if isinstance(part, str):
            texts, chars, longest = texts + 1, chars + len(part), max(longest, len(part))
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            # Keys are texts too: `patternProperties` searches them.
            lengths = list(map(len, part))
            texts, chars, longest = texts + len(part), chars + sum(lengths), max(longest, *lengths, 0)
            waiting.extend(part.values())
    # At least one, since the budget of backtracking is shared out by this number.
    return ValueSize(parts, max(texts, 1), chars, longest)


def size_within_budget(value: JsonValue, schema: JsonObject, weights: Weights, *, exact: bool) -> ValueSize | None:
    """Return the size of what the patterns of `schema` have to search in `value`; None beyond the budget.

    The size of the whole value is an upper bound. `exact`: count by a walk, even where the bound is within the budget.
    """
    size = measure(value)
    # The product is found in one pass; it assumes that every part meets the dearest schema.
    cheap = size.parts * weights.steps <= MAX_CHECK_STEPS and size.chars * weights.search <= MAX_SEARCH_STEPS
    if cheap and not exact:
        return size
    visits = _BudgetWalk(schema)
    visits.visit(value, schema, 0)
    # The walk did not finish; only the upper bound is known then.
    if visits.left <= 0:
        return size if cheap else None
    within = visits.steps <= MAX_CHECK_STEPS and visits.search <= MAX_SEARCH_STEPS
    return ValueSize(size.parts, max(visits.texts, 1), size.chars, visits.longest) if within else None


def explainable(value: JsonValue, schema: JsonObject) -> bool:
    """Whether explaining what `value` does against the whole schema `schema` is within the budget."""
    visits = _BudgetWalk(schema, explain=True)
    visits.visit(value, schema, 0)
    return visits.left > 0


class _BudgetWalk:
    """Counts the schemas that apply to each part of a value, once for each path that leads to them."""

    def __init__(self, root: JsonObject, *, explain: bool = False) -> None:
        self._root = root
        self._explain = explain
        self._copies = 0
        self.left = MAX_VISITS
        self.steps = self.search = self.texts = self.longest = 0

    def visit(self, value: JsonValue, schema: JsonValue, level: int) -> None:
        """Count this visit and all beneath it."""
        # No visits left is the one sign for "too expensive"; all loops below look at it.
        self.left = 0 if level > _MAX_LEVELS else self.left - 1
        if self.left <= 0 or not isinstance(schema, dict):
            return
        self._count(value, schema)
        if "$ref" in schema:
            self.visit(value, follow(schema["$ref"], self._root), level + 1)
        for member in in_place(schema):
            self.visit(value, member, level + 1)
        if isinstance(value, dict):
            self._members(value, schema, level)
        elif isinstance(value, list):
            self._items(value, schema, level)

    def _count(self, value: JsonValue, schema: JsonObject) -> None:
        self.steps += 1 + listed_steps(schema)
        pattern = schema.get("pattern")
        if isinstance(value, str) and isinstance(pattern, str):
            self._search((value,), count_search_states(pattern))
        # Each pattern searches each key of the object.
        elif isinstance(value, dict) and "patternProperties" in schema:
            self._search(tuple(value), sum(map(count_search_states, _dict(schema["patternProperties"]))))
        if self._explain:
            self._copy(value, schema)

    def _search(self, texts: tuple[str, ...], states: int) -> None:
        lengths = list(map(len, texts))
        self.search += sum(lengths) * states
        self.texts += len(lengths)
        self.longest = max(self.longest, *lengths, 0)

    def _copy(self, value: JsonValue, schema: JsonObject) -> None:
        """Count the parts that explanations would copy if every rule were violated."""
        options, required = schema.get("enum"), schema.get("required")
        # Each missing name is a separate violation, with a separate copy of the object.
        missing = isinstance(value, dict) and isinstance(required, list)
        errors = 1 + (sum(name not in value for name in required) if missing else 0)  # type: ignore[operator,union-attr]
        self._copies += errors * measure(value, MAX_EXPLAINED).parts + (
            len(options) if isinstance(options, list) else 0
        )
        if self._copies > MAX_EXPLAINED:
            self.left = 0

    def _members(self, value: JsonObject, schema: JsonObject, level: int) -> None:
        named, patterns = (_dict(schema.get(keyword)) for keyword in ("properties", "patternProperties"))
        for key, member in value.items():
            if self.left <= 0:
                return
            # A key that a pattern covers is counted under `additionalProperties` too: the count is an upper bound.
            self.visit(member, named.get(key, schema.get("additionalProperties")), level + 1)
            for other in patterns.values():
                self.visit(member, other, level + 1)

    def _items(self, value: list[JsonValue], schema: JsonObject, level: int) -> None:
        first = schema.get("prefixItems")
        # Each item counts under all schemas of items, wherever it is in a tuple: an upper bound again.
        each = [schema.get("items"), schema.get("contains"), *(first if isinstance(first, list) else ())]
        for item in value:
            if self.left <= 0:
                return
            for member in each:
                if isinstance(member, dict):
                    self.visit(item, member, level + 1)


def _dict(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
