from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce, coerce_text
from toolgate_core.schema.kinds import possible_types

INTEGER: JsonObject = {"type": "integer"}
STRING: JsonObject = {"type": "string"}


def done(value: JsonValue, schema: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    return coerce(value, schema, schema if isinstance(schema, dict) else {})


@pytest.mark.parametrize(
    ("value", "schema", "expected", "tags"),
    [
        ("5", INTEGER, 5, ("string_to_integer",)),
        (" 5\n", INTEGER, 5, ("string_to_integer",)),
        ("-5", INTEGER, -5, ("string_to_integer",)),
        ("9007199254740993", INTEGER, 9007199254740993, ("string_to_integer",)),
        ("3.0", INTEGER, 3, ("string_to_integer",)),
        ("1e5", INTEGER, 100_000, ("string_to_integer",)),
        ("9007199254740993.0", INTEGER, 9007199254740993, ("string_to_integer",)),
        ("-0", INTEGER, 0, ("string_to_integer",)),
        ("-0.0", {"type": "number"}, -0.0, ("string_to_number",)),
        ("3.5", INTEGER, "3.5", ()),
        ("-inf", {"type": "number"}, "-inf", ()),
        ("0x10", INTEGER, "0x10", ()),
        ("1e300", INTEGER, "1e300", ()),
        ("three", INTEGER, "three", ()),
        (None, INTEGER, None, ()),
        ("1.5", {"type": "number"}, 1.5, ("string_to_number",)),
        ("7", {"type": "number"}, 7, ("string_to_number",)),
        ("NaN", {"type": "number"}, "NaN", ()),
        ("Infinity", {"type": "number"}, "Infinity", ()),
        ("1e999", {"type": "number"}, "1e999", ()),
        ("9" * 5000, {"type": "number"}, "9" * 5000, ()),
        ("TRUE", {"type": "boolean"}, True, ("string_to_boolean",)),
        ("False", {"type": "boolean"}, False, ("string_to_boolean",)),
        (1, {"type": "boolean"}, True, ("number_to_boolean",)),
        (2, {"type": "boolean"}, 2, ()),
        ("yes", {"type": "boolean"}, "yes", ()),
        ("None", {"type": "null"}, None, ("string_to_null",)),
        ("x", {"type": "null"}, "x", ()),
        (7, STRING, "7", ("number_to_string",)),
        (True, STRING, "true", ("boolean_to_string",)),
        ({"a": 1}, STRING, {"a": 1}, ()),
        (None, STRING, None, ()),
        ('{"a": 1}', {"type": "object"}, {"a": 1}, ("json_string_to_object",)),
        ("{'a': 1}", {"type": "object"}, {"a": 1}, ("json_string_to_object",)),
        ("{'a': {1, 2}}", {"type": "object"}, {"a": [1, 2]}, ("json_string_to_object",)),
        ("[None, 'a', true]", {"type": "array"}, [None, "a", True], ("json_string_to_array",)),
        ('[{"a": 1}, {"a": 2}]', {"type": "object"}, '[{"a": 1}, {"a": 2}]', ()),
        ("{a", {"type": "object"}, "{a", ()),
        (5, {"type": "object"}, 5, ()),
        ("[1]", {"type": "array"}, [1], ("json_string_to_array",)),
        ("a", {"type": "array"}, ["a"], ("scalar_to_array",)),
        (None, {"type": "array"}, None, ()),
        (5, {"type": "array", "items": STRING}, ["5"], ("scalar_to_array", "number_to_string")),
        (5, {"type": "no such type"}, 5, ()),
        (5, {"type": 7}, 5, ()),
    ],
)
def test_a_value_becomes_the_type_that_its_schema_names(
    value: JsonValue, schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    result = done(value, schema)
    assert result == (expected, tags)
    assert type(result[0]) is type(expected)


@pytest.mark.parametrize("value", ["007", "5", "true", "null", "{}", "[1]", " x ", "NaN", ""])
def test_a_string_stays_where_only_a_string_is_allowed(value: str) -> None:
    assert done(value, STRING) == (value, ())
    assert coerce_text(value, STRING, STRING) == (value, ())


@pytest.mark.parametrize(
    ("value", "types", "expected"),
    [
        ("5", ["string", "integer"], "5"),
        (5, ["string", "null"], "5"),
        ("null", ["integer", "null"], None),
        ("5", ["boolean", "number", "integer"], 5),
        ("true", ["object", "boolean"], True),
        (3.0, ["integer"], 3.0),
        (3, ["number"], 3),
        (5, ["array", "string"], [5]),
    ],
)
def test_a_union_tries_the_most_particular_type_first(
    value: JsonValue, types: list[JsonValue], expected: JsonValue
) -> None:
    assert done(value, {"type": types})[0] == expected


@pytest.mark.parametrize(
    ("value", "options", "expected", "tags"),
    [
        ("1 d", ["1d", "1w"], "1d", ("enum_case",)),
        ("CELSIUS", ["celsius", "kelvin"], "celsius", ("enum_case",)),
        ("1", [1, 2], 1, ("string_to_integer",)),
        (1, ["1", "2"], "1", ("number_to_string",)),
        ("null", ["a", None], None, ("string_to_null",)),
        ("A", ["a", "a "], "A", ()),
        ("b", ["a"], "b", ()),
        (["a"], ["a", ["b"]], ["a"], ()),
        (True, [1], 1, ()),
    ],
)
def test_an_enum_is_met_by_case_spacing_or_type_when_one_option_fits(
    value: JsonValue, options: list[JsonValue], expected: JsonValue, tags: tuple[str, ...]
) -> None:
    result, found = done(value, {"enum": options})
    if value is True:
        assert (result, found) == (True, ())
    else:
        assert (result, found) == (expected, tags)


def test_a_const_is_an_enum_of_one() -> None:
    assert done("Circle", {"const": "circle"}) == ("circle", ("enum_case",))


def test_objects_and_arrays_are_coerced_inside() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "n": INTEGER,
            "list": {"type": "array", "prefixItems": [STRING], "items": INTEGER},
            "map": {"type": "object", "additionalProperties": INTEGER},
        },
    }
    value: JsonObject = {"other": "1", "n": "1", "list": [1, "2"], "map": {"a": "3"}}
    assert done(value, schema) == (
        {"other": "1", "n": 1, "list": ["1", 2], "map": {"a": 3}},
        ("string_to_integer", "number_to_string"),
    )


def test_properties_that_are_not_allowed_are_dropped() -> None:
    closed: JsonObject = {"type": "object", "properties": {"a": STRING}, "additionalProperties": False}
    assert done({"a": "x", "b": 1, "c": 2}, closed) == ({"a": "x"}, ("extra_dropped",))
    assert done({"x_b": 1}, {**closed, "patternProperties": {"^x_": True}}) == ({"x_b": 1}, ())


def test_a_null_for_an_optional_property_counts_as_absent() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": INTEGER, "b": INTEGER}, "required": ["b"]}
    assert done({"a": None, "b": None}, schema) == ({"b": None}, ("null_dropped",))


@pytest.mark.parametrize(
    ("value", "schema", "expected", "tags"),
    [
        ("null", INTEGER, {}, ("null_dropped",)),
        ("None", {"type": "object"}, {}, ("null_dropped",)),
        ("null", {"type": ["integer", "null"]}, {"a": None}, ("string_to_null",)),
        ("null", STRING, {"a": "null"}, ()),
        ("none", {"enum": ["x"]}, {"a": "none"}, ()),
        ("nothing", INTEGER, {"a": "nothing"}, ()),
    ],
)
def test_the_word_null_counts_as_absent_where_no_string_is_allowed(
    value: JsonValue, schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    assert done({"a": value}, {"type": "object", "properties": {"a": schema}}) == (expected, tags)
    required: JsonObject = {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]}
    assert done({"a": "null"}, required) == ({"a": "null"}, ())


def test_a_property_meets_the_schemas_of_all_patterns_that_match() -> None:
    schema: JsonObject = {"patternProperties": {"^n_": INTEGER, "_list$": {"type": "array", "items": INTEGER}}}
    assert done({"n_a": "1", "b_list": "2", "other": "3"}, schema) == (
        {"n_a": 1, "b_list": [2], "other": "3"},
        ("string_to_integer", "scalar_to_array"),
    )


def test_a_tuple_of_an_older_draft_is_coerced() -> None:
    assert done(["1", 2, "3"], {"items": [INTEGER, STRING], "additionalItems": INTEGER}) == (
        [1, "2", 3],
        ("string_to_integer", "number_to_string"),
    )


@pytest.mark.parametrize("key", ["__proto__", "constructor", "prototype"])
def test_no_renamed_key_changes_the_kind_of_an_object(key: str) -> None:
    schema: JsonObject = {"type": "object", "properties": {key: INTEGER}, "additionalProperties": False}
    assert done({key.upper(): 1, key.replace("_", "-"): 2, key.strip("_") + "_": 3}, schema)[0] in ({}, {key: 2})
    assert done({key: "1"}, schema)[0] == {key: 1}


def test_references_are_followed() -> None:
    root: JsonObject = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/a~1b%25"}},
        "$defs": {"a/b%": {"type": "object", "properties": {"v": INTEGER, "next": {"$ref": "#/$defs/a~1b%25"}}}},
    }
    assert done({"tree": {"v": "1", "next": {"v": "2"}}}, root) == (
        {"tree": {"v": 1, "next": {"v": 2}}},
        ("string_to_integer",),
    )


@pytest.mark.parametrize("ref", ["#/$defs/none", "http://x/y", 7, "#/list/x", "#/list/9", "#/text/a"])
def test_a_reference_to_nothing_asks_for_nothing(ref: JsonValue) -> None:
    assert coerce("5", {"$ref": ref}, {"list": [INTEGER], "text": "t"}) == ("5", ())


def test_a_reference_may_lead_into_a_list() -> None:
    assert coerce("5", {"$ref": "#/anyOf/0"}, {"anyOf": [INTEGER]}) == (5, ("string_to_integer",))


def test_every_member_of_all_of_is_applied() -> None:
    schema: JsonObject = {"allOf": [{"properties": {"a": INTEGER}}, {"properties": {"b": {"type": "boolean"}}}]}
    assert done({"a": "1", "b": "true"}, schema) == ({"a": 1, "b": True}, ("string_to_integer", "string_to_boolean"))


def test_a_union_takes_the_member_that_needs_the_least() -> None:
    kinds: JsonObject = {
        "anyOf": [
            {"type": "object", "properties": {"kind": {"const": "a"}, "x": INTEGER}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "b"}, "x": STRING}, "required": ["kind"]},
        ]
    }
    assert done({"kind": "a", "x": "3"}, kinds) == ({"kind": "a", "x": 3}, ("string_to_integer",))
    assert done({"kind": "b", "x": "3"}, kinds) == ({"kind": "b", "x": "3"}, ())
    assert done("5", {"oneOf": [False, {"type": "null"}, INTEGER]}) == (5, ("string_to_integer",))
    assert done("x", {"anyOf": []}) == ("x", ())


def test_a_union_prefers_a_conversion_to_dropping() -> None:
    narrow: JsonObject = {"type": "object", "properties": {"a": INTEGER}, "additionalProperties": False}
    wide: JsonObject = {"type": "object", "properties": {"a": INTEGER, "b": INTEGER}, "additionalProperties": False}
    assert done({"a": 1, "b": "2"}, {"anyOf": [narrow, wide]}) == ({"a": 1, "b": 2}, ("string_to_integer",))


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [
        ({"maximum": 3}, {"minimum": 4}, "5"),
        ({"exclusiveMaximum": 5}, {"exclusiveMinimum": 4}, "5"),
    ],
)
def test_a_union_minds_the_bounds_of_its_members(low: JsonObject, high: JsonObject, value: str) -> None:
    schema: JsonObject = {"anyOf": [{**INTEGER, **low, "$ref": "#/x"}, {"type": "number", **high}]}
    assert done(value, schema) == (5, ("string_to_number",))


def test_a_union_minds_the_lengths_of_its_members() -> None:
    schema: JsonObject = {
        "anyOf": [{"type": "array", "maxItems": 0}, {"type": "array", "minItems": 1, "items": STRING}]
    }
    assert done([5], schema) == (["5"], ("number_to_string",))


@pytest.mark.parametrize("schema", [True, False])
def test_a_schema_that_is_a_boolean_changes_nothing(schema: JsonValue) -> None:
    assert done("5", schema) == ("5", ())


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert done("5", {"$ref": "#"}) == ("5", ())
    assert done("5", {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, INTEGER]})[0] in ("5", 5)


def test_text_beyond_the_budget_of_reading_stays_text() -> None:
    text = "[1]" + " " * 125_000
    short: JsonValue = {"type": "array", "minItems": 2}
    plain: JsonValue = {"type": "array"}
    assert done(text, {"anyOf": [short] * 5 + [plain]}) == ([1], ("json_string_to_array",))
    assert done(text, {"anyOf": [short] * 20 + [plain]}) == (text, ())
    assert coerce_text(text, {"anyOf": [short] * 20 + [plain]}, {}) == ([1], ())


def test_wrappers_inside_each_other_end() -> None:
    inner: JsonObject = {"type": "object", "properties": {"x": {"$ref": "#/$defs/list"}}}
    root: JsonObject = {"$ref": "#/$defs/list", "$defs": {"list": {"type": "array", "items": inner}}}
    value: JsonValue = []
    for _ in range(60):
        value = {"wrapper": {"x": value}}
    assert isinstance(done(value, root)[0], list)


def test_deep_values_do_not_exhaust_the_stack() -> None:
    root: JsonObject = {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"type": "object"}}}
    value: JsonValue = {"b": "{'a': " * 120 + "{1}" + "}" * 120}
    for _ in range(40):
        value = {"a": value}
    assert isinstance(done(value, root)[0], dict)


@pytest.mark.parametrize(
    ("text", "schema", "expected", "tags"),
    [
        ("-0", INTEGER, 0, ()),
        ("NaN", {"type": "number"}, "NaN", ()),
        ("Infinity", {"type": "number"}, "Infinity", ()),
        ("{1, 2}", {"type": "array", "items": INTEGER}, [1, 2], ("python_literal",)),
        ("5", INTEGER, 5, ()),
        ("007", INTEGER, 7, ("number_form",)),
        ('"5"', INTEGER, 5, ("string_to_integer",)),
        ("3.0", INTEGER, 3, ("string_to_integer",)),
        ("True", {"type": "boolean"}, True, ("python_literal",)),
        ("five", INTEGER, "five", ()),
        ("null", {"type": ["string", "null"]}, None, ()),
        ("None", {"type": ["string", "null"]}, None, ("string_to_null",)),
        ("True", {"type": ["string", "boolean"]}, True, ("string_to_boolean",)),
        ("{a: 1}", {"type": ["string", "object"]}, "{a: 1}", ()),
        ("007", {"type": ["string", "integer"]}, "007", ()),
        ("7", {"type": ["string", "integer"]}, 7, ()),
        ('"x"', {"type": ["string", "integer"]}, '"x"', ()),
        ("5", {}, "5", ()),
        ("5", True, "5", ()),
        ("5", {"anyOf": [INTEGER, True]}, "5", ()),
        ("5", {"anyOf": [INTEGER, {"type": "null"}]}, 5, ()),
        ("5", {"allOf": [INTEGER]}, 5, ()),
        ("5", {"enum": [4, 5]}, 5, ()),
        ("5", {"const": 5}, 5, ()),
        ("5", {"$ref": "#/$defs/n", "$defs": {"n": INTEGER}}, 5, ()),
        ("5", {"$ref": "#"}, "5", ()),
        ("[1, '2']", {"type": "array", "items": INTEGER}, [1, 2], ("single_quotes", "string_to_integer")),
        ("a", {"type": "array", "items": STRING}, ["a"], ("scalar_to_array",)),
    ],
)
def test_text_becomes_a_value_by_its_schema(
    text: str, schema: JsonValue, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    result = coerce_text(text, schema, schema if isinstance(schema, dict) else {})
    assert result == (expected, tags)
    assert type(result[0]) is type(expected)


def test_types_are_intersected_where_several_rules_apply() -> None:
    assert possible_types({"type": ["string", "integer"], "enum": ["a", 1, None]}, {}) == ("integer", "string")


leaves = st.sampled_from(
    [INTEGER, STRING, {"type": "number", "minimum": 0}, {"type": "boolean"}, {"type": "null"}, {"enum": ["a", 1, None]},
     {"const": "x"}, True, {}, {"$ref": "#"}, {"type": ["string", "null"], "maxLength": 3},
     {"type": "integer", "nullable": True}, {"type": "object", "patternProperties": {"^a": INTEGER}}]
)  # fmt: skip
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "minItems": 1}, inner),
        st.builds(lambda first, items: {"prefixItems": [first], "items": items}, inner, inner),
        st.builds(lambda members: {"anyOf": members}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda members: {"oneOf": members}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda members: {"allOf": members}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(
            lambda a, b, more: {
                "type": "object",
                "properties": {"a": a, "b": b},
                "required": ["a"],
                "additionalProperties": more,
            },
            inner,
            inner,
            st.one_of(st.just(value=False), inner),
        ),
    ),
    max_leaves=6,
)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["a", "x", "X", "1", "null", "true", "{}", '[1,"2"]', "007", "3.0"]), st.text(max_size=4),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(schemas, values)
def test_a_valid_value_stays_unchanged_and_nothing_raises(schema: JsonObject, value: JsonValue) -> None:
    root = schema if isinstance(schema, dict) else {}
    result, tags = coerce(value, schema, root)
    if jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid(value):
        assert result is value
        assert tags == ()
    if result is not value:
        assert tags


@settings(max_examples=100, deadline=None)
@given(schemas, st.text(max_size=12))
def test_any_text_becomes_some_value(schema: JsonValue, text: str) -> None:
    coerce_text(text, schema, schema if isinstance(schema, dict) else {})


def test_the_work_is_bounded_by_what_a_schema_lists_and_a_value_holds() -> None:
    options: list[JsonValue] = [f"v{place}" for place in range(1_000)]
    chosen: JsonValue = {"type": "array", "items": {"enum": options}}
    assert done(["V7"] * 1_000, chosen) == (["v7"] * 1_000, ("enum_case",))
    names: list[JsonValue] = [f"n{place}" for place in range(2_000)]
    named: JsonObject = {"items": {"anyOf": [{"required": names}, {"type": "object", "properties": {"N": INTEGER}}]}}
    assert done([{"N": "5"}] * 10, named)[0] == [{"N": 5}] * 10
    many: JsonValue = [{"N": "5"}] * 5_000
    assert done(many, named)[0] != [{"N": 5}] * 5_000
    patterns: JsonObject = {f"^k{place}$": INTEGER for place in range(300)}
    keys: JsonValue = {f"k{place}": "5" for place in range(300)}
    assert done(keys, {"patternProperties": patterns})[0] == keys
    closed: JsonObject = {"properties": {f"p_{place}": {} for place in range(5_000)}, "additionalProperties": False}
    assert done([{"P1": 1}] * 10, {"items": closed})[0] == [{"p_1": 1}] * 10
    assert len(str(done([{"P1": 1}] * 5_000, {"items": closed})[0])) > 0


def test_a_type_is_looked_for_in_so_many_schemas() -> None:
    few: JsonObject = {"anyOf": [INTEGER] * 100}
    many: JsonObject = {"anyOf": [INTEGER] * 1_000}
    assert possible_types(few, few) == ("integer",)
    assert possible_types(many, many) == ()
