"""What decides between the members of a union: the rules that a value violates, and the discriminator.

A full validation of each member would be exponential in nested unions. These rules look at the value alone, not into
it: type, enum, required keys, sizes and numeric bounds. The coercion adds up the violations of the parts.
"""

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
# Sizes of objects are left out: `required` decides between members that are objects.
_SIZES = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}


def matching_members(value: JsonValue, schema: JsonObject, keyword: str) -> list[JsonValue]:
    """Return the members of a union, or only the one that the value's discriminator names (OpenAPI 3.1, 4.8.25)."""
    found = schema.get(keyword)
    members = found if isinstance(found, list) else []
    rule = schema.get("discriminator")
    # Only objects carry a discriminator.
    if not members or not isinstance(rule, dict) or not isinstance(value, dict):
        return members
    tag = value.get(str(rule.get("propertyName")))
    mapping = rule.get("mapping")
    named = mapping if isinstance(mapping, dict) else {}
    # Without a mapping the value is the name of the schema.
    target = named.get(tag, tag) if isinstance(tag, str) else None
    if not isinstance(target, str):
        return members
    # A mapping gives a reference or a bare name, which is then a name in `$defs`.
    exact = [member for member in members if _reference(member) in (target, f"#/$defs/{target}")]
    # Schemas that were moved from OpenAPI keep `#/components/schemas/…` in their mapping; the last step still agrees.
    close = [member for member in members if _reference(member).rsplit("/", 1)[-1] == target.rsplit("/", 1)[-1]]
    # A discriminator that names none of the members, or several, is ignored rather than refused.
    return next((one for one in (exact, close) if len(one) == 1), members)


def _reference(member: JsonValue) -> str:
    ref = member.get("$ref") if isinstance(member, dict) else None
    return ref if isinstance(ref, str) else ""


def count_violations(value: JsonValue, schema: JsonObject, allowed: AllowedValues | None = None) -> int:
    """Return how many of these rules `value` violates.

    `allowed` are the schema's allowed values, where the caller has indexed them already.
    """
    if allowed is None:
        allowed = AllowedValues(allowed_values(schema))
    count = int(bool(allowed) and not allowed.contain(value))
    count += not accepts(declared_types(schema), value)
    if isinstance(value, dict):
        required = schema.get("required")
        # Each missing key counts, so that the member with most of its keys present wins.
        return count + sum(key not in value for key in (required if isinstance(required, list) else ()))
    if isinstance(value, str | list):
        low, high = (schema.get(keyword) for keyword in _SIZES[type_of(value)])
        count += isinstance(low, int) and len(value) < low
        count += isinstance(high, int) and len(value) > high
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, holds in _BOUNDS.items():
            bound = schema.get(keyword)
            # Draft 4 and OpenAPI 3.0 write `exclusiveMinimum: true`, which is not a bound by itself.
            count += isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(value, bound)
    return count
