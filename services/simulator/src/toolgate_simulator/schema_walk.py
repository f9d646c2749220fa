"""Small queries on the JSON Schemas of constraints and tools."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.values import Json

_MAX_HOPS = 16
_SCHEMA_WORDS = frozenset({"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"})
NO_PARAMETERS: Json = {"type": "object", "properties": {}, "required": []}


def resolve(schema: Any, root: Json, hops: int = _MAX_HOPS) -> Json:
    """Follow `$ref` and merge `allOf`, so that what stands directly in the schema can be looked at."""
    for left in range(hops, 0, -1):
        if not isinstance(schema, dict):
            return {}
        if isinstance(schema.get("$ref"), str):
            target = _lookup(schema["$ref"], root)
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        elif isinstance(schema.get("allOf"), list):
            schema = _merged(schema, root, left - 1)
        else:
            return schema
    return {}


def _lookup(reference: str, root: Json) -> Json:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            node = node.get(key, {}) if isinstance(node, dict) else {}
    return node if isinstance(node, dict) and node.get("$ref") != reference else {}


def _merged(schema: Json, root: Json, hops: int) -> Json:
    merged: Json = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        for key, value in resolve(part, root, hops).items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    return merged


def branches(schema: Json, root: Json) -> list[Json]:
    """Return the alternatives of a schema, each with what stands beside `anyOf`/`oneOf`; one when it has none."""
    schema = resolve(schema, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(options, list) or not options:
        return [schema]
    beside = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    found: list[Json] = []
    for option in options:
        inner = resolve(option, root)
        joined = {**beside, **inner}
        if "properties" in beside and "properties" in inner:
            joined["properties"] = {**beside["properties"], **inner["properties"]}
        if "required" in beside and "required" in inner:
            joined["required"] = [*beside["required"], *inner["required"]]
        found.append(joined)
    return found


def types_of(schema: Json) -> list[str]:
    """Return the types that a schema allows; what it implies where it names none; empty for any."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list):
        return [one for one in declared if isinstance(one, str)]
    if "properties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def choices_of(schema: Json) -> list[Any] | None:
    """Return the values that `const` or `enum` leaves; None when there is no such limit."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) and values else None


def properties_of(schema: Json) -> dict[str, Json]:
    """Return the properties of an object schema; what is not a schema object counts as any value."""
    declared = schema.get("properties")
    if not isinstance(declared, dict):
        return {}
    return {name: value if isinstance(value, dict) else {} for name, value in declared.items()}


def required_of(schema: Json) -> list[str]:
    """Return the names of an object schema's required properties."""
    declared = schema.get("required")
    return [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []


def schema_of(value: Any) -> Json | None:
    """Return parameters as a JSON Schema object; None for values that are arguments rather than a schema."""
    if value is None or value == {}:
        return NO_PARAMETERS
    if isinstance(value, list):
        return _from_list(value)
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("properties"), dict) or "$ref" in value:
        return {"properties": {}, **value}
    if value.get("type") == "object":
        return {**value, "properties": {}}
    if all(isinstance(one, dict) and _SCHEMA_WORDS & set(one) for one in value.values()):
        return _objects(value, [name for name, one in value.items() if one.get("required") is True])
    return None


def _from_list(value: list[Any]) -> Json | None:
    named = [one for one in value if isinstance(one, dict) and isinstance(one.get("name"), str)]
    properties = {one["name"]: {key: one[key] for key in one if key not in ("name", "required")} for one in named}
    return _objects(properties, [one["name"] for one in named if one.get("required")]) if named else None


def _objects(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required}
