"""The law of every reduction: what satisfies the client's schema satisfies the schema that is sent upstream."""

from __future__ import annotations

from itertools import islice

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_SENT_ITEMS
from toolgate_core.schema.compiling import SchemaError, compile_schema
from toolgate_core.schema.decision_schema import decision_schema, sendable
from toolgate_core.types.requests import ToolChoice, ToolDefinition

NAMES = st.sampled_from(["a", "b", "ab", "c"])
NUMBERS = st.one_of(st.integers(-2, 3), st.sampled_from([0.5, 1.0, 2.0, 10**20, -(2**64), 2**63, 1e300]))
TEXTS = st.sampled_from(["", "a", "ab", "b", "2024-01-01", "red"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
SIZES = st.one_of(st.integers(0, 3), st.sampled_from([2.0, 10**30, 2**64, MAX_SENT_ITEMS + 1]))
PATTERNS = st.sampled_from(["^a", "b$", "^(?=a)", "(a)\\1", "^[ab]{1,2}$"])
FORMATS = st.sampled_from(["date", "email", "colour", "regex", "uri-template", "iri"])
REFS = st.sampled_from(["#", "#/$defs/A", "#/$defs/B", "#/properties/a"])


def lists(inner: st.SearchStrategy[JsonValue], least: int = 1) -> st.SearchStrategy[list[JsonValue]]:
    return st.lists(inner, min_size=least, max_size=3)


def keywords(inner: st.SearchStrategy[JsonValue]) -> dict[str, st.SearchStrategy[JsonValue]]:
    named = st.dictionaries(NAMES, inner, max_size=3)
    words: dict[str, st.SearchStrategy[JsonValue]] = {
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "enum": lists(SCALARS),
        "const": VALUES,
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "multipleOf": st.sampled_from([1, 0.5, 2]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 3),
        "pattern": PATTERNS,
        "format": FORMATS,
        "items": inner,
        "prefixItems": lists(inner),
        "contains": inner,
        "minContains": st.integers(0, 2),
        "maxContains": st.integers(0, 2),
        "minItems": SIZES,
        "maxItems": SIZES,
        "uniqueItems": st.booleans(),
        "properties": named,
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 3),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
        "dependentSchemas": named,
        "allOf": lists(inner),
        "anyOf": lists(inner),
        "oneOf": lists(inner),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "unevaluatedItems": inner,
        "unevaluatedProperties": inner,
        "nullable": st.booleans(),
        "$ref": REFS,
        "description": TEXTS,
    }
    return words


def node(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    words = keywords(inner)
    some = st.lists(st.sampled_from(sorted(words)), max_size=4, unique=True)
    return some.flatmap(lambda chosen: st.fixed_dictionaries({word: words[word] for word in chosen}))


SCHEMAS = st.recursive(st.one_of(st.booleans(), node(st.booleans())), node, max_leaves=6)
TUPLES = node(SCHEMAS).map(
    lambda made: {**made, "items": [True, {"type": "integer"}]} if isinstance(made, dict) else made
)
DRAFTS = st.sampled_from(
    [
        None,
        None,
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-04/schema#",
    ]
)


@st.composite
def roots(draw: st.DrawFn) -> JsonObject:
    root = draw(node(st.one_of(SCHEMAS, TUPLES)))
    assert isinstance(root, dict)
    root = {key: value for key, value in root.items() if key not in ("nullable", "$ref")}
    if "properties" not in root:
        root["properties"] = {"a": draw(SCHEMAS)}
    root["$defs"] = {"A": draw(SCHEMAS), "B": draw(SCHEMAS)}
    draft = draw(DRAFTS)
    if draft:
        root["$schema"] = draft
    return root


def upstream(tools: list[ToolDefinition], answer: JsonObject | None = None) -> jsonschema_rs.Validator:
    """What an upstream holds a decision to."""
    schema = decision_schema(tools, ToolChoice("auto"), parallel=True, answer_schema=answer)
    return jsonschema_rs.Draft202012Validator(schema, offline=True)


@settings(max_examples=400, deadline=None)
@given(roots(), st.lists(VALUES, min_size=4, max_size=20))
def test_whatever_a_client_accepts_is_accepted_upstream(root: JsonObject, values: list[JsonValue]) -> None:
    try:
        client = compile_schema(root, object_only=False)
    except SchemaError:
        return
    good = [value for value in values if client.is_valid(value)]
    tool = ToolDefinition("f", "", root)
    held = upstream([tool], root)
    for value in good:
        assert held.is_valid({"action": "answer", "answer": value}), (sent(root), value)
        assert jsonschema_rs.Draft202012Validator(sendable(root), offline=True).is_valid(value), (sendable(root), value)
        if isinstance(value, dict):
            assert held.is_valid({"action": "call", "calls": [{"name": "f", "arguments": value}]}), (sent(root), value)


def sent(root: JsonObject) -> JsonObject:
    return decision_schema([ToolDefinition("f", "", root)], ToolChoice("auto"), parallel=True, answer_schema=root)


BAD_WORDS = ("contains", "minContains", "maxContains", "uniqueItems")


@settings(max_examples=200, deadline=None)
@given(roots())
def test_nothing_goes_upstream_for_which_a_server_refuses(root: JsonObject) -> None:
    try:
        compile_schema(root, object_only=False)
    except SchemaError:
        return
    for schema in (sent(root), sendable(root)):
        for found in nodes(schema):
            assert not [word for word in BAD_WORDS if word in found]
            assert not isinstance(found.get("items"), list)
            assert found.get("format") in (None, "date", "email")
            for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"):
                assert abs(found.get(bound, 0)) < 2**63  # type: ignore[arg-type]
            assert found.get("minItems", 0) <= found.get("maxItems", 2**63)  # type: ignore[operator]


def nodes(node: JsonValue) -> list[JsonObject]:
    """Every schema in a schema."""
    if isinstance(node, list):
        return [found for member in node for found in nodes(member)]
    if not isinstance(node, dict):
        return []
    maps = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
    inner = [
        found
        for key, value in node.items()
        if key not in ("enum", "const")
        for part in (value.values() if key in maps and isinstance(value, dict) else [value])
        for found in nodes(part)
    ]
    return [node, *inner]


TWO_NUMBERS: JsonObject = {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {**TWO_NUMBERS, "items": False, "minItems": 2},
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        ),
        ({**TWO_NUMBERS, "items": False}, {"type": "array", "items": {"type": "number"}, "maxItems": 2}),
        ({**TWO_NUMBERS, "items": False, "maxItems": 1}, {"type": "array", "items": {"type": "number"}, "maxItems": 1}),
        ({**TWO_NUMBERS, "items": False, "minItems": 3}, {"type": "array", "items": {"type": "number"}}),
        ({**TWO_NUMBERS, "minItems": 2}, {"type": "array", "minItems": 2}),
        (
            {**TWO_NUMBERS, "items": {"type": "string"}},
            {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}},
        ),
        (
            {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "maxItems": 2},
        ),
        ({"type": "array", "items": []}, {"type": "array"}),
        ({"type": "array", "prefixItems": [True, False, True]}, {"type": "array", "maxItems": 1}),
        ({"type": "array", "minItems": 3, "maxItems": 2}, {"type": "array"}),
        ({"type": "array", "minItems": 2.0, "maxItems": 10**30}, {"type": "array", "minItems": 2}),
        ({"type": "integer", "minimum": 0, "maximum": 10**20}, {"type": "integer", "minimum": 0}),
        ({"type": "integer", "minimum": 5, "maximum": 3}, {"type": "integer"}),
        ({"type": "number", "minimum": 5, "exclusiveMaximum": 5}, {"type": "number"}),
        ({"type": "string", "enum": [1, "a", None]}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "enum": [1]}, {"type": "string"}),
        ({"anyOf": [False]}, {}),
    ],
)
def test_a_calls_arguments_are_asked_for_like_this(schema: JsonValue, sent: JsonValue) -> None:
    tool = ToolDefinition("f", "", {"type": "object", "properties": {"p": schema}})
    decision = decision_schema([tool], ToolChoice("required"), parallel=True)
    form = decision["properties"]["calls"]["items"]  # type: ignore[index,call-overload]
    assert form["properties"]["arguments"]["properties"]["p"] == sent  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "contains": {"const": 1}, "minContains": 2}, {"type": "array"}),
        ({"type": "array", "uniqueItems": True, "items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "string", "format": "colour", "maxLength": 5}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "pattern": "^(?=a)b"}, {"type": "string"}),
        ({"maximum": 10**20, "not": {"const": 3}}, {}),
        ({"oneOf": [{"uniqueItems": True}, {"type": "string"}]}, {"anyOf": [{}, {"type": "string"}]}),
        ({"items": [{"type": "string"}], "additionalItems": False}, {"prefixItems": [{"type": "string"}], "items": False}),
        ({"properties": {"a": {"contains": True}}, "required": ["a"]}, {"properties": {"a": {}}, "required": ["a"]}),
        ({"if": {"contains": True}, "then": {"const": 1}, "title": "t"}, {"title": "t"}),
    ],
)  # fmt: skip
def test_only_what_a_server_refuses_is_left_out_of_a_schema(schema: JsonObject, expected: JsonObject) -> None:
    assert sendable(schema) == expected


def test_a_schema_without_refused_keywords_is_sent_unchanged() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": {"pattern": "^a", "format": "date"}},
        "not": {"const": 1},
    }
    assert sendable(schema) is schema


def test_a_chain_of_references_longer_than_a_stack_is_reduced() -> None:
    chain: JsonObject = {
        f"d{place}": {"properties": {"n": {"$ref": f"#/$defs/d{place + 1}"}}} for place in range(4_000)
    }
    root: JsonObject = {"$ref": "#/$defs/d0", "$defs": {**chain, "d4000": {"contains": True, "type": "null"}}}
    compile_schema(root)
    assert len(sent(root)["$defs"]) == 8_001  # type: ignore[arg-type]
    assert list(islice(sendable(root), 1))


def test_a_tuple_in_the_older_form_is_checked() -> None:
    for extra in ({}, {"$schema": "http://json-schema.org/draft-07/schema#"}):
        pair: JsonObject = {"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False}
        check = compile_schema({"type": "object", "properties": {"p": pair}, **extra})
        assert check.is_valid({"p": ["a", 1]})
        assert check.is_valid({"p": ["a"]})
        assert not check.is_valid({"p": [1, "a"]})
        assert not check.is_valid({"p": ["a", 1, 2]})


def test_a_reference_into_a_tuple_in_the_older_form_still_leads_there() -> None:
    pair: JsonObject = {"items": [{"type": "string"}, {"$ref": "#/properties/p/items/0"}]}
    check = compile_schema({"type": "object", "properties": {"p": pair, "q": {"type": "int"}}})
    assert check.is_valid({"p": ["a", "b"]})
    assert not check.is_valid({"p": ["a", 1]})
