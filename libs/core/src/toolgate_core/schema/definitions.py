"""Parse the `tools` array of a request to tool definitions; every error names the field.

It reads the form of OpenAI's chat completions. Everything that is optional there can be left out or null here, and
unknown fields are kept, since they belong to the upstream. Schemas are not looked into: `compiling` checks them.

What bounds the cost: `MAX_TOOLS`; one pass over the definitions.
"""

from __future__ import annotations

import re

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.limits import MAX_TOOL_NAME, MAX_TOOLS
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ToolDefinition

NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
"""The schema of a tool that declares no parameters."""

_FUNCTION_FIELDS = frozenset(("name", "description", "parameters", "strict"))
# `\Z` and not `$`: Python's `$` would accept a line break at the end.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def parse_tools(tools_json: bytes) -> tuple[ToolDefinition, ...]:
    """Return the definitions in the JSON text of a `tools` array; empty text holds none. Raises `RequestError`.

    Any name that is not empty is accepted here; `check_names` applies OpenAI's rule to clients.
    """
    if not tools_json:
        return ()
    try:
        return tool_definitions(decode(tools_json))
    except JsonTextError as error:
        raise RequestError(f"tools is not valid JSON: {error}", param="tools") from error


def tool_definitions(tools: JsonValue) -> tuple[ToolDefinition, ...]:
    """Return the definitions in a `tools` array; raise `RequestError` with the `param` that is wrong."""
    if not isinstance(tools, list):
        raise RequestError("tools must be an array.", param="tools")
    if len(tools) > MAX_TOOLS:
        raise RequestError(
            f"At most {MAX_TOOLS} tools are allowed, got {len(tools)}.", param="tools", code="array_above_max_length"
        )
    definitions = tuple(_definition(tool, f"tools[{place}]") for place, tool in enumerate(tools))
    seen: set[str] = set()
    for place, definition in enumerate(definitions):
        # A call names its tool, so that two tools of one name could not be distinguished.
        if definition.name in seen:
            raise RequestError(
                f"Two tools have the name '{definition.name:.64}'.",
                param=f"tools[{place}].function.name",
                code="invalid_value",
            )
        seen.add(definition.name)
    return definitions


def check_names(names: tuple[str, ...]) -> None:
    """Raise `RequestError` for the first tool name that OpenAI would refuse."""
    for place, name in enumerate(names):
        if not _NAME.match(name):
            param = f"tools[{place}].function.name"
            raise RequestError(
                f"{param} must be 1 to {MAX_TOOL_NAME} characters of a-z, A-Z, 0-9, _ and -.",
                param=param,
                code="invalid_value",
            )


def _definition(tool: JsonValue, param: str) -> ToolDefinition:
    if not isinstance(tool, dict):
        raise RequestError(f"{param} must be an object.", param=param)
    kind = tool.get("type")
    # OpenAI's `custom` tools have no JSON Schema to check their input against.
    if kind != "function":
        known = "is not supported; only 'function' is" if isinstance(kind, str) else "is missing; it must be 'function'"
        raise RequestError(f"{param}.type {kind[:64] if isinstance(kind, str) else ''} {known}.", param=f"{param}.type")
    function = tool.get("function")
    if not isinstance(function, dict):
        raise RequestError(f"{param}.function must be an object.", param=f"{param}.function")
    return ToolDefinition(
        name=_name(function.get("name"), f"{param}.function.name"),
        description=_description(function.get("description"), f"{param}.function.description"),
        parameters=_parameters(function.get("parameters"), f"{param}.function.parameters"),
        strict=_strict(function.get("strict"), f"{param}.function.strict"),
        fields=_other_fields(tool, function),
    )


def _other_fields(tool: JsonObject, function: JsonObject) -> JsonObject:
    """Return what no attribute holds; the fields of `function` are in `function`. Nulls say nothing."""
    fields: JsonObject = {
        key: value for key, value in tool.items() if key not in ("type", "function") and value is not None
    }
    inner: JsonObject = {
        key: value for key, value in function.items() if key not in _FUNCTION_FIELDS and value is not None
    }
    return {**fields, "function": inner} if inner else fields


def _name(name: JsonValue, param: str) -> str:
    if not isinstance(name, str):
        raise RequestError(f"{param} is missing or not a string.", param=param)
    if not name:
        raise RequestError(f"{param} must not be empty.", param=param, code="invalid_value")
    return name


def _description(description: JsonValue, param: str) -> str:
    if description is None:
        return ""
    if not isinstance(description, str):
        raise RequestError(f"{param} must be a string.", param=param)
    return description


def _parameters(parameters: JsonValue, param: str) -> JsonObject:
    # OpenAI: leaving out `parameters` defines a function with an empty list of them.
    if parameters is None or parameters == {}:
        return NO_PARAMETERS
    if not isinstance(parameters, dict):
        raise RequestError(f"{param} must be a JSON Schema object.", param=param, code="invalid_function_parameters")
    return parameters


def _strict(strict: JsonValue, param: str) -> bool | None:
    if strict is not None and not isinstance(strict, bool):
        raise RequestError(f"{param} must be a boolean.", param=param)
    return strict
