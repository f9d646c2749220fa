"""Values to what a JSON Schema asks for: by the schema alone, never by how a value looks.

A value that the schema accepts is returned as it is. What can't be made to fit is returned as it is, too; the
validator then says what is wrong. Nothing raises, and the work is bounded on recursive schemas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema.conversions import convert
from toolgate_core.schema.kinds import ORDER, accepts, declared, kind, possible
from toolgate_core.schema.references import follow
from toolgate_core.schema.relaxed import relax

MAX_STEPS = 20_000
"""Schemas applied to values in one coercion."""

MAX_LEVELS = 100
"""Schemas applied inside each other."""

_DROPPED = ("extra_dropped", "null_dropped")
_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
_SIZES = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}

_NAMES = {"integer": "number"}

_Cost: TypeAlias = tuple[int, int, int, int]


def coerce(value: JsonValue, schema: JsonValue, root: JsonObject) -> tuple[JsonValue, tuple[str, ...]]:
    """Return `value` made to fit `schema` and what was done to it, as tags without repetition.

    `root` is the whole schema in which `schema` stands; references are looked up there.
    """
    coercion = _Coercion(root)
    coerced = coercion.apply(value, schema)
    return coerced, tuple(dict.fromkeys(coercion.tags))


def coerce_text(text: str, schema: JsonValue, root: JsonObject) -> tuple[JsonValue, tuple[str, ...]]:
    """Return the value that `text` writes, for formats whose values are text without a type.

    Where the schema allows a string and nothing else, or anything at all, the text is the value. In a union with
    strings another type is taken only for its exact JSON form (`007` stays text). Tags say what had to be mended; text
    that is the JSON form of its type needs none.
    """
    types = possible(schema, root)
    if not types or types == ("string",):
        return coerce(text, schema, root)
    stripped = text.strip()
    try:
        exact = decode(stripped)
    except JsonTextError:
        return _mended(text, schema, root, types)
    if "string" in types:
        return coerce(exact if kind(exact) != "string" and accepts(types, exact) else text, schema, root)
    whole_number = isinstance(exact, float) and "number" not in types
    return coerce(stripped if whole_number else exact, schema, root)


def _mended(
    text: str, schema: JsonValue, root: JsonObject, types: tuple[str, ...]
) -> tuple[JsonValue, tuple[str, ...]]:
    if "string" in types:
        for wanted in ("null", "boolean"):  # python's words for them; every other text is a string here
            converted = convert(text, wanted) if wanted in types else None
            if converted:
                return converted[0], (converted[1],)
        return coerce(text, schema, root)
    relaxed = relax(text)
    if relaxed is None:
        return coerce(text, schema, root)
    value, tags = coerce(relaxed[0], schema, root)
    return value, tuple(dict.fromkeys((*relaxed[1], *tags)))


class _Coercion:
    """One coercion: what was done so far, and how many rules the result still breaks."""

    def __init__(self, root: JsonObject) -> None:
        self.tags: list[str] = []
        self._root = root
        self._problems = 0
        self._steps = 0

    def apply(self, value: JsonValue, schema: JsonValue, level: int = 0) -> JsonValue:
        """Return `value` made to fit `schema`."""
        self._steps += 1
        if not isinstance(schema, dict) or level > MAX_LEVELS or self._steps > MAX_STEPS:
            self._problems += schema is False
            return value
        if "$ref" in schema:
            value = self.apply(value, follow(schema["$ref"], self._root), level + 1)
        for member in _list(schema.get("allOf")):
            value = self.apply(value, member, level + 1)
        value = self._typed(value, schema)
        for keyword in ("anyOf", "oneOf"):
            value = self._best(value, _list(schema.get(keyword)), level)
        if isinstance(value, dict):
            value = self._members(value, schema, level)
        elif isinstance(value, list):
            value = self._items(value, schema, level)
        self._problems += _broken(value, schema)
        return value

    def _typed(self, value: JsonValue, schema: JsonObject) -> JsonValue:
        options = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        if options and not any(_same(value, option) for option in options):
            match = _option(value, options)
            if match:
                self.tags.append(match[1])
                return match[0]
        types = declared(schema)
        if accepts(types, value):
            return value
        for wanted in types:
            converted = convert(value, wanted)
            if converted:
                self.tags.append(converted[1])
                return converted[0]
        return value

    def _best(self, value: JsonValue, members: list[JsonValue], level: int) -> JsonValue:
        """Return `value` as the member takes it that leaves the fewest problems and changes the least."""
        if not members:
            return value
        tags, problems = self.tags, self._problems
        found: list[tuple[_Cost, JsonValue, list[str]]] = []
        for member in members:
            self.tags, self._problems = [], 0
            result = self.apply(value, member, level + 1)
            dropped = sum(tag in _DROPPED for tag in self.tags)
            cost = (self._problems, dropped, len(self.tags), ORDER.index(kind(result)))
            found.append((cost, result, self.tags))
        cost, result, added = min(found, key=_cost)
        self.tags, self._problems = tags + added, problems + cost[0]
        return result

    def _members(self, value: JsonObject, schema: JsonObject, level: int) -> JsonObject:
        properties, required = _dict(schema.get("properties")), _list(schema.get("required"))
        others: JsonValue = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        result: JsonObject = {}
        changed = False
        for key, member in value.items():
            if others is False and key not in properties:
                self.tags.append("extra_dropped")
                changed = True
                continue
            problems = self._problems
            coerced = self.apply(member, properties.get(key, others), level + 1)
            if member is None and self._problems > problems and key not in required:
                self._problems = problems
                self.tags.append("null_dropped")
                changed = True
                continue
            changed = changed or coerced is not member
            result[key] = coerced
        return result if changed else value

    def _items(self, value: list[JsonValue], schema: JsonObject, level: int) -> list[JsonValue]:
        first = _list(schema.get("prefixItems"))
        rest = schema.get("items", True)
        result = [
            self.apply(item, first[place] if place < len(first) else rest, level + 1)
            for place, item in enumerate(value)
        ]
        return result if any(new is not old for new, old in zip(result, value, strict=True)) else value


def _cost(found: tuple[_Cost, JsonValue, list[str]]) -> _Cost:
    return found[0]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _dict(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _same(left: JsonValue, right: JsonValue) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _option(value: JsonValue, options: list[JsonValue]) -> tuple[JsonValue, str] | None:
    """Return the one option that `value` writes with another case, spacing or type."""
    if isinstance(value, list | dict):
        return None
    folded = _folded(value)
    matches = [option for option in options if not isinstance(option, list | dict) and _folded(option) == folded]
    if len(matches) != 1:
        return None
    old, new = (_NAMES.get(kind(one), kind(one)) for one in (value, matches[0]))
    if old == new:
        return matches[0], "enum_case"
    return matches[0], f"{old}_to_{kind(matches[0])}"


def _folded(value: JsonValue) -> str:
    return "".join((value if isinstance(value, str) else encode_str(value)).casefold().split())


def _broken(value: JsonValue, schema: JsonObject) -> int:
    """Return how many of the rules that decide between the members of a union `value` breaks."""
    options = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    broken = int(bool(options) and not any(_same(value, option) for option in options))
    broken += not accepts(declared(schema), value)
    if isinstance(value, dict):
        return broken + sum(key not in value for key in _list(schema.get("required")))
    if isinstance(value, str | list):
        low, high = (schema.get(keyword) for keyword in _SIZES[kind(value)])
        broken += isinstance(low, int) and len(value) < low
        broken += isinstance(high, int) and len(value) > high
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, holds in _BOUNDS.items():
            bound = schema.get(keyword)
            broken += isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(value, bound)
    return broken
