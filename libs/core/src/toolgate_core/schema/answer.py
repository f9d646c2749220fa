"""The form that a client wants its answer to have, held against what a model answered.

It is said by `response_format`, or by vLLM's `structured_outputs` and its older name `guided_json`.
"""

from __future__ import annotations

from typing import cast

import jsonschema_rs

from toolgate_core.cache import Cache
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.limits import MAX_REMEMBERED_TOOLS_BYTES
from toolgate_core.schema.compiling import compile_schema
from toolgate_core.schema.effort import explainable
from toolgate_core.types.requests import ChatRequest

_ANY_OBJECT: JsonObject = {"type": "object"}
CONSTRAINTS = frozenset(
    (
        *("structured_outputs", "guided_json", "guided_json_object"),
        *("guided_regex", "guided_choice", "guided_grammar"),
    )
)
"""vLLM's own fields for constraints."""


def is_constrained(request: ChatRequest) -> bool:
    """Whether a request may ask for a form of its answer; False, as nearly always, is certain and quickly said."""
    return request.response_format is not None or not CONSTRAINTS.isdisjoint(request.body)


def answer_schema(request: ChatRequest) -> JsonObject | None:
    """Return the schema that the client wants its answer to have; None for text."""
    if not is_constrained(request):
        return None
    wanted = request.response_format
    if wanted is None:
        return requested_schema(request.body)
    described = wanted.get("json_schema")
    schema: JsonValue = described.get("schema") if isinstance(described, dict) else None
    if isinstance(schema, dict):
        return schema
    return _ANY_OBJECT if wanted.get("type") in ("json_object", "json_schema") else None


def requested_schema(body: JsonObject) -> JsonObject | None:
    """Return the schema of vLLM's own fields for constraints, where they ask for JSON."""
    if CONSTRAINTS.isdisjoint(body):
        return None
    structured = body.get("structured_outputs")
    options = structured if isinstance(structured, dict) else {}
    for given in (options.get("json"), body.get("guided_json")):
        schema = _as_schema(given)
        if schema is not None:
            return schema
    return _ANY_OBJECT if options.get("json_object") or body.get("guided_json_object") else None


def _as_schema(given: JsonValue) -> JsonObject | None:
    """Return a schema that is given as itself or as its JSON text."""
    if isinstance(given, str):
        try:
            given = decode(given)
        except JsonTextError:
            return None
    return given if isinstance(given, dict) else None


class AnswerCheck:
    """Holds answers against one schema, which has been validated. `object_only`: no answer but an object can fit."""

    def __init__(self, schema: JsonObject) -> None:
        self.object_only = schema.get("type") == "object"
        self._schema = schema
        self._check = compile_schema(schema, object_only=False)

    @property
    def kept_bytes(self) -> int:
        """About how much memory its validator takes."""
        return self._check.kept_bytes

    def schema_error(self, text: str) -> str:
        """Return one sentence about what is wrong with an answer; empty where nothing is."""
        try:
            value = decode(text)
        except JsonTextError:
            return "The answer must be JSON that fits the schema of the response format."
        if self._check.is_valid(value):
            return ""
        validator = self._check.within_budget(value)
        if validator is None:
            return "The answer is too large to be held against the schema of the response format."
        place = _first_violation(validator, value) if explainable(value, self._schema) else ""
        return f"The answer does not fit the schema of the response format at '{place:.200}'."


def _first_violation(validator: jsonschema_rs.Validator, value: JsonValue) -> str:
    """Return where a value breaks its first rule."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return "/".join(str(step) for step in error.instance_path)
    except ValueError:  # nested too deeply, or no Unicode
        pass
    return ""


def answer_check(schema_json: bytes) -> AnswerCheck:
    """Return the check for the JSON text of a schema, from those that were asked for last."""
    return _CHECKS.get(schema_json)


def _answer_check(schema_json: bytes) -> AnswerCheck:
    return AnswerCheck(cast("JsonObject", decode(schema_json)))


_CHECKS = Cache(
    _answer_check,
    cost=lambda text, check: check.kept_bytes + 8 * len(text),
    max_cost=MAX_REMEMBERED_TOOLS_BYTES // 2,
)
