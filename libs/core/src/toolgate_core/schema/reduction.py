"""A client's schema as a grammar can take it: one law, in two strengths.

The law: whatever the client's schema accepts, the schema that goes upstream accepts. So a keyword may only be left out
where less of it allows more, which is not so inside `not`, `if` and `oneOf`. Our validator still holds what comes back
to the whole schema.

`reduce` keeps only the keywords that every grammar knows; a call's arguments are asked for with it. `loosen` keeps all
but those for which a server refuses a request (vLLM: `contains`, `uniqueItems`, unknown formats, bounds beyond 64 bits,
what can't be satisfied); `refused` says whether there are any. Both leave references to `refer`, which is given what
`$ref` says and returns a schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_SENT_ITEMS, MAX_SENT_TUPLE
from toolgate_core.schema.kinds import accepts, declared_types
from toolgate_core.schema.patterns import needs_backtracking
from toolgate_core.schema.shapes import tuple_items

RewriteReference: TypeAlias = Callable[[JsonValue], JsonObject]
"""What `$ref` says → the schema that replaces its schema."""

Change: TypeAlias = Callable[[JsonValue, RewriteReference], JsonValue]
"""A way to rewrite a schema: `loosen` or `rewrite_references`."""

KNOWN_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"))
"""The formats that all engines know which vLLM builds grammars with."""

SCHEMAS = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else", "contains",
           "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LOWER, _UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
_REFUSED = ("contains", "minContains", "maxContains", "uniqueItems", "additionalItems", "dependencies")
_TURNING = ("not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties")
"""Keywords that allow less where what stands in them, or beside them, allows more."""
_REWRITTEN = (*_LOWER, *_UPPER, "minItems", "maxItems", "enum", "const", "items", "prefixItems", "oneOf", "anyOf")
_LARGEST = 2**63

_NEW_IN_2019 = ("dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "minContains",
                "maxContains", "prefixItems")  # fmt: skip
_UNKNOWN = (
    ("2019-09", ("prefixItems",)),
    ("draft-07", ("$ref", *_NEW_IN_2019)),
    ("draft-06", ("$ref", *_NEW_IN_2019, "if", "then", "else")),
    ("draft-04", ("$ref", *_NEW_IN_2019, "if", "then", "else", "const", "contains", "propertyNames")),
)
"""Keywords that each older draft does not know; `$ref` among them: nothing that stands beside it counts."""


def reduce(node: JsonValue, refer: RewriteReference) -> JsonObject:
    """Return what every grammar knows of a schema."""
    if not isinstance(node, dict):
        return {}
    if "$ref" in node:
        return refer(node["$ref"])
    members = node.get("allOf")
    if isinstance(members, list) and len(members) == 1 and "properties" not in node:
        return reduce(members[0], refer)
    reduced: JsonObject = {"type": node["type"]} if "type" in node else {}
    reduced.update(_values(node))
    reduced.update(_bounds(node))
    options = node.get("anyOf", node.get("oneOf"))
    possible = [option for option in options if option is not False] if isinstance(options, list) else []
    if possible:
        reduced["anyOf"] = [reduce(option, refer) for option in possible]
    _object(node, refer, reduced)
    _array(node, refer, reduced)
    return reduced


def _array(node: JsonObject, refer: RewriteReference, reduced: JsonObject) -> None:
    first, rest = _tuple(node)
    reduced.update(_sizes(node, first, rest))
    items = [reduce(member, refer) for member in (first if rest is False else [*first, rest])]
    declares_items = "items" in node or "prefixItems" in node
    if declares_items and 0 < len(items) <= MAX_SENT_TUPLE and (not first or all(items)):
        distinct = [one for place, one in enumerate(items) if one not in items[:place]]
        reduced["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": list[JsonValue](distinct)}


def _object(node: JsonObject, refer: RewriteReference, reduced: JsonObject) -> None:
    named = node.get("properties")
    if isinstance(named, dict):
        kept: JsonObject = {name: reduce(member, refer) for name, member in named.items() if member is not False}
        reduced["properties"] = kept
        required = node.get("required")
        if isinstance(required, list):
            reduced["required"] = [name for name in required if name in kept]
    others = node.get("additionalProperties")
    if others is not None and "patternProperties" not in node:
        reduced["additionalProperties"] = others if isinstance(others, bool) else reduce(others, refer)


def _values(node: JsonObject) -> JsonObject:
    """Return the values that `const` and `enum` allow, of the types that are allowed beside; nothing where none is."""
    found = [node["const"]] if "const" in node else node.get("enum")
    types = declared_types(node)
    values = [value for value in found if accepts(types, value)] if isinstance(found, list) else []
    return {"enum": values} if values else {}


def _bounds(node: JsonObject) -> JsonObject:
    """Return the numeric bounds within 64 bits; none where no number is within them."""
    kept: dict[str, int | float] = {}
    for key in (*_LOWER, *_UPPER):
        bound = node.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and abs(bound) < _LARGEST:
            kept[key] = bound
    low = max((kept[key] for key in _LOWER if key in kept), default=-_LARGEST)
    high = min((kept[key] for key in _UPPER if key in kept), default=_LARGEST)
    open_end = kept.get("exclusiveMinimum") == low or kept.get("exclusiveMaximum") == high
    return {} if low > high or (low == high and open_end) else dict[str, JsonValue](kept)


def _tuple(node: JsonObject) -> tuple[list[JsonValue], JsonValue]:
    """Return the schemas of the first items and of all others; no item can be where a schema allows nothing."""
    first, rest = tuple_items(node)
    if False in first:  # `0 == False`, but no number is a schema
        return first[: first.index(False)], False
    return first, rest


def _sizes(node: JsonObject, first: list[JsonValue], rest: JsonValue) -> JsonObject:
    """Return how many items an array may have; nothing that is beyond a grammar, or that no array is."""
    low, high = (_count(node.get(key)) for key in ("minItems", "maxItems"))
    if rest is False:
        high = len(first) if high is None else min(high, len(first))
    if low is not None and high is not None and low > high:
        return {}
    found = (("minItems", low), ("maxItems", high))
    return {key: count for key, count in found if count is not None and count <= MAX_SENT_ITEMS}


def _count(value: JsonValue) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def has_refused_keywords(schema: JsonObject) -> bool:
    """Whether there is anything in a schema, references aside, for which a server would refuse a request."""
    waiting: list[JsonValue] = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        if _is_refused(node):
            return True
        waiting.extend(node[key] for key in SCHEMAS if key in node)
        for key in LISTS:
            members = node.get(key)
            waiting.extend(members if isinstance(members, list) else ())
        for key in MAPS:
            named = node.get(key)
            waiting.extend(named.values() if isinstance(named, dict) else ())
    return False


def _is_refused(node: JsonObject) -> bool:
    if any(key in node for key in _REFUSED) or isinstance(node.get("items"), list):
        return True
    kept = {**_bounds(node), **_sizes(node, *tuple_items(node)), **_values(node)}
    if any(key in node and key not in kept for key in (*_LOWER, *_UPPER, "minItems", "maxItems")):
        return True
    if "enum" in node and "const" not in node and node["enum"] != kept.get("enum"):
        return True
    return not _may_be_sent("format", node.get("format")) or not _may_be_sent("pattern", node.get("pattern"))


def _may_be_sent(keyword: str, value: JsonValue) -> bool:
    """Whether what a keyword says may go upstream; all but some formats and patterns may."""
    if keyword == "format":
        return value is None or value in KNOWN_FORMATS
    return keyword != "pattern" or not isinstance(value, str) or not needs_backtracking(value)


def loosen(node: JsonValue, refer: RewriteReference) -> JsonValue:
    """Return a schema without what a server would refuse."""
    if not isinstance(node, dict):
        return node
    new: JsonObject = {}
    for key, value in node.items():
        if key in _REFUSED or key in _TURNING or key in _REWRITTEN or not _may_be_sent(key, value):
            continue
        new[key] = _child(key, value, refer, loosen)
    new.update(_values(node))
    new.update(_bounds(node))
    options = node.get("anyOf", node.get("oneOf"))
    if isinstance(options, list):
        new["anyOf"] = [loosen(option, refer) for option in options]
    first, rest = _tuple(node)
    new.update(_sizes(node, first, rest))
    if first:
        new["prefixItems"] = [loosen(member, refer) for member in first]
    if rest is not True:
        new["items"] = loosen(rest, refer)
    return new


def as_current_draft(root: JsonObject) -> JsonObject:
    """Return a whole schema in the meaning of draft 2020-12: without what the draft that it names does not know."""
    draft = root.get("$schema")
    unknown = next((words for name, words in _UNKNOWN if isinstance(draft, str) and name in draft), None)
    if unknown is None:
        return root
    new = _without_unknown(root, unknown)
    assert isinstance(new, dict)
    return new


def _without_unknown(node: JsonValue, unknown: tuple[str, ...]) -> JsonValue:
    if not isinstance(node, dict):
        return node
    if "$ref" in node and unknown[0] == "$ref":
        kept: JsonObject = {key: node[key] for key in ("$ref", "$schema", "$defs", "definitions") if key in node}
    else:
        kept = {key: value for key, value in node.items() if key == "$ref" or key not in unknown}
    return {
        key: _child(key, value, _unchanged, lambda child, _: _without_unknown(child, unknown))
        for key, value in kept.items()
    }


def _unchanged(ref: JsonValue) -> JsonObject:
    return {"$ref": ref}


def rewrite_references(node: JsonValue, refer: RewriteReference) -> JsonValue:
    """Return a schema with all of its keywords, its references as `refer` says."""
    if not isinstance(node, dict):
        return node
    return {key: _child(key, value, refer, rewrite_references) for key, value in node.items()}


def _child(key: str, value: JsonValue, refer: RewriteReference, change: Change) -> JsonValue:
    """Return what a keyword says, with the schemas in it changed."""
    if key == "$ref":
        return refer(value)["$ref"]
    if key in SCHEMAS:
        return change(value, refer)
    if key in LISTS and isinstance(value, list):
        return [change(member, refer) for member in value]
    if key in MAPS and isinstance(value, dict):
        return {name: change(member, refer) for name, member in value.items()}
    return value
