"""Arguments between a tool's model and what a language model wrote: the schema out, the values in.

Messages name the field and what is wrong with it, because the reader is a model that will try again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import ValidationError
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str

from toolgate_tool_executor.tools.base import KIB, Arguments, ToolError

MAX_ARGUMENTS_BYTES = 64 * KIB
_SHOWN = 60

A = TypeVar("A", bound=Arguments)


def schema_of(model: type[Arguments]) -> JsonObject:
    """Return the JSON Schema of `model`: plain keywords, without the titles that pydantic derives from names."""
    return cast("JsonObject", _untitled(model.model_json_schema()))


def _untitled(schema: JsonValue) -> JsonValue:
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("title", "properties", "description")}
    out: JsonObject = {key: _untitled(value) for key, value in kept.items()}
    if "description" in schema and "properties" not in schema:
        out["description"] = schema["description"]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        # a property may be called "title": names are not keywords
        out["properties"] = {name: _untitled(value) for name, value in properties.items()}
    return out


def read_arguments(model: type[A], text: bytes) -> A:
    """Return the arguments that `text` holds; raise `ToolError` with code `invalid_arguments`.

    An empty text means no arguments, and null stands for an optional argument that is not given: both are
    how models write them.
    """
    value = _object(text)
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    given = {name: item for name, item in value.items() if item is not None or name not in optional}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid("; ".join(_sentences(error, model)), _example(model)) from error


def _object(text: bytes) -> JsonObject:
    if len(text) > MAX_ARGUMENTS_BYTES:
        raise _invalid(f"the arguments are too long ({len(text)} bytes, at most {MAX_ARGUMENTS_BYTES})")
    if not text.strip():
        return {}
    try:
        value = decode(text)
    except JsonTextError as error:
        raise _invalid(f"the arguments are not JSON: {error}", "write one JSON object") from error
    if not isinstance(value, dict):
        raise _invalid("the arguments must be a JSON object", "write one JSON object")
    return value


def _sentences(error: ValidationError, model: type[Arguments]) -> list[str]:
    out = []
    for item in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in item["loc"]) or "arguments"
        if item["type"] == "extra_forbidden":
            names = ", ".join(model.model_fields) or "none"
            out.append(f"{_clipped(field)}: unknown argument (known: {names})")
        elif item["type"] == "missing":
            out.append(f"{field}: is required")
        else:
            out.append(f"{field}: {item['msg']} (got {_clipped(_shown(item['input']))})")
    return out[:5]


def _shown(value: object) -> str:
    try:
        return encode_str(cast("JsonValue", value))
    except (JsonTextError, TypeError):
        return type(value).__name__


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _example(model: type[Arguments]) -> str:
    values: Mapping[str, JsonValue] = {
        name: cast("JsonValue", field.examples[0]) for name, field in model.model_fields.items() if field.examples
    }
    return f"for example {encode_str(dict(values))}" if values else ""


def _invalid(message: str, hint: str = "") -> ToolError:
    return ToolError("invalid_arguments", message, hint=hint)
