"""Compile a client's JSON Schema to a validator, within bounds.

Nothing is fetched for a schema. One that is expensive to compile, to validate or to explain is refused when the request
arrives, not when a model's answer meets it.
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
"""Characters that one step of backtracking can search; longer texts get fewer steps."""
_SCHEMA_BYTES = 500
_STATE_BYTES = 100
"""Memory of a compiled schema, and of a state of a compiled pattern; measured."""
_LIGHT = 8
"""Steps for one value up to which a schema is validated without measuring the value."""


class SchemaCheck:
    """Validates values against one compiled schema, each within a budget of work.

    A value that costs more is not valid, since it cannot be checked. Patterns with look-around or backreferences are
    tried by backtracking; all texts of a value share one budget of steps, so that few short texts get thousands each.
    """

    __slots__ = ("_backtracking", "_schema", "_validator", "weights")

    def __init__(self, schema: JsonObject, validator: jsonschema_rs.Validator | None, weights: Weights) -> None:
        self.weights = weights
        self._schema = schema
        self._validator = validator
        self._backtracking: dict[int, jsonschema_rs.Validator] = {}

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that the validator takes, without the text of the schema; an estimate."""
        return _SCHEMA_BYTES * self.weights.schemas + _STATE_BYTES * self.weights.states

    def is_valid(self, value: JsonValue) -> bool:
        """Whether the schema accepts `value`; False where that cannot be decided within the budget."""
        validator = self.within_budget(value)
        try:
            return validator is not None and validator.is_valid(value)
        except ValueError:
            return False

    def within_budget(self, value: JsonValue) -> jsonschema_rs.Validator | None:
        """Return a validator that checks `value` within the budget; None where the value is too expensive."""
        weights = self.weights
        if self._validator is not None and weights.steps <= _LIGHT and not weights.patterns:
            return self._validator
        size = size_within_budget(value, self._schema, weights, exact=self._validator is None)
        if size is None:
            return None
        # The linear engine compiles most schemas; only the others have no validator in advance.
        return self._validator or self._backtracker(size)

    def _backtracker(self, size: ValueSize) -> jsonschema_rs.Validator | None:
        # Each text can be tried against each pattern, and a long text counts once more for every 256 characters.
        share = size.texts * self.weights.patterns * (1 + size.longest // _CHARS_PER_STEP)
        steps = BACKTRACK_STEPS
        # Steps of eight keep the number of compiled validators small: each limit needs one.
        while steps * share > BACKTRACK_STEPS and steps >= MIN_BACKTRACK_STEPS:
            steps //= 8
        if steps < MIN_BACKTRACK_STEPS:
            return None
        if steps not in self._backtracking:
            self._backtracking[steps] = _compiled(self._schema, _backtracking(steps))
        return self._backtracking[steps]


def compile_schema(schema: JsonObject, *, object_only: bool = True) -> SchemaCheck:
    """Return the check of a schema; raise `SchemaError` for one that is wrong or too expensive.

    Draft 2020-12, unless `$schema` names another known draft. References lead only into the same schema. Words that
    JSON Schema lacks (`int`, `nullable`) are normalized; unknown words are an error. `object_only`: the schema must be
    one of an object, as of a function's parameters.
    """
    # OpenAI refuses parameters of another type; a schema without a type is one of an object by its use.
    if object_only and declared_types(schema) != _OBJECT and "type" in schema:
        raise SchemaError(f"the schema of a function's parameters must have type 'object', not {schema['type']!r:.80}")
    # Before normalizing and compiling: both cost in proportion to what is weighed.
    weights = weigh(schema)
    meant = normalize(schema)
    if meant is schema:
        return _check(schema, weights)
    try:
        return _check(meant, weights)
    except SchemaError:  # a reference into a normalized place, or an error that must quote the client's own words
        return _check_with_older_tuples(schema, weights)


def _check_with_older_tuples(schema: JsonObject, weights: Weights) -> SchemaCheck:
    """Return the check of a schema whose references lead into places that normalizing moves.

    Draft 2019-09 has tuples in the older form, and everything else in the same places.
    """
    older: JsonObject = {
        **normalize_words(schema, tuples=False),
        "$schema": "https://json-schema.org/draft/2019-09/schema",
    }
    # A client that names a draft means its own form of tuples.
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
        # Without a pattern the engine is not at fault, and the error is final.
        if not weights.patterns:
            raise
    # Compile once now, so that a wrong pattern fails here and not at the first value.
    check = SchemaCheck(schema, None, weights)
    check.within_budget("")
    return check


def _linear() -> _Engine:
    return jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES)


def _backtracking(steps: int) -> _Engine:
    return jsonschema_rs.FancyRegexOptions(backtrack_limit=steps, size_limit=MAX_PATTERN_BYTES)


def _compiled(schema: JsonObject, engine: _Engine) -> jsonschema_rs.Validator:
    try:
        # `offline`: no reference makes the validator open a file or a connection.
        return jsonschema_rs.validator_cls_for(schema)(schema, offline=True, pattern_options=engine)
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(_where(error)) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(f"the schema can't be compiled: {error}"[:500]) from error


def _where(error: jsonschema_rs.ValidationError) -> str:
    place = "/".join(str(step) for step in error.instance_path)
    return f"not a valid JSON Schema at '{place:.200}': {error.message}"[:500]
