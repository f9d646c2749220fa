"""The response format that a client asks for, and the check of a model's answer against it.

It comes from `response_format`, or from vLLM's `structured_outputs` and its older name `guided_json`.
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
    """Whether a request may constrain its answer; False is certain, and cheap to find."""
    return request.response_format is not None or not CONSTRAINTS.isdisjoint(request.fields)


def answer_schema(request: ChatRequest) -> JsonObject | None:
    """Return the schema that the client wants for its answer; None for text."""
    if not is_constrained(request):
        return None
    wanted = request.response_format
    # The OpenAI field wins over vLLM's own, since one request can have both forms.
    if wanted is None:
        return requested_schema(request.fields)
    if wanted.schema is not None:
        return wanted.schema
    # OpenAI's JSON mode promises an object; a `json_schema` without a schema asks for no more.
    return _ANY_OBJECT if wanted.kind in ("json_object", "json_schema") else None


def requested_schema(fields: JsonObject) -> JsonObject | None:
    """Return the schema in vLLM's own fields for constraints; None where they do not ask for JSON."""
    if CONSTRAINTS.isdisjoint(fields):
        return None
    structured = fields.get("structured_outputs")
    options = structured if isinstance(structured, dict) else {}
    for given in (options.get("json"), fields.get("guided_json")):
        schema = _as_schema(given)
        if schema is not None:
            return schema
    return _ANY_OBJECT if options.get("json_object") or fields.get("guided_json_object") else None


def _as_schema(given: JsonValue) -> JsonObject | None:
    """Return a schema that is written as an object or as its JSON text."""
    # vLLM takes a schema as an object or as its JSON text.
    if isinstance(given, str):
        try:
            given = decode(given)
        except JsonTextError:
            return None
    return given if isinstance(given, dict) else None


class AnswerCheck:
    """Checks answers against one valid schema. `object_only`: only an object can match."""

    def __init__(self, schema: JsonObject) -> None:
        self.object_only = schema.get("type") == "object"
        self._schema = schema
        self._check = compile_schema(schema, object_only=False)

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that its validator takes; an estimate."""
        return self._check.kept_bytes

    def schema_error(self, text: str) -> str:
        """Return one sentence about what is wrong with an answer; empty for a valid one."""
        try:
            # Strict JSON: the client gets the text that is checked here, so that nothing is repaired.
            value = decode(text)
        except JsonTextError:
            return "The answer must be JSON that matches the schema of the response format."
        if self._check.is_valid(value):
            return ""
        validator = self._check.within_budget(value)
        if validator is None:
            return "The answer is too large to be checked against the schema of the response format."
        # Only the place is named, since the client's own schema says the rest.
        place = _first_violation(validator, value) if explainable(value, self._schema) else ""
        return f"The answer does not match the schema of the response format at '{place:.200}'."


def _first_violation(validator: jsonschema_rs.Validator, value: JsonValue) -> str:
    """Return the path of the first violation, its steps separated by `/`; empty for the root."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return "/".join(str(step) for step in error.instance_path)
    except ValueError:  # nested too deeply, or no Unicode
        pass
    return ""


def answer_check(schema_json: bytes) -> AnswerCheck:
    """Return the check for the JSON text of a schema, cached."""
    return _CHECKS.get(schema_json)


def _answer_check(schema_json: bytes) -> AnswerCheck:
    return AnswerCheck(cast("JsonObject", decode(schema_json)))


_CHECKS = Cache(
    _answer_check,
    cost=lambda text, check: check.kept_bytes + 8 * len(text),
    max_cost=MAX_REMEMBERED_TOOLS_BYTES // 2,
)
