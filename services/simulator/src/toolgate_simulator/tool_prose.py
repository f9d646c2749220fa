"""Tools that a prompt describes in prose: Markdown headings, signatures, TypeScript types."""

from __future__ import annotations

import re

from toolgate_simulator.jsonfind import find_json
from toolgate_simulator.schema_walk import schema_of
from toolgate_simulator.values import Json, ToolSpec

_HEADING = re.compile(r"^#{1,5}[ \t]+(?:Tool:?[ \t]+|Function:?[ \t]+)?`?([A-Za-z_][\w.-]*)`?[ \t]*$", re.MULTILINE)
_BULLET = re.compile(
    r"^\s*[-*][ \t]+[`*]*([A-Za-z_]\w*)[`*]*[ \t]*"
    r"(?:\(([^)]*)\)|:[ \t]*(string|integer|number|boolean|array|object)\b)(.*)$",
    re.MULTILINE,
)
_SIGNATURE = re.compile(
    r"^[ \t]{0,12}(?:[-*]|\d+\.|def|function|async def)?[ \t]{0,4}`?([A-Za-z_]\w*)\(([^()]*)\)`?"
    r"(?:[ \t]*->[ \t]*\w+)?`?[ \t]*"
    r"(?:[:—–-]+[ \t]*(.*))?$",
    re.MULTILINE,
)
_TYPESCRIPT = re.compile(
    r"((?:^[ \t]*//[^\n]*\n)*)^[ \t]*type (\w+) = \((?:_: )?(\{.*?\})?\) => any;?", re.MULTILINE | re.DOTALL
)
_FIELD = re.compile(r"(?:^|[,;{\n])\s*(\w+)(\?)?\s*:\s*([^,;\n}]+)")
_LABEL = re.compile(r"^(?:\*\*)?(?:Description|Parameters|Arguments)\b", re.MULTILINE | re.IGNORECASE)
_MORE = re.compile(r"\s*(?:[-*{`]|(?:\*\*)?(?:Description|Parameters|Arguments)\b|$)")
_TYPES = {
    "str": "string", "string": "string", "text": "string", "int": "integer", "integer": "integer",
    "float": "number", "number": "number", "bool": "boolean", "boolean": "boolean",
    "list": "array", "array": "array", "dict": "object", "object": "object",
}  # fmt: skip


def find_in_prose(text: str) -> tuple[list[ToolSpec], str]:
    """Return the tools that a prompt describes in prose, and the prompt without them."""
    for reader in (_typescript, _headings, _signatures):
        found, rest = reader(text)
        if found:
            return found, rest
    return [], text


def _typescript(text: str) -> tuple[list[ToolSpec], str]:
    found = []
    for match in _TYPESCRIPT.finditer(text):
        comment = " ".join(line.strip().lstrip("/ ") for line in match.group(1).splitlines())
        body = re.sub(r"//[^\n]*", "", match.group(3) or "")
        found.append(ToolSpec(match.group(2), comment, _fields(body.strip("{} \n"))))
    return found, _TYPESCRIPT.sub("", text)


def _fields(body: str) -> Json:
    properties: Json = {}
    required = []
    for name, optional, kind in _FIELD.findall(body):
        properties[name] = _typed(kind.split("=")[0].strip())
        if not optional and "=" not in kind and "optional" not in kind.lower():
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _typed(kind: str) -> Json:
    words = re.findall(r"\"([^\"]+)\"|'([^']+)'", kind)
    if words and "|" in kind:
        return {"type": "string", "enum": [double or single for double, single in words]}
    if kind.endswith("[]"):
        return {"type": "array", "items": _typed(kind[:-2])}
    first = re.search(r"[a-z]+", kind.lower())
    return {"type": _TYPES.get(first.group() if first else "", "string")}


def _headings(text: str) -> tuple[list[ToolSpec], str]:
    marks = list(_HEADING.finditer(text))
    found = []
    rest = text[: marks[0].start()] if marks else text
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(text)
        body = text[mark.end() : end]
        own, after = _cut(body)
        if tool := _described(mark.group(1), own):
            found.append(tool)
            rest += f"\n\n{after}"
        else:
            rest += text[mark.start() : end]
    return found, rest


def _cut(body: str) -> tuple[str, str]:
    """Return what describes a tool, and the prose after the last list, label or JSON of its section."""
    paragraphs = body.split("\n\n")
    kept = 1
    while kept < len(paragraphs) and _MORE.match(paragraphs[kept]):
        kept += 1
    return "\n\n".join(paragraphs[:kept]), "\n\n".join(paragraphs[kept:])


def _described(name: str, body: str) -> ToolSpec | None:
    properties: Json = {}
    required = []
    for match in _BULLET.finditer(body):
        traits = match.group(2) or match.group(3)
        tail = match.group(4).lower()
        if not re.search(r"str|int|num|float|bool|list|arr|obj|dict|text", traits.lower()):
            continue
        properties[match.group(1)] = {**_typed(traits.split(",")[0]), "description": match.group(4).strip(" :-")}
        if "required" in f"{traits.lower()} {tail}" and "not required" not in tail:
            required.append(match.group(1))
    if not properties and not _LABEL.search(body):
        return None
    schemas = [schema_of(value) for _, _, value in find_json(body) if isinstance(value, dict)]
    if not properties and schemas and schemas[0]:
        return ToolSpec(name, body.strip(), schemas[0])
    return ToolSpec(name, body.strip(), {"type": "object", "properties": properties, "required": required})


def _signatures(text: str) -> tuple[list[ToolSpec], str]:
    found = []
    for match in _SIGNATURE.finditer(text):
        fields = _fields(match.group(2))
        if match.group(2).strip() and not fields["properties"]:
            continue
        after = text[match.end() : match.end() + 300]
        doc = re.match(r'\s*"""(.*?)"""', after, re.DOTALL)
        found.append(ToolSpec(match.group(1), (doc.group(1) if doc else match.group(3) or "").strip(), fields))
    return found, _SIGNATURE.sub("", text) if found else text
