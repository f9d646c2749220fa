"""Normalize schemas as people write them: type names of Python and other languages, OpenAPI's `nullable`.

Only words with one clear meaning are replaced, and no schema becomes stricter. A schema without such words is returned
as the same object, so that callers can compare by identity.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_TYPE_WORD, MAX_TYPES

NULL: JsonObject = {"type": "null"}

_WORDS = {
    "null": "null nil none nonetype",
    "integer": "integer int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 long short bigint",
    "number": "number float float16 float32 float64 double decimal num numeric",
    "boolean": "boolean bool",
    "object": "object dict dictionary map mapping hashmap struct",
    "array": "array list tuple set sequence vector",
    "string": "string str text varchar",
    "": "any unknown",
}
_TYPES = {word: name for name, words in _WORDS.items() for word in words.split()}
_IN_PLACE = ("$ref", "allOf", "anyOf", "oneOf")
_KEPT = ("$schema", "$defs", "definitions")
_SCHEMA = ("additionalProperties", "contains", "items", "additionalItems", "not", "if", "then", "else", "propertyNames",
           "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def json_type(name: str) -> str:
    """Return the JSON Schema type that `name` means: `name` itself for an unknown word, empty for any type."""
    if name in _WORDS:
        return name
    # No known word is longer; folding and searching a longer one would only cost time.
    if len(name) > MAX_TYPE_WORD:
        return name
    word = name.casefold()
    # "any" maps to the empty word, which is why `or` reaches the second look-up; it has the same result.
    return _TYPES.get(word) or _TYPES.get(_without_parameters(word).removeprefix("typing."), name)


def _without_parameters(word: str) -> str:
    """Return the name of a type without its parameters: `list[str]` is `list`."""
    # `list[str]` of Python, `List<String>` of Java and C#, `Map<String, List<Integer>>`.
    starts = [start for start in map(word.find, "[<") if start >= 0]
    return word[: min(starts)] if starts and word.endswith(("]", ">")) else word


def normalize(schema: JsonObject) -> JsonObject:
    """Return a root schema in the words of JSON Schema; the same object where nothing changes.

    A tuple in the form of older drafts (a list of `items`) becomes `prefixItems`, unless `$schema` names an older
    draft.
    """
    draft = schema.get("$schema")
    # Without `$schema` the draft is 2020-12, where a list of `items` would be an error, and people mean the older
    # tuple.
    return normalize_words(schema, tuples=not isinstance(draft, str) or "2020-12" in draft)


def normalize_words(schema: JsonObject, *, tuples: bool) -> JsonObject:
    """Return the same; `tuples`: also turn older tuples into `prefixItems`."""
    new: JsonObject = {keyword: _normalize_keyword(keyword, value, tuples=tuples) for keyword, value in schema.items()}
    if "type" in new:
        _normalize_type(new)
    # `prefixItems` beside it says that the author knows the current form.
    if tuples and isinstance(new.get("items"), list) and "prefixItems" not in new:
        return _with_prefix_items(new)
    same = len(new) == len(schema) and all(value is schema[keyword] for keyword, value in new.items())
    return schema if same else new


def _with_prefix_items(schema: JsonObject) -> JsonObject:
    """Return a schema whose list of `items` is `prefixItems`, and whose `additionalItems` is `items`."""
    rest = {keyword: value for keyword, value in schema.items() if keyword not in ("items", "additionalItems")}
    # JSON Schema forbids an empty `prefixItems`.
    if schema["items"]:
        rest["prefixItems"] = schema["items"]
    if "additionalItems" in schema:
        rest["items"] = schema["additionalItems"]
    return rest


def _normalize_child(schema: JsonValue, *, tuples: bool) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    new = normalize_words(schema, tuples=tuples)
    return _with_null(new) if new.get("nullable") is True else new


def _normalize_keyword(keyword: str, value: JsonValue, *, tuples: bool) -> JsonValue:
    if isinstance(value, list) and keyword in _LISTS:
        members = [_normalize_child(member, tuples=tuples) for member in value]
        return members if any(new is not old for new, old in zip(members, value, strict=True)) else value
    if isinstance(value, dict) and keyword in _MAPS:
        named = {name: _normalize_child(member, tuples=tuples) for name, member in value.items()}
        return named if any(new is not value[name] for name, new in named.items()) else value
    return _normalize_child(value, tuples=tuples) if keyword in _SCHEMA else value


def _normalize_type(schema: JsonObject) -> None:
    types = _type_names(schema["type"])
    if types is None:
        del schema["type"]
    else:
        schema["type"] = types


def _type_names(types: JsonValue) -> JsonValue:
    """Return `type` in JSON Schema's names, the same object where nothing changes; None for any type."""
    if isinstance(types, str):
        return json_type(types) or None
    if not isinstance(types, list) or len(types) > MAX_TYPES:
        return types
    named: list[JsonValue] = [json_type(name) if isinstance(name, str) else name for name in types]
    # A union with "any" allows everything.
    if "" in named:
        return None
    return types if named == types else [name for place, name in enumerate(named) if name not in named[:place]]


def _with_null(schema: JsonObject) -> JsonObject:
    """Return a schema with `nullable: true` as one that also allows null."""
    rest = {keyword: value for keyword, value in schema.items() if keyword != "nullable"}
    if any(keyword in rest for keyword in _IN_PLACE):
        kept = {keyword: rest.pop(keyword) for keyword in _KEPT if keyword in rest}
        return {**kept, "anyOf": [NULL, rest]}
    options = rest.get("enum")
    # `const` and `enum` have to list null too, or they would refuse what `type` allows.
    if "const" in rest:
        rest["enum"] = [rest.pop("const"), None]
    elif isinstance(options, list) and None not in options:
        rest["enum"] = [*options, None]
    types = rest.get("type")
    if isinstance(types, str) and types != "null":
        rest["type"] = [types, "null"]
    elif isinstance(types, list) and "null" not in types:
        rest["type"] = [*types, "null"]
    return rest
