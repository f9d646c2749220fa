"""Tools that a model may call: those of the `tools` field, and those that a prompt describes."""

from __future__ import annotations

import re
from typing import Any

from toolgate_simulator.jsonfind import find_json
from toolgate_simulator.schema_walk import NO_PARAMETERS, schema_of
from toolgate_simulator.tool_prose import find_in_prose
from toolgate_simulator.tool_xml import find_in_xml
from toolgate_simulator.values import ToolSpec

_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "args_schema", "schema", "arguments")
_MOST_TEXT = 400_000


def declared_tools(tools: Any) -> list[ToolSpec]:
    """Return the tools of a request's `tools` field; what is declared is a tool, whatever its schema."""
    functions = [entry["function"] for entry in tools or []]
    return [
        ToolSpec(
            one["name"],
            str(one.get("description") or ""),
            one["parameters"] if isinstance(one.get("parameters"), dict) else NO_PARAMETERS,
        )
        for one in functions
    ]


def find_tools(text: str) -> tuple[list[ToolSpec], str]:
    """Return the tools that a prompt describes, and the prompt without their definitions."""
    text = text[:_MOST_TEXT]
    found, rest = _find_json_tools(text)
    if not found:
        found, rest = find_in_xml(text)
    if not found:
        found, rest = find_in_prose(text)
    unique = {tool.name: tool for tool in reversed(found)}
    return list(reversed(unique.values())), rest


def _find_json_tools(text: str) -> tuple[list[ToolSpec], str]:
    found: list[ToolSpec] = []
    kept = []
    at = 0
    for start, end, value in find_json(text):
        inside = _definitions_in(value, 0)
        if inside:
            found += inside
            kept.append(text[at:start])
            at = end
    return found, "".join([*kept, text[at:]])


def _definitions_in(value: Any, depth: int) -> list[ToolSpec]:
    if isinstance(value, dict):
        if definition := definition_of(value):
            return [definition]
        children = list(value.values()) if depth < 3 else []
    else:
        children = value if isinstance(value, list) and depth < 3 else []
    return [found for child in children for found in _definitions_in(child, depth + 1)]


def definition_of(entry: Any) -> ToolSpec | None:
    """Return the tool that a JSON object defines; None when it defines none (a call, say)."""
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("function"), dict):
        entry = {"parameters": {}, **entry["function"]}
    name = entry.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[\w.:/-]+", name):
        return None
    described = isinstance(entry.get("description"), str)
    for key in _SCHEMA_KEYS:
        if key in entry:
            schema = schema_of(entry[key])
            if schema is None or (not schema["properties"] and not described and key != "parameters"):
                return None
            return ToolSpec(name, str(entry.get("description") or ""), schema)
    return ToolSpec(name, entry["description"], NO_PARAMETERS) if described else None
