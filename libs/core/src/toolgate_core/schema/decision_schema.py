"""The decision schema: "this call or this answer", in the part of JSON Schema that grammars know.

A grammar refuses the whole request for one unknown keyword, so the schemas of tools are reduced (see `reduction`); our
validator still checks each call against the whole schema. `pattern`, `format` and lengths of arguments are dropped:
grammars differ in their support, and are slow at them.

The schema is byte-stable for the same tools, so that an upstream's caches of prefixes and grammars hit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from toolgate_core.cache import Cache
from toolgate_core.jsontext import JsonObject, JsonValue, decode
from toolgate_core.limits import MAX_REMEMBERED_DECISIONS_BYTES
from toolgate_core.schema.aliases import normalize
from toolgate_core.schema.reduction import (
    Change,
    RewriteReference,
    as_current_draft,
    has_refused_keywords,
    loosen,
    reduce,
    rewrite_references,
)
from toolgate_core.schema.references import follow
from toolgate_core.schema.toolset import compiled
from toolgate_core.types.requests import ToolChoice, ToolDefinition

# Keywords of a document: definitions are moved, and `$id` would change what `#/…` refers to.
_ROOT_ONLY = ("$defs", "definitions", "$schema", "$id")
_ANY: JsonObject = {}
_Key: TypeAlias = tuple[bytes, bytes, ToolChoice, bool]


def decision_schema(
    tools: Sequence[ToolDefinition], choice: ToolChoice, *, parallel: bool, answer_schema: JsonObject | None = None
) -> JsonObject:
    """Return the JSON Schema of a decision, byte-stable for the same arguments.

    Only tools that `choice` permits can be called; under `required` and a named choice there is no answer. `parallel`:
    more than one call is allowed. `answer_schema` is the schema of the answer (None: a string).
    """
    hoist = Hoist()
    # OpenAI's named choice is one call of that function.
    single = not parallel or choice.mode == "named"
    call = _branch("call", "calls", _calls([tool for tool in tools if choice.permits(tool.name)], hoist, single=single))
    # Without the answer among the alternatives the grammar itself forces the call.
    if choice.forced:
        return hoist.finish(call)
    # The client's own schema is kept as far as a server takes it, since it asked for exactly this one.
    answer: JsonValue = {"type": "string"} if answer_schema is None else hoist.rewritten(answer_schema)
    return hoist.finish({"anyOf": [call, _branch("answer", "answer", answer)]})


def decision_for(tools_json: bytes, choice: ToolChoice, *, parallel: bool, answer_json: bytes) -> JsonObject:
    """Return the same from JSON texts (`answer_json` empty: a string); it is cached, so callers must not change it."""
    return _DECISIONS.get((tools_json, answer_json, choice, parallel))


def _decision(key: _Key) -> JsonObject:
    tools_json, answer_json, choice, parallel = key
    answer = decode(answer_json) if answer_json else None
    answer_schema = answer if isinstance(answer, dict) else None
    return decision_schema(compiled(tools_json).definitions, choice, parallel=parallel, answer_schema=answer_schema)


def _branch(action: str, key: str, value: JsonValue) -> JsonObject:
    return {
        "type": "object",
        # `action` comes first, so that the choice is made, and a stream can be read, before the contents. An `enum` of
        # one replaces `const`, which not every grammar knows.
        "properties": {"action": {"type": "string", "enum": [action]}, key: value},
        "required": ["action", key],
        "additionalProperties": False,
    }


def _calls(tools: Sequence[ToolDefinition], hoist: Hoist, *, single: bool) -> JsonObject:
    forms: list[JsonValue] = [_call(tool, hoist) for tool in tools]
    calls: JsonObject = {"type": "array", "minItems": 1}
    if single:
        calls["maxItems"] = 1
    # An `anyOf` of one would only make the grammar larger.
    calls["items"] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return calls


def _call(tool: ToolDefinition, hoist: Hoist) -> JsonObject:
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [tool.name]},
            # The type is stated even where the tool's schema leaves it out.
            "arguments": {"type": "object", **hoist.reduced(tool.parameters)},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


class Hoist:
    """Moves the targets of references into the `$defs` of one schema, under numbered names that cannot collide.

    Targets are written from a queue, after everything else: a chain of references can be longer than the stack.
    """

    def __init__(self) -> None:
        self._defs: JsonObject = {}
        self._names: dict[tuple[int, str], str] = {}
        self._waiting: deque[Callable[[], None]] = deque()
        self._roots = 0

    def finish(self, schema: JsonObject) -> JsonObject:
        """Return `schema` with the definitions of all its references."""
        while self._waiting:
            self._waiting.popleft()()
        return {**schema, "$defs": self._defs} if self._defs else schema

    def reduced(self, schema: JsonObject) -> JsonObject:
        """Return a tool's schema in the keywords that every grammar knows."""
        root = as_current_draft(normalize(schema))
        refer = self._referrer(root, reduce)
        target = root
        while "$ref" in target:  # a root that is only a reference: arguments need their schema in place
            found = follow(target["$ref"], root)
            target = found if isinstance(found, dict) else _ANY
        return reduce(target, refer)

    def rewritten(self, schema: JsonObject) -> JsonValue:
        """Return a schema without the keywords that a server refuses, its references moved into `$defs`."""
        root = as_current_draft(normalize(schema))
        change = loosen if has_refused_keywords(root) else rewrite_references
        return change(_rootless(root), self._referrer(root, change))

    def _referrer(self, root: JsonObject, change: Change) -> RewriteReference:
        # Two tools can have different schemas under the same `$defs` name; the number of the root keeps them apart.
        self._roots += 1
        number = self._roots

        def refer(ref: JsonValue) -> JsonObject:
            key = (number, str(ref))
            name = self._names.get(key)
            if name is None:
                name = self._names[key] = f"d{len(self._names)}"
                # The order of `$defs` is that of the first use, which keeps the schema byte-stable.
                self._defs[name] = None  # keeps the place
                self._waiting.append(lambda: self._define(name, ref, root, change, refer))
            return {"$ref": f"#/$defs/{name}"}

        return refer

    def _define(
        self,
        name: str,
        ref: JsonValue,
        root: JsonObject,
        change: Change,
        refer: RewriteReference,
    ) -> None:
        target = follow(ref, root)
        # A reference to the root would otherwise copy its definitions into one of them.
        if target is root:
            target = _rootless(root)
        self._defs[name] = change(target, refer) if isinstance(target, dict | bool) else {}


def _rootless(root: JsonObject) -> JsonObject:
    return {key: value for key, value in root.items() if key not in _ROOT_ONLY}


def sendable(schema: JsonObject) -> JsonObject:
    """Return a schema without what makes a server refuse the request; the same object where nothing changes."""
    # Most schemas are clean; they are sent as the client's own object, in the client's own words.
    if normalize(schema) is schema and not has_refused_keywords(schema):
        return schema
    hoist = Hoist()
    sent = hoist.rewritten(schema)
    assert isinstance(sent, dict)
    return hoist.finish(sent)


_DECISIONS = Cache(
    _decision,
    # An estimate of the memory that the parsed JSON takes.
    cost=lambda key, _: 8 * (len(key[0]) + len(key[1])),
    max_cost=MAX_REMEMBERED_DECISIONS_BYTES,
)
