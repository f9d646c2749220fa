"""A client's JSON Schema to a validator, within bounds.

The schema is a stranger's: nothing is fetched for it, and one that would cost a long time to compile, to check, or to
explain is refused when it comes in rather than when a model's answer meets it.
"""

from __future__ import annotations

from typing import TypeAlias

import jsonschema_rs

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import BACKTRACK_STEPS, MAX_PATTERN_BYTES, MIN_BACKTRACK_STEPS
from toolgate_core.schema.aliases import normalize, normalize_words
from toolgate_core.schema.effort import ValueSize, size_within_budget
from toolgate_core.schema.kinds import declared_types
from toolgate_core.schema.weights import SchemaError, Weights, weigh

__all__ = ["SchemaCheck", "SchemaError", "compile_schema"]

_OBJECT = ("object",)
_Engine: TypeAlias = jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions
_CHARS_PER_STEP = 256
"""Characters that a step of backtracking may search; longer texts have fewer steps."""
_SCHEMA_BYTES = 500
_STATE_BYTES = 100
_LIGHT = 8
"""Steps for one value up to which a schema is checked without a look at the value's size."""


class SchemaCheck:
    """Holds values against one compiled schema, each within a budget of work.

    A value that would cost more is not valid: it can't be checked. Patterns that look around or back are tried by
    backtracking; their steps are shared out to all texts of a value, so that few short texts have thousands each.
    """

    __slots__ = ("_backtracking", "_schema", "_validator", "weights")

    def __init__(self, schema: JsonObject, validator: jsonschema_rs.Validator | None, weights: Weights) -> None:
        self.weights = weights
        self._schema = schema
        self._validator = validator
        self._backtracking: dict[int, jsonschema_rs.Validator] = {}

    @property
    def kept_bytes(self) -> int:
        """About how much memory the validator takes, the text of the schema aside."""
        return _SCHEMA_BYTES * self.weights.schemas + _STATE_BYTES * self.weights.states

    def is_valid(self, value: JsonValue) -> bool:
        """Whether the schema accepts `value`; no where that can't be told."""
        validator = self.within_budget(value)
        try:
            return validator is not None and validator.is_valid(value)
        except ValueError:
            return False

    def within_budget(self, value: JsonValue) -> jsonschema_rs.Validator | None:
        """Return the validator that checks `value` in bounded time; None where it would take too long."""
        weights = self.weights
        if self._validator is not None and weights.steps <= _LIGHT and not weights.patterns:
            return self._validator
        size = size_within_budget(value, self._schema, weights, exact=self._validator is None)
        if size is None:
            return None
        return self._validator or self._backtracker(size)

    def _backtracker(self, size: ValueSize) -> jsonschema_rs.Validator | None:
        share = size.texts * self.weights.patterns * (1 + size.longest // _CHARS_PER_STEP)
        steps = BACKTRACK_STEPS
        while steps * share > BACKTRACK_STEPS and steps >= MIN_BACKTRACK_STEPS:
            steps //= 8
        if steps < MIN_BACKTRACK_STEPS:
            return None
        if steps not in self._backtracking:
            self._backtracking[steps] = _compiled(self._schema, _backtracking(steps))
        return self._backtracking[steps]


def compile_schema(schema: JsonObject, *, object_only: bool = True) -> SchemaCheck:
    """Return the check of a schema, of an object unless told otherwise; raise `SchemaError`.

    Draft 2020-12, unless `$schema` names another known draft. References lead only to places in the same schema. What
    the schema says in words that JSON Schema lacks (`int`, `nullable`) is checked as it is meant; words that mean
    nothing are an error.
    """
    if object_only and declared_types(schema) != _OBJECT and "type" in schema:
        raise SchemaError(f"the schema of a function's parameters must have type 'object', not {schema['type']!r:.80}")
    weights = weigh(schema)
    meant = normalize(schema)
    if meant is schema:
        return _check(schema, weights)
    try:
        return _check(meant, weights)
    except SchemaError:  # a reference into what was put differently; or an error, whose words shall fit what came in
        return _check_with_older_tuples(schema, weights)


def _check_with_older_tuples(schema: JsonObject, weights: Weights) -> SchemaCheck:
    """Return the check of a schema whose references lead into what is put differently.

    Draft 2019-09 has tuples in the older form and all else that has the same place.
    """
    older: JsonObject = {
        **normalize_words(schema, tuples=False),
        "$schema": "https://json-schema.org/draft/2019-09/schema",
    }
    for candidate in (older, schema) if "$schema" not in schema else (schema,):
        try:
            return _check(candidate, weights)
        except SchemaError:
            continue
    return _check(schema, weights)


def _check(schema: JsonObject, weights: Weights) -> SchemaCheck:
    try:
        return SchemaCheck(schema, _compiled(schema, _linear()), weights)
    except SchemaError:
        if not weights.patterns:
            raise
    # Compiled once now, so that what is wrong shows at once.
    check = SchemaCheck(schema, None, weights)
    check.within_budget("")
    return check


def _linear() -> _Engine:
    return jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES)


def _backtracking(steps: int) -> _Engine:
    return jsonschema_rs.FancyRegexOptions(backtrack_limit=steps, size_limit=MAX_PATTERN_BYTES)


def _compiled(schema: JsonObject, engine: _Engine) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_cls_for(schema)(schema, offline=True, pattern_options=engine)
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(_where(error)) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(f"the schema can't be compiled: {error}"[:500]) from error


def _where(error: jsonschema_rs.ValidationError) -> str:
    place = "/".join(str(step) for step in error.instance_path)
    return f"not a valid JSON Schema at '{place:.200}': {error.message}"[:500]
