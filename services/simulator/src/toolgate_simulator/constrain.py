"""Answers under a JSON Schema: the calls that it allows, and a value of it that expresses a decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from toolgate_simulator.fill import Source, fill
from toolgate_simulator.forms import ARGUMENT_KEYS, NAME_KEYS
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.schema_walk import branches, choices_of, properties_of, required_of, resolve, types_of
from toolgate_simulator.values import ANSWER_KEYS, MISSING, Call, Decision, Json, ToolSpec

ANY = "*"
_CALL_WORDS = frozenset(
    {
        "call",
        "tool",
        "tool_call",
        "tool_calls",
        "call_tool",
        "call_tools",
        "function",
        "function_call",
        "use_tool",
        "tool_use",
        "act",
        "invoke",
        "yes",
    }
)
ANSWER_WORDS = frozenset(
    {
        "answer",
        "respond",
        "response",
        "final",
        "final_answer",
        "reply",
        "text",
        "message",
        "direct",
        "none",
        "no_tool",
        "chat",
        "no",
        "finish",
    }
)
_THOUGHT_KEYS = frozenset(
    {"thought", "thoughts", "reasoning", "reason", "rationale", "explanation", "thinking", "plan", "analysis"}
)
_FLAG_KEYS = frozenset(
    {"needs_tool", "use_tool", "call_tool", "requires_tool", "should_call", "is_tool_call", "tool_needed"}
)
_MAX_DEPTH = 5


@dataclass(frozen=True)
class CallSlot:
    """Where a call object keeps the name and the arguments, and which names it takes (`*` for any)."""

    name_key: str
    arguments_key: str
    names: frozenset[str]


def call_slot(schema: Json, root: Json) -> CallSlot | None:
    """Return where a schema's object keeps a call; None when it is not the schema of a call."""
    properties = properties_of(schema)
    arguments_key = next((key for key in ARGUMENT_KEYS if key in properties), None)
    for name_key in NAME_KEYS:
        if name_key not in properties or arguments_key is None:
            continue
        inner = resolve(properties[name_key], root)
        choices = choices_of(inner)
        given = frozenset(one for one in choices or [] if isinstance(one, str))
        # A tool may be named like an answer; beside other names, or without arguments, the word stands for one.
        takes = properties_of(resolve(properties[arguments_key], root))
        names = given if takes and given <= ANSWER_WORDS else given - ANSWER_WORDS - _CALL_WORDS
        if names or (choices is None and "string" in types_of(inner)):
            return CallSlot(name_key, arguments_key, names or frozenset({ANY}))
    return None


def callable_names(schema: Json, root: Json, depth: int = 0) -> frozenset[str]:
    """Return the names that calls in a value of `schema` may have; `*` among them stands for any."""
    if depth > _MAX_DEPTH:
        return frozenset()
    found: frozenset[str] = frozenset()
    for option in branches(schema, root):
        slot = call_slot(option, root)
        if slot:
            found |= slot.names
            continue
        inner = [*properties_of(option).values()]
        if isinstance(option.get("items"), dict):
            inner.append(option["items"])
        for one in inner:
            found |= callable_names(one, root, depth + 1)
    return found


def requires_call(schema: Json, root: Json, depth: int = 0) -> bool:
    """Whether every value of `schema` holds a call."""
    return depth <= _MAX_DEPTH and all(_branch_requires(option, root, depth) for option in branches(schema, root))


def _branch_requires(option: Json, root: Json, depth: int) -> bool:
    slot = call_slot(option, root)
    if slot:
        choices = choices_of(resolve(properties_of(option)[slot.name_key], root)) or []
        return not ((ANSWER_WORDS - slot.names) & {str(one) for one in choices})
    if isinstance(option.get("items"), dict):
        return int(option.get("minItems", 0)) > 0 and requires_call(option["items"], root, depth + 1)
    inner = properties_of(option)
    return any(requires_call(inner[name], root, depth + 1) for name in required_of(option) if name in inner)


def tools_in_schema(schema: Json, root: Json, depth: int = 0) -> list[ToolSpec]:
    """Return the tools that a schema itself describes: a fixed name beside a schema of arguments."""
    found: list[ToolSpec] = []
    for option in branches(schema, root) if depth <= _MAX_DEPTH else []:
        slot = call_slot(option, root)
        if slot:
            arguments = resolve(properties_of(option)[slot.arguments_key], root)
            carried: Json = {key: root[key] for key in ("$defs", "definitions") if key in root}
            found += [ToolSpec(name, "", {**carried, **arguments}) for name in sorted(slot.names - {ANY})]
            continue
        for one in [*properties_of(option).values(), option.get("items")]:
            if isinstance(one, dict):
                found += tools_in_schema(one, root, depth + 1)
    return found


@dataclass
class _Writer:
    root: Json
    decision: Decision
    source: Source
    at: int = 0

    def value(self, schema: Json, name: str, depth: int) -> Any:
        option = self._branch(schema)
        slot = call_slot(option, self.root)
        if depth > _MAX_DEPTH:
            return fill(option, self.root, self.source, name, depth=depth)
        if slot and self.decision.calls:
            return self._call(option, slot)
        if "object" in types_of(option):
            return self._object(option, depth)
        if "array" in types_of(option) and self.decision.calls and callable_names(option, self.root):
            return self._calls(option, depth)
        return self._leaf(option, name, depth)

    def _branch(self, schema: Json) -> Json:
        options = branches(schema, self.root)
        return max(options, key=self._suits) if len(options) > 1 else options[0]

    def _suits(self, option: Json) -> int:
        names = callable_names(option, self.root)
        if self.decision.calls:
            wanted = self.decision.calls[min(self.at, len(self.decision.calls) - 1)].name
            return 2 if wanted in names else 1 if ANY in names else 0
        if types_of(option) == ["null"]:
            return 1
        return 0 if requires_call(option, self.root) else 3 if not names else 2

    def _call(self, option: Json, slot: CallSlot) -> Json:
        call = self.decision.calls[min(self.at, len(self.decision.calls) - 1)]
        schema = self._branch(properties_of(option)[slot.arguments_key])
        arguments: Any = dumps(call.arguments) if types_of(schema) == ["string"] else self._arguments(call, schema)
        carried = {slot.name_key: call.name, slot.arguments_key: arguments}
        written = {}
        for key, inner in properties_of(option).items():
            if key in carried:
                written[key] = carried[key]
            elif key in required_of(option):
                written[key] = (
                    self._nothing(inner, 1) if key in ANSWER_KEYS else self._leaf(self._branch(inner), key, 1)
                )
        return written

    def _arguments(self, call: Call, schema: Json) -> Json:
        properties = properties_of(schema)
        if not properties:
            return call.arguments
        closed = schema.get("additionalProperties") is False
        kept = {key: value for key, value in call.arguments.items() if key in properties or not closed}
        for key in required_of(schema):
            if key not in kept:
                kept[key] = fill(properties.get(key, {}), self.root, self.source, key, depth=1)
        return kept

    def _calls(self, option: Json, depth: int) -> list[Any]:
        most = min(len(self.decision.calls), int(option.get("maxItems", len(self.decision.calls))))
        written = []
        for self.at in range(most):
            written.append(self.value(option["items"], "", depth + 1))
        self.at = 0
        return written

    def _object(self, option: Json, depth: int) -> Json:
        needed = required_of(option)
        written: Json = {}
        for name, inner in properties_of(option).items():
            value = self._property(inner, name, required=name in needed, depth=depth)
            if value is not MISSING:
                written[name] = value
        return written

    def _property(self, schema: Json, name: str, *, required: bool, depth: int) -> Any:
        option = self._branch(schema)
        if callable_names(schema, self.root):
            if self.decision.calls:
                return self.value(schema, name, depth + 1)
            return self._nothing(schema, depth) if required else MISSING
        if name in ANSWER_KEYS and self.decision.calls and callable_names(self.root, self.root):
            return self._nothing(schema, depth) if required else MISSING
        if required or name in ANSWER_KEYS | _THOUGHT_KEYS or choices_of(option):
            return self.value(schema, name, depth + 1)
        return fill(schema, self.root, self.source, name, required=False, depth=depth + 1)

    def _nothing(self, schema: Json, depth: int) -> Any:
        kinds = [kind for option in branches(schema, self.root) for kind in types_of(option)]
        empty: dict[str, Any] = {"null": None, "array": [], "string": ""}
        for kind, value in empty.items():
            if kind in kinds and kind != "object":
                return value
        return fill(schema, self.root, self.source, depth=depth + 1)

    def _leaf(self, option: Json, name: str, depth: int) -> Any:
        choices = choices_of(option)
        if choices is not None:
            return self._chosen(choices, option, name, depth)
        if name in _THOUGHT_KEYS and "string" in types_of(option):
            return self.decision.thought
        if name in ANSWER_KEYS and types_of(option) in ([], ["string"]):
            return self.decision.text
        if name in _FLAG_KEYS and "boolean" in types_of(option):
            return bool(self.decision.calls)
        return fill(option, self.root, self.source, name, depth=depth)

    def _chosen(self, choices: list[Any], option: Json, name: str, depth: int) -> Any:
        words = _CALL_WORDS if self.decision.calls else ANSWER_WORDS
        wanted = self.decision.calls[0].name if self.decision.calls else ""
        for choice in choices:
            if str(choice).lower() in words or (wanted and choice == wanted):
                return choice
        return fill(option, self.root, self.source, name, depth=depth)


def fulfil(schema: Json, decision: Decision, source: Source) -> Any:
    """Return a value of `schema` that carries the decision: the calls where it has room for them, or the answer."""
    if not callable_names(schema, schema):
        decision = replace(decision, calls=())
    return _Writer(schema, decision, replace(source, says=decision.text)).value(schema, "answer", 0)
