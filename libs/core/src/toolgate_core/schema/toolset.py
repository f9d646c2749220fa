"""The compiled tools of a request: names, validators, and the tool that a model meant.

A toolset is compiled once for each text of `tools` and cached, since agents send the same tools with every request; the
cache is bounded by the memory of the validators. Compiling, checking a value and explaining its violations are native
calls that nothing interrupts, so that each is bounded in advance (`weights`, `effort`); what exceeds a bound is refused
or reported briefly.

A name is resolved without a guess: every step has only one possible result (`resolve`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from toolgate_core.cache import Cache
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import (
    MAX_INLINE_STEPS,
    MAX_PATTERN_STATES_PER_REQUEST,
    MAX_REMEMBERED_TOOLS_BYTES,
    MAX_SCHEMAS_PER_REQUEST,
    MAX_VIOLATIONS,
)
from toolgate_core.schema import names
from toolgate_core.schema.compiling import SchemaCheck, SchemaError, compile_schema
from toolgate_core.schema.definitions import parse_tools
from toolgate_core.schema.effort import explainable
from toolgate_core.schema.strict import check_strict
from toolgate_core.schema.violations import Violation, violation
from toolgate_core.schema.weights import Weights
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ToolDefinition


@dataclass(frozen=True, slots=True)
class Tool:
    """One declared tool and the validator of its parameters."""

    definition: ToolDefinition
    _check: SchemaCheck

    @property
    def parameters(self) -> JsonObject:
        """The JSON Schema of its arguments, an object schema."""
        return self.definition.parameters

    @property
    def weights(self) -> Weights:
        """The costs of its schema."""
        return self._check.weights

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that its validator takes; an estimate."""
        return self._check.kept_bytes

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that its schema requires at the root."""
        required = self.parameters.get("required")
        return tuple(str(name) for name in required) if isinstance(required, list) else ()

    def valid(self, value: JsonValue) -> bool:
        """Whether `value` is an object that the schema accepts; False for one that is too expensive to check."""
        return isinstance(value, dict) and self._check.is_valid(value)

    def violations(self, value: JsonValue) -> list[Violation]:
        """Return what is wrong with `value` as arguments, at most `MAX_VIOLATIONS`; empty when it is valid."""
        if self.valid(value):
            return []
        if not isinstance(value, dict):
            return [Violation("", "type", "the arguments must be a JSON object")]
        # Explaining costs more than validating (see `effort`); beyond its budget only the missing names are given.
        validator = self._check.within_budget(value)
        if validator is None or not explainable(value, self.parameters):
            return self._missing(value)
        try:
            return [violation(error) for error in islice(validator.iter_errors(value), MAX_VIOLATIONS)]
        # The validator raises for lone surrogates and for values deeper than its own limit.
        except ValueError:
            return [Violation("", "type", "the arguments are nested too deeply or hold text that is not Unicode")]

    def _missing(self, value: JsonObject) -> list[Violation]:
        """Return the missing parameters, where a full explanation is too expensive."""
        missing = islice((name for name in self.required if name not in value), MAX_VIOLATIONS)
        found = [Violation("", "required", f"{name} is required and missing") for name in missing]
        return found or [Violation("", "combinator", "the arguments do not match the schema of the parameters")]


class Toolset:
    """The declared tools, in their order. Immutable, so it may be shared and cached."""

    __slots__ = ("_folded", "_tools", "definitions", "heavy", "names")

    names: tuple[str, ...]
    definitions: tuple[ToolDefinition, ...]
    heavy: bool
    """Whether settling even a short call can take long, because of the schemas."""

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        # Toolsets are shared between requests and threads through the cache, so that nothing in them can change.
        self._tools = MappingProxyType({tool.definition.name: tool for tool in tools})
        self.names = tuple(self._tools)
        self.definitions = tuple(tool.definition for tool in tools)
        self._folded = MappingProxyType(names.index(self.names))
        weights = (tool.weights for tool in tools)
        self.heavy = any(weight.patterns or weight.steps > MAX_INLINE_STEPS for weight in weights)

    @classmethod
    def compile(cls, definitions: tuple[ToolDefinition, ...]) -> Toolset:
        """Compile every schema; raise `RequestError` (`invalid_function_parameters`) for one that cannot be used."""
        tools: list[Tool] = []
        schemas = states = 0
        for place, definition in enumerate(definitions):
            tool = _compile(definition, place)
            schemas, states = schemas + tool.weights.schemas, states + tool.weights.states
            # The sum is checked after each tool, so that no more than one schema is compiled beyond it.
            if schemas > MAX_SCHEMAS_PER_REQUEST or states > MAX_PATTERN_STATES_PER_REQUEST:
                raise _invalid(definition, place, "the schemas of all tools together are too large")
            tools.append(tool)
        return cls(tuple(tools))

    @property
    def kept_bytes(self) -> int:
        """Bytes of memory that the validators take, without the texts of the schemas; an estimate."""
        return sum(tool.kept_bytes for tool in self._tools.values())

    def get(self, name: str) -> Tool | None:
        """Return the tool of exactly this name."""
        return self._tools.get(name)

    def resolve(self, raw_name: str) -> tuple[Tool | None, tuple[str, ...]]:
        """Return the tool that a model meant by `raw_name`, and the tags of how it was found; None rather than a guess.

        In this order: the exact name; the name without leaked special tokens, white space, `functions.` and `:N`; the
        one tool whose name differs in case and punctuation alone; the name without a number at its end.
        """
        # The exact name wins, even one that looks like a prefix and a number (`step_2`).
        tool = self._tools.get(raw_name)
        if tool is not None:
            return tool, ()
        tags: tuple[str, ...] = ()
        name = raw_name
        for name, tag in names.cleaning_steps(raw_name):
            tags += (tag,)
            if name in self._tools:
                return self._tools[name], tags
        match = self._folded.get(names.fold(name))
        if match is not None:
            return self._tools[match], (*tags, "name_case")
        # Last, since a number at the end is part of many names.
        bare = self._tools.get(names.without_number(name))
        return (bare, (*tags, "name_suffix")) if bare is not None else (None, ())


def _compile(definition: ToolDefinition, place: int) -> Tool:
    try:
        # Only an explicit `strict: true` asks for OpenAI's rules; without it any schema is fine.
        if definition.strict:
            check_strict(definition.parameters)
        return Tool(definition, compile_schema(definition.parameters))
    except SchemaError as error:
        raise _invalid(definition, place, str(error)) from error


def _invalid(definition: ToolDefinition, place: int, why: str) -> RequestError:
    return RequestError(
        f"Invalid schema for function '{definition.name:.64}': {why}.",
        # OpenAI's `param` and `code` for a bad schema of a function.
        param=f"tools[{place}].function.parameters",
        code="invalid_function_parameters",
    )


EMPTY = Toolset(())
"""The toolset without a tool."""


def compiled(tools_json: bytes) -> Toolset:
    """Return the toolset of the JSON text of a `tools` array, cached.

    Raises `RequestError`, which is not cached.
    """
    return _COMPILED.get(tools_json)


def cached_toolset(tools_json: bytes) -> Toolset | None:
    """Return the toolset of a text from the cache; None where it has to be compiled first."""
    return _COMPILED.peek(tools_json)


def _compiled(tools_json: bytes) -> Toolset:
    return Toolset.compile(parse_tools(tools_json))


# Agents send the same tools with every request of a conversation.
_COMPILED = Cache(
    _compiled,
    cost=lambda text, toolset: toolset.kept_bytes + 8 * len(text),
    max_cost=MAX_REMEMBERED_TOOLS_BYTES,
)
