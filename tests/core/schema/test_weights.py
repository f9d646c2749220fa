"""Schemas that would cost much are refused before they are compiled, and dear values before they are checked."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import (
    BACKTRACK_STEPS,
    MAX_CHECK_STEPS,
    MAX_LISTED,
    MAX_PATTERN,
    MAX_SCHEMAS,
    MAX_VIOLATIONS,
)
from toolgate_core.schema import Toolset
from toolgate_core.schema.compiling import SchemaCheck, SchemaError, compile_schema
from toolgate_core.schema.effort import ValueSize, explainable, measure, size_within_budget
from toolgate_core.schema.weights import Weights, weigh
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ToolDefinition


def properties(**named: JsonValue) -> JsonObject:
    return {"type": "object", "properties": named}


def strings(count: int, **more: JsonValue) -> JsonObject:
    return properties(**{f"p{place}": {"type": "string", **more} for place in range(count)})


def test_a_schema_is_weighed() -> None:
    pair: JsonObject = {"anyOf": [{"pattern": "^ab$"}, {"enum": [1, "a"]}], "required": ["x", "y"]}
    assert weigh(properties(a=pair, b=True)) == Weights(schemas=4, steps=7, search=4, states=4, patterns=1)
    assert weigh({"patternProperties": {"^a": {"pattern": "b"}}}) == Weights(2, 21, 2, 3, 2)
    assert weigh({"enum": ["a"] * 1_000}) == Weights(1, 1, 0, 0, 0)
    assert weigh({"allOf": [{}, {}], "unevaluatedItems": False}) == Weights(3, 5, 0, 0, 0)


def nested(depth: int, **around: JsonValue) -> JsonObject:
    schema: JsonObject = {"type": "string"}
    for _ in range(depth):
        schema = {"anyOf": [schema], **around}
    return schema


def listed(depth: int) -> JsonObject:
    schema: JsonObject = {"type": "string"}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (strings(MAX_SCHEMAS), f"more than {MAX_SCHEMAS} schemas"),
        (nested(101), "a chain of more than 100"),
        (listed(101), "nested more than 100 levels deep"),
        (nested(12, unevaluatedItems=False), "more than 2000 schemas apply to one value"),
        (properties(a={"pattern": "^0\\p{L}{200}$"}), "would compile to more than 150000 states"),
        (strings(30, pattern="^0\\p{L}{20}$"), "its patterns together would compile to more than"),
        (properties(a={"pattern": "((((a{99}){99}){99}){99})"}), "would compile to more than"),
        ({"patternProperties": {"\\p{L}{151}": True}}, "would compile to more than"),
        (properties(a={"pattern": "a" * (MAX_PATTERN + 1)}), f"has more than {MAX_PATTERN} characters"),
        (properties(a={"enum": list(range(MAX_LISTED + 1))}), f"more than {MAX_LISTED} entries"),
        ({"required": [str(place) for place in range(MAX_LISTED + 1)]}, f"more than {MAX_LISTED} entries"),
        (properties(a={"type": ["string"] * 33}), "a list of more than 32 types"),
        ({"$ref": "#/" + "a" * 1_000, "type": "object"}, "has more than 1000 characters"),
        (properties(a={"pattern": "("}), "not a valid JSON Schema at 'properties/a/pattern'"),
        (properties(a={"pattern": "(?=("}), "not a valid JSON Schema at 'properties/a/pattern'"),
        (properties(a={"pattern": "a{1000,}" * 100, "type": "bad"}), "not a valid JSON Schema at"),
    ],
)
def test_a_schema_that_would_cost_much_is_refused(schema: JsonObject, why: str) -> None:
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema, object_only=False)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    "schema",
    [
        strings(5_000),
        strings(300, pattern="^[a-z]{1,40}$"),
        properties(a={"pattern": "^[\\p{L}\\p{N} .'-]{1,100}$"}),
        properties(a={"enum": [str(place) for place in range(5_000)]}),
        nested(100),
    ],
)
def test_a_large_schema_within_the_bounds_is_compiled(schema: JsonObject) -> None:
    compile_schema(schema, object_only=False)


@pytest.mark.parametrize(
    ("schema", "count"),
    [(strings(9_000), 6), (strings(1, pattern="\\p{L}{140}"), 3)],
    ids=["schemas", "patterns"],
)
def test_all_tools_together_are_bounded(schema: JsonObject, count: int) -> None:
    tools = tuple(ToolDefinition(f"t{place}", "", schema) for place in range(count))
    with pytest.raises(RequestError, match="the schemas of all tools together are too large") as caught:
        Toolset.compile(tools)
    assert caught.value.param == f"tools[{count - 1}].function.parameters"
    assert caught.value.code == "invalid_function_parameters"
    assert len(Toolset.compile(tools[:-1]).names) == count - 1


def test_a_value_is_measured() -> None:
    assert measure(None) == ValueSize(1)
    assert measure("abc") == ValueSize(1, 1, 3, 3)
    assert measure({"ab": ["x", 1], "c": {}}) == ValueSize(5, 3, 4, 2)
    assert measure([1] * 100, 10).parts == 11


MANY: JsonValue = [["a"] * 1_000] * 30


def test_a_value_is_checked_where_the_product_is_within_the_budget() -> None:
    union = compile_schema(
        {"items": {"items": {"anyOf": [{"const": place} for place in range(200)]}}}, object_only=False
    )
    assert union.weights.steps > MAX_CHECK_STEPS // 31_000
    assert not union.is_valid([[7] * 1_000] * 30)
    assert union.within_budget([[7] * 1_000] * 30) is None
    assert union.is_valid([[7] * 1_000])
    assert union.is_valid([["a"] * 0] * 30)


def test_only_values_of_expensive_patterns_count() -> None:
    check = compile_schema(properties(name={"pattern": "^(?:\\p{L}{1,100})$"}, text={}), object_only=False)
    assert check.is_valid({"name": "Søren", "text": "x" * 100_000})
    assert not check.is_valid({"name": "x" * 10_000})
    assert check.within_budget({"name": "x" * 10_000}) is None
    named = compile_schema({"patternProperties": {"^(?:\\p{L}{1,100})$": {"type": "integer"}}}, object_only=False)
    assert named.is_valid({"a": 1})
    assert named.within_budget({"a" * 10_000: 1}) is None


LOOKAHEAD = "^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d]{8,}$"
EVIL = "(x+x+)+y(?!z)"


def test_patterns_that_look_around_work_for_small_values() -> None:
    check = compile_schema(properties(p={"pattern": LOOKAHEAD}, l={"items": {"pattern": LOOKAHEAD}}, t={}))
    assert check.is_valid({"p": "Abcdefg1"})
    assert not check.is_valid({"p": "abcdefg1"})
    assert check.is_valid({"l": ["Abcdefg1"] * 100})
    long: list[JsonValue] = ["Abcdefg1"] * 99
    assert not check.is_valid({"l": [*long, "x"]})
    assert check.is_valid({"p": "A1" * 500})
    assert check.is_valid({"p": "Abcdefg1", "t": "x" * 200_000})


def test_backtracking_is_shared_out_to_all_texts() -> None:
    check = compile_schema(properties(l={"items": {"anyOf": [{"pattern": EVIL}, {"maxLength": 65}]}}))
    assert check.is_valid({"l": ["x" * 60] * 25})
    assert check.within_budget({"l": ["x"] * 3_000}) is None
    assert check.within_budget({"l": ["x" * (256 * BACKTRACK_STEPS)]}) is None
    assert not compile_schema(properties(l={"not": {"pattern": EVIL}})).is_valid({"l": "x" * 60})


def test_recursion_and_length_end_the_walk() -> None:
    tree: JsonObject = {"properties": {"n": {"$ref": "#"}}, "required": ["v"]}
    value: JsonObject = {}
    for _ in range(400):
        value = {"n": value}
    assert not explainable(value, tree)
    assert not explainable(["x"] * 4_000, {"items": {"type": "integer"}})
    assert not explainable({str(place): "x" for place in range(4_000)}, {"additionalProperties": {"type": "integer"}})
    weights = Weights(1, MAX_CHECK_STEPS, 0, 0, 0)
    assert size_within_budget(["x"] * 4_000, {"items": {"type": "integer"}}, weights, exact=False) is None
    assert size_within_budget(
        ["x"] * 4_000, {"items": {"type": "integer"}}, weigh({"items": {}}), exact=True
    ) == ValueSize(4_001, 4_000, 4_000, 1)


def test_many_missing_parameters_are_named_without_a_copy_for_each() -> None:
    names: list[JsonValue] = [f"r{place}" for place in range(1_500)]
    tool = Toolset.compile((ToolDefinition("t", "", {"type": "object", "required": names}),)).get("t")
    assert tool is not None
    found = tool.violations({f"k{place}": "x" for place in range(1_500)})
    assert [one.message for one in found] == [f"r{place} is required and missing" for place in range(MAX_VIOLATIONS)]
    small = tool.violations({})
    assert len(small) == MAX_VIOLATIONS


def test_a_huge_enum_is_not_copied_into_an_explanation() -> None:
    options: list[JsonValue] = [f"v{place}" for place in range(MAX_LISTED)]
    tool = Toolset.compile((ToolDefinition("t", "", properties(a={"enum": options})),)).get("t")
    assert tool is not None
    assert len(tool.violations({"a": "nothing"})[0].message) < 400
    assert tool.valid({"a": f"v{MAX_LISTED - 1}"})


def test_what_can_not_be_checked_is_not_valid() -> None:
    check = compile_schema({"pattern": "^a"}, object_only=False)
    assert isinstance(check, SchemaCheck)
    assert not check.is_valid("a\ud800")


def test_a_toolset_says_whether_a_short_call_may_take_long() -> None:
    def heavy(schema: JsonObject) -> bool:
        return Toolset.compile((ToolDefinition("t", "", schema),)).heavy

    assert not heavy(strings(10))
    assert heavy(strings(1, pattern="a"))
    assert heavy({"type": "object", "required": [str(place) for place in range(200)]})
