"""JSON Schemas that vLLM's grammar backend refuses, with its messages: unsupported and unsatisfiable ones.

The engine compiles a schema when the request reaches it, so that a streamed request is refused inside its stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from toolgate_simulator.faults import RefusedError, internal
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.regex_faults import regex_fault
from toolgate_simulator.values import Json

FORMATS: Final = frozenset(
    {
        "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "uri-reference",
        "uri-template", "json-pointer", "relative-json-pointer", "unknown",
    }
)  # fmt: skip
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_UNIMPLEMENTED: Final = {
    "array": ("contains", "maxContains", "minContains", "uniqueItems"),
    "object": ("propertyNames",),
}
_SIZES: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_MOST_DEPTH = 64


class _SchemaError(Exception):
    """The backend cannot make a grammar of the schema."""


class _CannotDoError(_SchemaError):
    """It lacks a keyword or a format; the other backend, which strict tools use, does not look at those."""


def check_schema(schema: Any) -> None:
    """Raise `RefusedError` for a schema of an answer of which no grammar can be made."""
    _check_bounds(schema)
    try:
        _refuse_unsatisfiable(_Compiler(schema).compile(schema, 0))
    except _SchemaError as error:
        message = f"Grammar error: {error}"
        raise RefusedError(message, late=True) from None


def check_strict_tool(schema: Any) -> None:
    """Raise `RefusedError` for parameters of a strict tool of which no grammar can be made: it is not said why."""
    compiler = _Compiler(schema, lenient=True)
    try:
        failed = bool(compiler.compile(schema, 0)) or _largest(schema) > _HIGHEST
    except _SchemaError:
        failed = True
    if failed:
        message = "Invalid grammar specification: 'triggers'"
        raise RefusedError(message, late=True)


def _refuse_unsatisfiable(reason: str) -> None:
    if reason:
        message = f"Unsatisfiable schema: {reason}"
        raise _SchemaError(message)


def _check_bounds(schema: Any) -> None:
    """A number beyond 64 bits ends the making of the grammar without a word; a `minimum` is clamped instead."""
    largest = _largest(schema)
    if largest > _HIGHEST:
        raise internal("" if largest >= 2**64 else "Internal server error")


def _largest(value: Any, key: str = "", depth: int = 0) -> int:
    if depth > _MOST_DEPTH or key in ("minimum", "exclusiveMinimum", *_SIZES):
        return 0
    if isinstance(value, dict):
        return max((_largest(inner, name, depth + 1) for name, inner in value.items()), default=0)
    if isinstance(value, list):
        return max((_largest(inner, "", depth + 1) for inner in value), default=0)
    return value if isinstance(value, int) else 0


class _Compiler:
    """Goes through a schema as the backend does: in its order, along `$ref`, each definition once."""

    def __init__(self, root: Any, *, lenient: bool = False) -> None:
        self._root = root
        self._lenient = lenient
        self._open: set[int] = set()

    def compile(self, schema: Any, depth: int) -> str:
        """Return why nothing satisfies a schema; empty where something does.

        Raises:
            _SchemaError: the schema is none, or uses what the backend lacks.
        """
        if isinstance(schema, bool):
            return "" if schema else "schema is false"
        if not isinstance(schema, dict):
            message = "schema must be an object or boolean"
            raise _SchemaError(message)
        if depth > _MOST_DEPTH or id(schema) in self._open:
            return ""
        self._open.add(id(schema))
        try:
            return self._object(schema, depth)
        finally:
            self._open.discard(id(schema))

    def _object(self, schema: Json, depth: int) -> str:
        if "$ref" in schema:
            return self._referred(schema["$ref"], depth)
        types = _types(schema)
        self._check_keywords(schema, types)
        if "enum" in schema:
            return "" if schema["enum"] else "enum is empty"
        reasons = [one(schema, types, depth) for one in self._parts()]
        return next((reason for reason in reasons if reason), "")

    def _parts(self) -> tuple[Callable[[Json, list[str], int], str], ...]:
        return (self._properties, self._items, self._numbers, self._lengths, self._options, self._all)

    def _referred(self, reference: Any, depth: int) -> str:
        if not isinstance(reference, str):
            message = f"$ref must be a string, got {dumps(reference)}"
            raise _SchemaError(message)
        if not reference.startswith("#"):
            return ""
        node = self._root
        for part in reference[1:].strip("/").split("/") if reference.strip("#/") else []:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                message = f"Pointer '{reference[1:]}' does not exist"
                raise _SchemaError(message)
            node = node[key]
        if id(node) in self._open and isinstance(node, dict) and not node.keys() - {"$ref", "allOf", "$defs"}:
            raise internal("Internal server error")
        return self.compile(node, depth + 1)

    def _check_keywords(self, schema: Json, types: list[str]) -> None:
        lacking = [key for kind, keys in _UNIMPLEMENTED.items() if kind in types for key in keys]
        found = [key for key in lacking if schema.get(key) not in (None, False)]
        if found and not self._lenient:
            message = f"Unimplemented keys: {dumps(sorted(found))}"
            raise _CannotDoError(message)
        shape = schema.get("format")
        if isinstance(shape, str) and "string" in types and shape not in FORMATS and not self._lenient:
            message = f"Unknown format: {shape}"
            raise _CannotDoError(message)
        for fault in (*_wrong_values(schema), *_wrong_pattern(schema, types)):
            raise _SchemaError(fault)

    def _properties(self, schema: Json, types: list[str], depth: int) -> str:
        properties = schema.get("properties", {})
        if not isinstance(properties, dict):
            message = "properties must be an object"
            raise _SchemaError(message)
        for name, inner in properties.items():
            reason = self.compile(inner, depth + 1)
            if reason and types == ["object"] and name in schema.get("required", []):
                return f"required property '{name}' is unsatisfiable"
        return ""

    def _items(self, schema: Json, types: list[str], depth: int) -> str:
        fewest, prefix = schema.get("minItems", 0), schema.get("prefixItems", [])
        reasons = [self.compile(inner, depth + 1) for inner in prefix] if isinstance(prefix, list) else []
        after = self.compile(schema.get("items", True), depth + 1)
        if types != ["array"]:
            return ""
        if fewest > schema.get("maxItems", math.inf):
            return f"minItems ({fewest}) is greater than maxItems ({schema['maxItems']})"
        short = any(reasons[:fewest]) or (fewest > len(reasons) and after)
        return "required item is unsatisfiable" if short else ""

    def _numbers(self, schema: Json, types: list[str], _: int) -> str:
        if not types or not {"integer", "number"} >= set(types):
            return ""
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if low > high:
            return f"minimum ({low}) is greater than maximum ({high})"
        if types == ["integer"]:
            _check_range(schema)
        return ""

    @staticmethod
    def _lengths(schema: Json, types: list[str], _: int) -> str:
        low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        return f"minLength ({low}) is greater than maxLength ({high})" if types == ["string"] and low > high else ""

    def _options(self, schema: Json, _: list[str], depth: int) -> str:
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if options is None:
                continue
            if not isinstance(options, list):
                message = f"{key} must be an array"
                raise _SchemaError(message)
            reasons = [self.compile(option, depth + 1) for option in options]
            if reasons and all(reasons):
                return f"all options in {key} are unsatisfiable"
        return ""

    def _all(self, schema: Json, _: list[str], depth: int) -> str:
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return ""
        reasons = [self.compile(part, depth + 1) for part in parts]
        kinds = [set(_types(part)) for part in (schema, *parts) if isinstance(part, dict) and "$ref" not in part]
        clash = kinds and not set.intersection(*kinds)
        return next((reason for reason in reasons if reason), "type mismatch in allOf" if clash else "")


def _types(schema: Json) -> list[str]:
    declared = schema.get("type", sorted(_TYPES))
    types = [declared] if isinstance(declared, str) else declared
    if not isinstance(types, list) or not all(isinstance(one, str) for one in types):
        message = "type must be a string or array of strings"
        raise _SchemaError(message)
    for one in types:
        if one not in _TYPES:
            message = f"Invalid type: {one}"
            raise _SchemaError(message)
    return types


def _wrong_values(schema: Json) -> Iterator[str]:
    """Yield what is wrong with the values of keywords."""
    if not isinstance(schema.get("required", []), list):
        yield f"Expected array for 'required', got {dumps(schema['required'])}"
    if "enum" in schema and not isinstance(schema["enum"], list):
        yield "enum must be an array"
    for key in _SIZES:
        value = schema.get(key)
        if value is not None and not _is_size(value):
            yield f"Expected positive integer for '{key}', got {_as_number(value)}"
    for key in _BOUNDS:
        if isinstance(schema.get(key), (bool, str, list, dict)):
            yield f"Expected f64 for '{key}', got {dumps(schema[key])}"
    if schema.get("multipleOf") == 0:
        yield "invalid multiple of"


def _wrong_pattern(schema: Json, types: list[str]) -> Iterator[str]:
    pattern = schema.get("pattern")
    if pattern is None or "string" not in types:
        return
    if not isinstance(pattern, str):
        yield f"Expected string for 'pattern', got {dumps(pattern)}"
    elif fault := regex_fault(pattern):
        yield fault


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value == value // 1 <= _HIGHEST


def _as_number(value: Any) -> str:
    large = isinstance(value, (int, float)) and abs(value) > _HIGHEST
    return dumps(value) if not large else f"{float(value):.0e}".replace("+", "")


def _check_range(schema: Json) -> None:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = max(schema["exclusiveMinimum"] + 1, low if low is not None else -math.inf)
    if "exclusiveMaximum" in schema:
        high = min(schema["exclusiveMaximum"] - 1, high if high is not None else math.inf)
    beyond = low is not None and not _LOWEST <= low <= _HIGHEST
    if beyond or (low is not None and high is not None and low > high):
        message = f"Failed to generate regex for integer range: min={_option(low)}, max={_option(high)}"
        raise _SchemaError(message)


def _option(value: Any) -> str:
    return "None" if value is None else f"Some({int(min(max(value, _LOWEST), _HIGHEST))})"
