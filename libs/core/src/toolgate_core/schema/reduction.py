"""Reduce a client's schema to what an upstream's grammar supports.

The law: the reduced schema accepts every value that the client's schema accepts. Dropping a keyword is safe only where
less of it allows more; inside `not`, `if` and beside `unevaluated…` the opposite is true, so these go as a whole, and
`oneOf` becomes `anyOf`. Our validator still checks the answer against the whole schema. Property tests over all
keywords and drafts hold the law (tests/core/schema/test_reduction.py).

Two strengths:
- `reduce` keeps only what every grammar knows; it is used for the arguments of calls.
- `loosen` drops only what makes a server refuse the request (vLLM: `contains`, `uniqueItems`, unknown
  formats, bounds beyond 64 bits, unsatisfiable bounds, look-around in patterns); `has_refused_keywords` finds them.

References are rewritten by `refer`. Cost: linear in the schema, whose size `weights` bounds.
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
"""The formats that every grammar engine of vLLM knows."""

# JSON Schema's keywords by what they contain: one schema, a list of schemas, or schemas by name. Everything else holds
# values, in which `$ref` is only a member.
SCHEMAS = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else", "contains",
           "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LOWER, _UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
# `minContains` and `maxContains` have no meaning without `contains`; `dependencies` and `additionalItems` are older
# drafts' keywords.
_REFUSED = ("contains", "minContains", "maxContains", "uniqueItems", "additionalItems", "dependencies")
_TURNING = ("not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties")
"""Keywords that allow less where their contents, or the keywords beside them, allow more."""
# `loosen` copies all keywords but these, which have their own rules below.
_REWRITTEN = (*_LOWER, *_UPPER, "minItems", "maxItems", "enum", "const", "items", "prefixItems", "oneOf", "anyOf")
# A bound beyond a signed integer of 64 bits makes vLLM refuse the request.
_LARGEST = 2**63

_NEW_IN_2019 = ("dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "minContains",
                "maxContains", "prefixItems")  # fmt: skip
_UNKNOWN = (
    ("2019-09", ("prefixItems",)),
    ("draft-07", ("$ref", *_NEW_IN_2019)),
    ("draft-06", ("$ref", *_NEW_IN_2019, "if", "then", "else")),
    ("draft-04", ("$ref", *_NEW_IN_2019, "if", "then", "else", "const", "contains", "propertyNames")),
)
"""Draft → keywords that it ignores. `$ref` in the list: that draft ignores everything beside a `$ref`."""


def reduce(node: JsonValue, refer: RewriteReference) -> JsonObject:
    """Return a schema with only the keywords that every grammar knows."""
    if not isinstance(node, dict):
        return {}
    # Keywords beside the reference are dropped, which only allows more.
    if "$ref" in node:
        return refer(node["$ref"])
    members = node.get("allOf")
    # Generators wrap a reference in an `allOf` of one, to put a description beside it. Several members would have to be
    # merged; without them more is allowed.
    if isinstance(members, list) and len(members) == 1 and "properties" not in node:
        return reduce(members[0], refer)
    reduced: JsonObject = {"type": node["type"]} if "type" in node else {}
    reduced.update(_values(node))
    reduced.update(_bounds(node))
    options = node.get("anyOf", node.get("oneOf"))
    # `false` accepts nothing, so that a union is the same without it; a union of nothing else is left to the validator.
    possible = [option for option in options if option is not False] if isinstance(options, list) else []
    if possible:
        reduced["anyOf"] = [reduce(option, refer) for option in possible]
    _object(node, refer, reduced)
    _array(node, refer, reduced)
    return reduced


def _array(node: JsonObject, refer: RewriteReference, reduced: JsonObject) -> None:
    first, rest = _tuple(node)
    reduced.update(_sizes(node, first, rest))
    # A tuple becomes a list whose items may be any of its schemas: less is said, but every grammar knows it.
    items = [reduce(member, refer) for member in (first if rest is False else [*first, rest])]
    declares_items = "items" in node or "prefixItems" in node
    # An empty schema among them would make the alternatives say nothing.
    if declares_items and 0 < len(items) <= MAX_SENT_TUPLE and (not first or all(items)):
        # Equal alternatives would only make the grammar larger, as for a pair of numbers.
        distinct = [one for place, one in enumerate(items) if one not in items[:place]]
        reduced["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": list[JsonValue](distinct)}


def _object(node: JsonObject, refer: RewriteReference, reduced: JsonObject) -> None:
    named = node.get("properties")
    if isinstance(named, dict):
        # A property whose schema is `false` can never be present.
        kept: JsonObject = {name: reduce(member, refer) for name, member in named.items() if member is not False}
        reduced["properties"] = kept
        required = node.get("required")
        if isinstance(required, list):
            # A required name without a schema is left to the validator: leaving it out only allows more.
            reduced["required"] = [name for name in required if name in kept]
    others = node.get("additionalProperties")
    # Without the patterns, their keys would fall under `additionalProperties` and be refused.
    if others is not None and "patternProperties" not in node:
        reduced["additionalProperties"] = others if isinstance(others, bool) else reduce(others, refer)


def _values(node: JsonObject) -> JsonObject:
    """Return the `enum` of the values that `const`, `enum` and `type` allow together; nothing where there is none."""
    found = [node["const"]] if "const" in node else node.get("enum")
    types = declared_types(node)
    # A value of another type can never be valid; servers refuse an enum that contradicts its type.
    values = [value for value in found if accepts(types, value)] if isinstance(found, list) else []
    return {"enum": values} if values else {}


def _bounds(node: JsonObject) -> JsonObject:
    """Return the numeric bounds within 64 bits; none where no number satisfies them."""
    kept: dict[str, int | float] = {}
    for key in (*_LOWER, *_UPPER):
        bound = node.get(key)
        # Draft 4 writes `exclusiveMinimum: true` beside a `minimum`, which alone is sent then.
        if isinstance(bound, int | float) and not isinstance(bound, bool) and abs(bound) < _LARGEST:
            kept[key] = bound
    low = max((kept[key] for key in _LOWER if key in kept), default=-_LARGEST)
    high = min((kept[key] for key in _UPPER if key in kept), default=_LARGEST)
    open_end = kept.get("exclusiveMinimum") == low or kept.get("exclusiveMaximum") == high
    # Bounds that no number satisfies make a server refuse; without them the validator still refuses the value.
    return {} if low > high or (low == high and open_end) else dict[str, JsonValue](kept)


def _tuple(node: JsonObject) -> tuple[list[JsonValue], JsonValue]:
    """Return the schemas of the first items and of all others; a tuple ends before a schema that allows nothing."""
    first, rest = tuple_items(node)
    if False in first:  # `0 == False`, but a number is not a schema
        return first[: first.index(False)], False
    return first, rest


def _sizes(node: JsonObject, first: list[JsonValue], rest: JsonValue) -> JsonObject:
    """Return the bounds of an array's length that a grammar supports; none where no length satisfies them."""
    low, high = (_count(node.get(key)) for key in ("minItems", "maxItems"))
    # A closed tuple is no longer than its schemas, also where it does not say so.
    if rest is False:
        high = len(first) if high is None else min(high, len(first))
    if low is not None and high is not None and low > high:
        return {}
    found = (("minItems", low), ("maxItems", high))
    return {key: count for key, count in found if count is not None and count <= MAX_SENT_ITEMS}


def _count(value: JsonValue) -> int | None:
    # JSON Schema takes 2.0 for an integer; it is sent as 2.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def has_refused_keywords(schema: JsonObject) -> bool:
    """Whether a schema contains anything that makes a server refuse the request; references are not followed."""
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
    # A keyword that these would drop or change is one that a server refuses.
    kept = {**_bounds(node), **_sizes(node, *tuple_items(node)), **_values(node)}
    if any(key in node and key not in kept for key in (*_LOWER, *_UPPER, "minItems", "maxItems")):
        return True
    if "enum" in node and "const" not in node and node["enum"] != kept.get("enum"):
        return True
    return not _may_be_sent("format", node.get("format")) or not _may_be_sent("pattern", node.get("pattern"))


def _may_be_sent(keyword: str, value: JsonValue) -> bool:
    """Whether a keyword with this value is safe to send; all but some formats and patterns are."""
    # An unknown format is only an annotation to JSON Schema, but an error to a grammar.
    if keyword == "format":
        return value is None or value in KNOWN_FORMATS
    return keyword != "pattern" or not isinstance(value, str) or not needs_backtracking(value)


def loosen(node: JsonValue, refer: RewriteReference) -> JsonValue:
    """Return a schema without what makes a server refuse the request."""
    if not isinstance(node, dict):
        return node
    new: JsonObject = {}
    for key, value in node.items():
        # Contents are loosened, which turns into the opposite inside `not` and its like; these go as a whole.
        if key in _REFUSED or key in _TURNING or key in _REWRITTEN or not _may_be_sent(key, value):
            continue
        new[key] = _child(key, value, refer, loosen)
    new.update(_values(node))
    new.update(_bounds(node))
    # A value that several loosened members accept would violate `oneOf`.
    options = node.get("anyOf", node.get("oneOf"))
    if isinstance(options, list):
        new["anyOf"] = [loosen(option, refer) for option in options]
    first, rest = _tuple(node)
    new.update(_sizes(node, first, rest))
    if first:
        new["prefixItems"] = [loosen(member, refer) for member in first]
    # `items: true` is what JSON Schema means without the keyword.
    if rest is not True:
        new["items"] = loosen(rest, refer)
    return new


def as_current_draft(root: JsonObject) -> JsonObject:
    """Return a root schema as draft 2020-12 means it: without the keywords that its own draft ignores."""
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
    # Up to draft 7 a `$ref` replaces its schema (draft 7, section 8.3); only places that it can lead to are kept.
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
    """Return a schema with all of its keywords, its references rewritten."""
    if not isinstance(node, dict):
        return node
    return {key: _child(key, value, refer, rewrite_references) for key, value in node.items()}


def _child(key: str, value: JsonValue, refer: RewriteReference, change: Change) -> JsonValue:
    """Return the value of a keyword, with the schemas in it changed."""
    # Only the name changes here: keywords beside the reference stay where they are.
    if key == "$ref":
        return refer(value)["$ref"]
    if key in SCHEMAS:
        return change(value, refer)
    if key in LISTS and isinstance(value, list):
        return [change(member, refer) for member in value]
    if key in MAPS and isinstance(value, dict):
        return {name: change(member, refer) for name, member in value.items()}
    return value
