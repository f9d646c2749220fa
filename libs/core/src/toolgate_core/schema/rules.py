"""What decides between the members of a union: the rules that a value breaks, and what a discriminator names."""

from __future__ import annotations

from collections.abc import Callable

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.kinds import accepts, declared_types, type_of
from toolgate_core.schema.options import AllowedValues, allowed_values

_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
_SIZES = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}


def matching_members(value: JsonValue, schema: JsonObject, keyword: str) -> list[JsonValue]:
    """Return the members of a union, or only the one that the value's discriminator (OpenAPI) names."""
    found = schema.get(keyword)
    members = found if isinstance(found, list) else []
    rule = schema.get("discriminator")
    if not members or not isinstance(rule, dict) or not isinstance(value, dict):
        return members
    tag = value.get(str(rule.get("propertyName")))
    mapping = rule.get("mapping")
    named = mapping if isinstance(mapping, dict) else {}
    target = named.get(tag, tag) if isinstance(tag, str) else None
    if not isinstance(target, str):
        return members
    exact = [member for member in members if _reference(member) in (target, f"#/$defs/{target}")]
    close = [member for member in members if _reference(member).rsplit("/", 1)[-1] == target.rsplit("/", 1)[-1]]
    return next((one for one in (exact, close) if len(one) == 1), members)


def _reference(member: JsonValue) -> str:
    ref = member.get("$ref") if isinstance(member, dict) else None
    return ref if isinstance(ref, str) else ""


def count_violations(value: JsonValue, schema: JsonObject, allowed: AllowedValues | None = None) -> int:
    """Return how many of the rules that decide between the members of a union `value` breaks.

    `allowed` are the options of the schema, where they are at hand.
    """
    if allowed is None:
        allowed = AllowedValues(allowed_values(schema))
    broken = int(bool(allowed) and not allowed.contain(value))
    broken += not accepts(declared_types(schema), value)
    if isinstance(value, dict):
        required = schema.get("required")
        return broken + sum(key not in value for key in (required if isinstance(required, list) else ()))
    if isinstance(value, str | list):
        low, high = (schema.get(keyword) for keyword in _SIZES[type_of(value)])
        broken += isinstance(low, int) and len(value) < low
        broken += isinstance(high, int) and len(value) > high
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, holds in _BOUNDS.items():
            bound = schema.get(keyword)
            broken += isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(value, bound)
    return broken
