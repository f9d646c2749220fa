"""What OpenAI's API lists beside answers: models, and tools in the form of a request's `tools`."""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject, JsonValue


def listing(entries: Sequence[JsonObject]) -> JsonObject:
    """Return the object of a list."""
    data: list[JsonValue] = list(entries)
    return {"object": "list", "data": data}


def model_object(name: str, *, created: int, owned_by: str, fields: JsonObject) -> JsonObject:
    """Return a model's object; `created`: Unix seconds, `fields`: what its server says beyond OpenAI's contract."""
    return {"id": name, "object": "model", "created": created, "owned_by": owned_by, **fields}


def tool_object(name: str, description: str, parameters: JsonObject) -> JsonObject:
    """Return a tool as a request names it; `parameters`: the JSON Schema of its arguments."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}
