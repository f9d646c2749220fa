"""OpenAI's rules for a schema that is declared `strict: true` (guide "Structured model outputs", supported schemas).

Hosted OpenAI refuses any other schema under `strict`, so that the gateway refuses it too, with the field at fault, and
adds `strict` by itself only where these rules hold (`strict_allows`).

What bounds the cost: one walk over the schema; references are not followed.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_SCHEMA_NESTING
from toolgate_core.schema.compiling import SchemaError

# The guide's limits on the size and the depth of a schema.
MAX_PROPERTIES = 5_000
MAX_LEVELS = 10
MAX_ENUM_VALUES = 1_000
MAX_LONG_ENUM_CHARS = 15_000
MAX_STRING_CHARS = 120_000

# The guide's list of composition keywords that strict mode does not support; `anyOf` is allowed below the root.
_FORBIDDEN = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")


def check_strict(schema: JsonObject) -> None:
    """Raise `SchemaError` where `schema` is not allowed under `strict: true`."""
    if schema.get("type") != "object" or "anyOf" in schema:
        raise SchemaError("under strict, the root must be of type 'object' and not an 'anyOf'")
    walk = _StrictWalk()
    walk.visit(schema, "", 1, 0)
    walk.check()


def strict_allows(schema: JsonObject) -> bool:
    """Return whether `schema` may be declared `strict: true`."""
    try:
        check_strict(schema)
    except SchemaError:
        return False
    return True


class _StrictWalk:
    """Walks a strict schema and counts what OpenAI limits."""

    def __init__(self) -> None:
        self.properties = 0
        self.enum_values = 0
        self.chars = 0

    def check(self) -> None:
        """Raise `SchemaError` when a sum is beyond its limit."""
        for total, limit, what in (
            (self.properties, MAX_PROPERTIES, "properties"),
            (self.enum_values, MAX_ENUM_VALUES, "enum values"),
            (self.chars, MAX_STRING_CHARS, "characters in names and enum values"),
        ):
            if total > limit:
                raise SchemaError(f"under strict, at most {limit} {what} are allowed")

    def visit(self, node: JsonValue, where: str, level: int, depth: int) -> None:
        """Check one schema: `level` counts objects as OpenAI does, `depth` schemas."""
        # A schema that is too deep is refused by `compile_schema`, in its own words.
        if not isinstance(node, dict) or depth > MAX_SCHEMA_NESTING:
            return
        for keyword in _FORBIDDEN:
            if keyword in node:
                raise SchemaError(f"under strict, '{keyword}' is not permitted{where}")
        if level > MAX_LEVELS:
            raise SchemaError(f"under strict, at most {MAX_LEVELS} levels of nesting are allowed")
        self._values(node)
        properties = node.get("properties")
        named = properties if isinstance(properties, dict) else {}
        # `properties` make a schema one of an object, also where it leaves out the type.
        if node.get("type") == "object" or named:
            self._object(node, named, where)
        for name, child in named.items():
            self.visit(child, f" at '{name}'", level + 1, depth + 1)
        self._others(node, where, level, depth)

    def _others(self, node: JsonObject, where: str, level: int, depth: int) -> None:
        self.visit(node.get("items"), where, level, depth + 1)
        options = node.get("anyOf")
        for child in options if isinstance(options, list) else ():
            self.visit(child, where, level, depth + 1)
        for keyword in ("$defs", "definitions"):
            shared = node.get(keyword)
            for name, child in shared.items() if isinstance(shared, dict) else ():
                self.chars += len(name)
                # Definitions count their levels from their own root; references are not followed, which may allow more
                # than OpenAI.
                self.visit(child, f" in '{name}'", 1, depth + 1)

    def _object(self, node: JsonObject, named: JsonObject, where: str) -> None:
        if node.get("additionalProperties") is not False:
            raise SchemaError(f"under strict, 'additionalProperties' must be supplied and be false{where}")
        required = node.get("required")
        listed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        # Strict mode has no optional parameters: one that can be absent is written as a union with null.
        missing = [name for name in named if name not in listed]
        if missing:
            raise SchemaError(f"under strict, 'required' must list every property; missing '{missing[0]}'{where}")
        self.properties += len(named)
        self.chars += sum(map(len, named))

    def _values(self, node: JsonObject) -> None:
        options = node.get("enum")
        values = options if isinstance(options, list) else []
        chars = sum(len(value) for value in values if isinstance(value, str))
        # The limit of characters holds only for a long enum.
        if len(values) > 250 and chars > MAX_LONG_ENUM_CHARS:
            raise SchemaError(f"under strict, an enum of more than 250 values has at most {MAX_LONG_ENUM_CHARS} chars")
        self.enum_values += len(values)
        constant = node.get("const")
        self.chars += chars + (len(constant) if isinstance(constant, str) else 0)
