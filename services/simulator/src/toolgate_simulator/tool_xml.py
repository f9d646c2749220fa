"""Tools that a prompt describes as XML elements: `<tool><name>…`, `<function>…`, `<tool_description>…`."""

from __future__ import annotations

import json
import re
from html import unescape

from toolgate_simulator.values import Json, ToolSpec

_BLOCK = re.compile(r"<(tool|function|tool_description|invocation)>(.*?)</\1>", re.DOTALL)
_CLOSE = re.compile(r"</(?:tool|function|tool_description|invocation)>")
_PARAMETERS = re.compile(r"<parameters>(.*)</parameters>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter(?:\s+name=\"([^\"]+)\")?[^>]*>(.*?)</parameter>", re.DOTALL)
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}


def find_in_xml(text: str) -> tuple[list[ToolSpec], str]:
    """Return the tools that XML elements of a prompt describe, and the prompt without them."""
    found = []

    def take(match: re.Match[str]) -> str:
        tool = _read(match.group(2))
        if tool is None:
            return match.group()
        found.append(tool)
        return ""

    if not _CLOSE.search(text):
        return [], text
    rest = _BLOCK.sub(take, text)
    return found, rest


def _child(body: str, *names: str) -> str:
    for name in names:
        if match := re.search(rf"<{name}>(.*?)</{name}>", body, re.DOTALL):
            return unescape(match.group(1).strip())
    return ""


def _read(body: str) -> ToolSpec | None:
    inner = _PARAMETERS.search(body)
    outside = body.replace(inner.group(), "") if inner else body
    name = _child(outside, "name", "tool_name")
    if not re.fullmatch(r"[\w.:/-]+", name):
        return None
    return ToolSpec(name, _child(outside, "description"), _schema(inner.group(1) if inner else ""))


def _schema(text: str) -> Json:
    plain = text.strip()
    if plain.startswith("{"):
        for candidate in (plain, unescape(plain)):
            try:
                loaded = json.loads(candidate)
            except ValueError:
                continue
            if isinstance(loaded, dict):
                return {"properties": {}, **loaded}
    properties: Json = {}
    required = []
    for match in _PARAMETER.finditer(text):
        body = match.group(2)
        name = match.group(1) or _child(body, "name")
        kind = _child(body, "type").lower() or "string"
        properties[name] = {"type": _TYPES.get(kind, kind), "description": _child(body, "description")}
        if _child(body, "required").lower() in ("true", "yes"):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}
