"""Sentences and pieces that the prompts of all dialects share.

The rules are short and the same everywhere: when to call, when not, how many calls, and to wait for results. Each of
them answers a mistake that models make without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.types.requests import ToolChoice, ToolDefinition


def permitted(tools: Sequence[ToolDefinition], choice: ToolChoice) -> list[ToolDefinition]:
    """Return the tools that may be called under `choice`."""
    return [tool for tool in tools if choice.permits(tool.name)]


def definition_json(tool: ToolDefinition) -> str:
    """Return a tool's definition as one line of compact JSON, with markup in it escaped."""
    return escape_markup(
        encode_str({"name": tool.name, "description": tool.description, "parameters": tool.parameters})
    )


def remaining_keywords(schema: JsonObject, shown: frozenset[str]) -> str:
    """Return the keywords of a schema that are not in `shown`, as one line of JSON; empty if there are none."""
    left = {key: value for key, value in schema.items() if key not in shown}
    return encode_str(left) if left else ""


def calling_rules(choice: ToolChoice, *, parallel: bool) -> str:
    """Return the rules as lines: when to call, when not, and how many calls may be made."""
    lines = []
    if choice.mode == "named":
        lines.append(f"You must call the tool {choice.name} now; do not answer in text.")
    elif choice.mode == "required":
        lines.append("You must call at least one tool now; do not answer in text.")
    else:
        lines.append(
            "Call a tool only when it is needed to answer; if no tool fits, answer in plain text without a call."
        )
        lines.append("If the result of a call is already in the conversation, use it instead of calling again.")
    if parallel and choice.mode != "named":
        lines.append("When several calls are needed and none depends on another's result, make them all at once.")
    else:
        lines.append("Make exactly one call." if choice.forced else "Make at most one call.")
    lines.append("Use only the tools listed above, with exactly these names, and every required argument.")
    lines.append(
        "Take arguments from the conversation; if a required one is missing and cannot be inferred, ask for it."
    )
    if choice.forced:
        lines.pop()
    lines.append("Stop after the calls and wait for their results; never write results yourself.")
    return "\n".join(f"- {line}" for line in lines)


def example_arguments(tool: ToolDefinition) -> JsonObject:
    """Return arguments that show the form of a call: the required parameters, else the first one."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict) or not properties:
        return {}
    required = tool.parameters.get("required")
    names = [name for name in required if name in properties] if isinstance(required, list) else []
    return {str(name): _example(properties[str(name)]) for name in names or list(properties)[:1]}


def _example(schema: JsonValue, depth: int = 4) -> JsonValue:
    if not isinstance(schema, dict):
        return "..."
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        values = schema.get(key)
        if isinstance(values, list) and values:
            return values[0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" and depth:
        return _example_object(schema, depth)
    if kind == "array" and depth:
        return [_example(schema.get("items"), depth - 1)]
    scalars: dict[str, JsonValue] = {
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "null": None,
        "object": {},
        "array": [],
    }
    return scalars.get(str(kind), "...")


def _example_object(schema: JsonObject, depth: int) -> JsonValue:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {str(name): _example(properties.get(str(name)), depth - 1) for name in required}
