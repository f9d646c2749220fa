"""The text of a request's tools: as the key of caches, and in the form that servers accept.

Tools are most of a body, and the same in many requests: what their text means is worked out once.
"""

from __future__ import annotations

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.schema.definitions import NO_PARAMETERS


class ToolsText(Struct, frozen=True):
    """The `tools` of a request.

    `json`: their text without white space, the key of caches. `sent`: their text as it goes to servers.
    """

    value: JsonValue
    json: bytes
    sent: bytes


def tools_text(value: JsonValue, text: bytes = b"") -> ToolsText:
    """Return what `text` means, which was read as `value` and may be no list of tools; empty: it has to be written."""
    normal = _normal_tools(value)
    written = encode(value)
    return ToolsText(value, written, encode(normal) if normal is not None else text or written)


def _normal_tools(tools: JsonValue) -> list[JsonValue] | None:
    """Return the tools in the form that servers accept; None where they have it."""
    if not isinstance(tools, list):
        return None
    normal = [_normal_tool(tool) for tool in tools]
    if not any(normal):
        return None
    return [changed or tool for changed, tool in zip(normal, tools, strict=True)]


def _normal_tool(tool: JsonValue) -> JsonObject | None:
    """Return a tool without nulls and with parameters: OpenAI lets them be left out, other servers refuse that."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(function, dict):
        return None
    if function.get("parameters") and None not in function.values():
        return None
    cleaned = {key: value for key, value in function.items() if value is not None}
    return {**tool, "function": {**cleaned, "parameters": cleaned.get("parameters") or dict(NO_PARAMETERS)}}
