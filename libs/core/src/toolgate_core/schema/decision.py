"""The decision schema: "this call or this answer", in the part of JSON Schema that grammars know.

A grammar that meets a keyword it does not know refuses the whole request, so what goes upstream is reduced to the
keywords below. Reducing only ever allows more (our validator still holds the call to the whole schema), with one
exception: an object that declares its properties and says nothing of others is closed, so that none can be invented.
`pattern`, `format` and lengths are left out: their support differs between grammars, and they are slow in most.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from toolgate_core.jsontext import JsonObject, JsonValue, decode
from toolgate_core.messages import ToolChoice, ToolDefinition
from toolgate_core.recall import recall
from toolgate_core.schema.aliases import plain
from toolgate_core.schema.references import follow
from toolgate_core.schema.toolset import compiled

_KEPT = (
    "type",
    "enum",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
)
_OPAQUE = ("enum", "const", "default", "examples")
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_ROOT_ONLY = ("$defs", "definitions", "$schema", "$id")
_ANY: JsonObject = {}


def decision_schema(
    tools: Sequence[ToolDefinition], choice: ToolChoice, *, parallel: bool, answer_schema: JsonObject | None = None
) -> JsonObject:
    """Return the JSON Schema of a decision, byte-stable for the same arguments.

    `answer_schema` is what the client wants the answer to be; a string unless given. Under required and named there is
    no answer; only tools that `choice` permits can be called.
    """
    hoist = _Hoist()
    single = not parallel or choice.mode == "named"
    call = _branch("call", "calls", _calls([tool for tool in tools if choice.permits(tool.name)], hoist, single=single))
    if choice.forced:
        return hoist.finish(call)
    answer: JsonValue = {"type": "string"} if answer_schema is None else hoist.whole(answer_schema)
    return hoist.finish({"anyOf": [call, _branch("answer", "answer", answer)]})


def decision_for(tools_json: bytes, choice: ToolChoice, *, parallel: bool, answer_json: bytes) -> JsonObject:
    """Return the same for JSON texts (`answer_json` empty: a string), shared: it must not be changed."""
    return recall(_decision_for, tools_json, answer_json, choice=choice, parallel=parallel)


@lru_cache(maxsize=128)
def _decision_for(tools_json: bytes, answer_json: bytes, *, choice: ToolChoice, parallel: bool) -> JsonObject:
    answer = decode(answer_json) if answer_json else None
    answer_schema = answer if isinstance(answer, dict) else None
    return decision_schema(compiled(tools_json).definitions, choice, parallel=parallel, answer_schema=answer_schema)


def _branch(action: str, key: str, value: JsonValue) -> JsonObject:
    return {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": [action]}, key: value},
        "required": ["action", key],
        "additionalProperties": False,
    }


def _calls(tools: Sequence[ToolDefinition], hoist: _Hoist, *, single: bool) -> JsonObject:
    forms: list[JsonValue] = [_call(tool, hoist) for tool in tools]
    calls: JsonObject = {"type": "array", "minItems": 1}
    if single:
        calls["maxItems"] = 1
    calls["items"] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return calls


def _call(tool: ToolDefinition, hoist: _Hoist) -> JsonObject:
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [tool.name]},
            "arguments": {"type": "object", **hoist.reduced(plain(tool.parameters))},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


class _Hoist:
    """Moves what references lead to into the `$defs` of one schema; names are numbers, so that none collide."""

    def __init__(self) -> None:
        self._defs: JsonObject = {}
        self._names: dict[tuple[int, str], str] = {}
        self._roots: list[JsonObject] = []

    def finish(self, schema: JsonObject) -> JsonObject:
        """Return `schema` with everything that was hoisted."""
        return {**schema, "$defs": self._defs} if self._defs else schema

    def reduced(self, root: JsonObject) -> JsonObject:
        """Return a tool's schema in the keywords that grammars know."""
        self._roots.append(root)
        target = root
        while "$ref" in target:  # a root that is only a reference: the arguments' own schema is wanted in place
            found = follow(target["$ref"], root)
            target = found if isinstance(found, dict) else _ANY
        return self._reduce(target, root)

    def whole(self, root: JsonObject) -> JsonValue:
        """Return a schema with all of its keywords, its references moved."""
        self._roots.append(root)
        return self._rewrite(root, root)

    def _refer(self, ref: JsonValue, root: JsonObject, *, reduce: bool) -> JsonObject:
        key = (len(self._roots), str(ref))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"d{len(self._names)}"
            self._defs[name] = None  # keeps the place: the target may lead back here
            target = follow(ref, root)
            self._defs[name] = self._reduce(target, root) if reduce else self._rewrite(target, root)
        return {"$ref": f"#/$defs/{name}"}

    def _rewrite(self, node: JsonValue, root: JsonObject) -> JsonValue:
        if isinstance(node, list):
            return [self._rewrite(member, root) for member in node]
        if not isinstance(node, dict):
            return node
        return {
            key: self._rewritten(key, value, root)
            for key, value in node.items()
            if node is not root or key not in _ROOT_ONLY
        }

    def _rewritten(self, keyword: str, value: JsonValue, root: JsonObject) -> JsonValue:
        if keyword == "$ref":
            return self._refer(value, root, reduce=False)["$ref"]
        if keyword in _MAPS and isinstance(value, dict):
            return {name: self._rewrite(member, root) for name, member in value.items()}
        return value if keyword in _OPAQUE else self._rewrite(value, root)

    def _reduce(self, node: JsonValue, root: JsonObject) -> JsonObject:
        if not isinstance(node, dict):
            return {}
        if "$ref" in node:
            return self._refer(node["$ref"], root, reduce=True)
        members = node.get("allOf")
        if isinstance(members, list) and len(members) == 1 and "properties" not in node:
            return self._reduce(members[0], root)
        # A boolean is an older draft's `exclusiveMinimum`, which says nothing by itself.
        reduced: JsonObject = {key: node[key] for key in _KEPT if key in node and not isinstance(node[key], bool)}
        if "const" in node:
            reduced["enum"] = [node["const"]]
        options = node.get("anyOf", node.get("oneOf"))
        if isinstance(options, list):
            reduced["anyOf"] = [self._reduce(option, root) for option in options if option is not False]
        self._object(node, root, reduced)
        self._array(node, root, reduced)
        return reduced

    def _object(self, node: JsonObject, root: JsonObject, reduced: JsonObject) -> None:
        named = node.get("properties")
        others = node.get("additionalProperties")
        if isinstance(named, dict):
            kept: JsonObject = {
                name: self._reduce(member, root) for name, member in named.items() if member is not False
            }
            reduced["properties"] = kept
            required = node.get("required")
            if isinstance(required, list):
                reduced["required"] = [name for name in required if name in kept]
            if others is None:
                others = False
        if others is not None and "patternProperties" not in node:
            reduced["additionalProperties"] = others if isinstance(others, bool) else self._reduce(others, root)

    def _array(self, node: JsonObject, root: JsonObject, reduced: JsonObject) -> None:
        items = node.get("items")
        if items is False:
            reduced["maxItems"] = 0
        elif isinstance(items, dict) and "prefixItems" not in node:
            reduced["items"] = self._reduce(items, root)
