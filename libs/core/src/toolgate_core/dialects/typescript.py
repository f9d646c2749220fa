"""Tools as TypeScript declares functions, which is how some families' templates show them.

Keywords without a type in TypeScript (limits, patterns, whole numbers) are in comments. Depth is bounded, because a
schema may refer to itself. Source: the chat templates of gpt-oss, Apertus and Functionary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.schema.references import follow
from toolgate_core.types.requests import ToolDefinition

_MAX_DEPTH = 8
_PLAIN = re.compile(r"[A-Za-z_$][\w$]*")
_WORDS = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean", "null": "null"}
_SAID = frozenset(
    (
        *("type", "title", "description", "properties", "required", "items", "enum", "const", "default", "nullable"),
        *("$ref", "$defs", "definitions", "anyOf", "oneOf", "allOf", "additionalProperties", "$schema", "examples"),
    )
)
"""Keywords that the types express, or that a model does not need."""


def function_types(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as types of functions."""
    return "\n\n".join(map(_function, tools))


def functions_namespace(tools: Sequence[ToolDefinition]) -> str:
    """Return the same in `namespace functions { … }`."""
    return f"namespace functions {{\n\n{function_types(tools)}\n\n}} // namespace functions"


def _function(tool: ToolDefinition) -> str:
    members = _members(tool.parameters, tool.parameters, 0)
    kind = f"(_: {{\n{members}\n}}) => any" if members else "() => any"
    return "\n".join([*_comment(tool.description), f"type {tool.name} = {kind};"])


def _comment(text: JsonValue) -> list[str]:
    return [f"// {line}".rstrip() for line in text.splitlines()] if isinstance(text, str) else []


def _members(schema: JsonObject, root: JsonObject, depth: int) -> str:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return ""
    needed = required if isinstance(required, list) else []
    lines: list[str] = []
    for key, member in properties.items():
        known = member if isinstance(member, dict) else {}
        lines += [*_comment(known.get("description")), *_limits(known)]
        name = key if _PLAIN.fullmatch(key) else encode_str(key)
        default = f" // default: {encode_str(known['default'])}" if "default" in known else ""
        lines.append(f"{name}{'' if key in needed else '?'}: {_type(member, root, depth)},{default}")
    return "\n".join(lines)


def _limits(schema: JsonObject) -> list[str]:
    parts = ["integer"] if schema.get("type") == "integer" else []
    parts += [f"{key}: {encode_str(value)}" for key, value in schema.items() if key not in _SAID]
    return [f"// {', '.join(parts)}"] if parts else []


def _type(schema: JsonValue, root: JsonObject, depth: int) -> str:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return "any"
    found = _one_type(schema, root, depth)
    return f"{found} | null" if schema.get("nullable") is True else found


def _one_type(schema: JsonObject, root: JsonObject, depth: int) -> str:
    if "$ref" in schema:
        return _type(follow(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return encode_str(schema["const"])
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return " | ".join(map(encode_str, options))
    for keyword, sign in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        parts = schema.get(keyword)
        if isinstance(parts, list) and parts:
            return sign.join(dict.fromkeys(_type(part, root, depth + 1) for part in parts))
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return " | ".join(dict.fromkeys(_named(name, schema, root, depth) for name in names)) or "any"


def _named(name: JsonValue, schema: JsonObject, root: JsonObject, depth: int) -> str:
    if name == "array":
        item = _type(schema.get("items", {}), root, depth + 1)
        return f"({item})[]" if " " in item and not item.startswith("{") else f"{item}[]"
    if name == "object" or (name is None and "properties" in schema):
        members = _members(schema, root, depth + 1)
        return f"{{\n{members}\n}}" if members else "object"
    return _WORDS.get(str(name), "any")
