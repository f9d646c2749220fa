from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_TYPE_WORD, MAX_TYPES
from toolgate_core.schema import coerce, coerce_text
from toolgate_core.schema.aliases import json_type, normalize
from toolgate_core.schema.compiling import SchemaError, compile_schema
from toolgate_core.schema.kinds import possible_types


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("integer", "integer"),
        ("int", "integer"),
        ("int32", "integer"),
        ("INTEGER", "integer"),
        ("float64", "number"),
        ("double", "number"),
        ("str", "string"),
        ("text", "string"),
        ("Bool", "boolean"),
        ("dict", "object"),
        ("Dict[str, int]", "object"),
        ("typing.List[int]", "array"),
        ("map<string, int>", "object"),
        ("tuple", "array"),
        ("NoneType", "null"),
        ("any", ""),
        ("file", "file"),
        ("Optional[int]", "Optional[int]"),
    ],
)
def test_a_type_of_another_language_is_the_json_type_that_it_means(name: str, meant: str) -> None:
    assert json_type(name) == meant


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("5", "int64", 5),
        ("1.5", "float", 1.5),
        ("007", "str", "007"),
        ("True", "bool", True),
        ("{'a': 1}", "dict", {"a": 1}),
        ("(1, 2)", "tuple", [1, 2]),
        ("5", "any", "5"),
        ("5", ["int", "null"], 5),
        ("null", ["int", "null"], None),
        ("5", ["int", "any"], "5"),
        ("5", [7, "int"], 5),
    ],
)
def test_text_becomes_a_value_of_the_type_that_is_meant(text: str, kind: JsonValue, expected: JsonValue) -> None:
    assert coerce_text(text, {"type": kind}, {})[0] == expected


NULLABLE: JsonObject = {"type": "integer", "nullable": True}


@pytest.mark.parametrize(
    ("value", "schema", "expected", "tags"),
    [
        (None, NULLABLE, None, ()),
        ("null", NULLABLE, None, ("string_to_null",)),
        ("None", NULLABLE, None, ("string_to_null",)),
        ("5", NULLABLE, 5, ("string_to_integer",)),
        ("null", {"type": "integer", "nullable": False}, "null", ()),
        ("null", {"type": "string", "nullable": True}, "null", ()),
        ("none", {"enum": ["a"], "nullable": True}, None, ("string_to_null",)),
        ("A", {"enum": ["a"], "nullable": True}, "a", ("enum_case",)),
    ],
)
def test_null_is_taken_where_open_api_calls_a_schema_nullable(
    value: JsonValue, schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    assert coerce(value, schema, schema) == (expected, tags)


def test_nullable_adds_null_to_the_possible_types() -> None:
    assert possible_types({"enum": ["a"], "nullable": True}, {}) == ("null", "string")
    assert possible_types({"nullable": True}, {}) == ()


@pytest.mark.parametrize(
    ("member", "meant"),
    [
        ({"type": "int"}, {"type": "integer"}),
        ({"type": ["int", "null"]}, {"type": ["integer", "null"]}),
        ({"type": ["int", "integer"]}, {"type": ["integer"]}),
        ({"type": ["int", "any"]}, {}),
        ({"type": "any", "description": "x"}, {"description": "x"}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["string"], "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"], "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "null", "nullable": True}, {"type": "null"}),
        ({"enum": ["a"], "nullable": True}, {"enum": ["a", None]}),
        ({"enum": ["a", None], "nullable": True}, {"enum": ["a", None]}),
        ({"const": "a", "nullable": True}, {"enum": ["a", None]}),
        (
            {"$ref": "#/$defs/x", "nullable": True, "$defs": {}},
            {"$defs": {}, "anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]},
        ),
        ({"items": {"type": "str"}}, {"items": {"type": "string"}}),
        ({"anyOf": [{"type": "str"}, True]}, {"anyOf": [{"type": "string"}, True]}),
        ({"properties": {"type": {"type": "str"}}}, {"properties": {"type": {"type": "string"}}}),
    ],
)
def test_a_schema_is_put_in_the_words_of_json_schema(member: JsonObject, meant: JsonObject) -> None:
    assert normalize({"properties": {"a": member}}) == {"properties": {"a": meant}}


def test_a_schema_in_the_words_of_json_schema_is_the_very_same() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"type": {"type": ["string", "null"]}, "nullable": True},
        "allOf": [{"items": {"type": "integer"}}],
        "enum": [{"type": "int"}],
        "default": {"nullable": True},
        "required": ["type"],
        "minProperties": 7,
        "not": {"type": 7},
    }
    assert normalize(schema) is schema


def valid(schema: JsonObject, value: JsonValue) -> bool:
    return compile_schema({"type": "object", "properties": {"a": schema}}).is_valid({"a": value})


def test_a_schema_is_checked_by_its_meaning() -> None:
    assert valid({"type": "int"}, 5)
    assert not valid({"type": "int"}, "5")
    assert valid({"type": "any"}, "5")
    assert valid({"type": "string", "nullable": True}, None)
    assert not valid({"type": "string", "nullable": True}, 5)
    assert compile_schema({"type": "dict"}).is_valid({})


def test_a_reference_into_a_nullable_schema_still_leads_there() -> None:
    inner: JsonObject = {"allOf": [{"properties": {"x": {"type": "integer"}}}], "nullable": True}
    schema: JsonObject = {"properties": {"a": inner, "b": {"$ref": "#/properties/a/allOf/0"}}}
    assert compile_schema(schema).is_valid({"a": {"x": 1}, "b": {"x": 2}})
    assert not compile_schema(schema).is_valid({"b": {"x": "2"}})


@pytest.mark.parametrize("kind", ["file", ["file"], [7], ["int", "int", 7]])
def test_a_type_that_means_nothing_is_an_error(kind: JsonValue) -> None:
    with pytest.raises(SchemaError, match="not a valid JSON Schema at 'properties/a/type'"):
        valid({"type": kind}, 5)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("list[str]", "array"),
        ("List<String>", "array"),
        ("Map<String, List<Integer>>", "object"),
        ("typing.List[int]", "array"),
        ("dict[str, list[int]]", "object"),
        ("list[str", "list[str"),
        ("[str]", "[str]"),
        ("array<" + "x" * 50 + ">", "array"),
        ("array<" + "x" * MAX_TYPE_WORD + ">", "array<" + "x" * MAX_TYPE_WORD + ">"),
    ],
)
def test_the_parameters_of_a_type_are_left_out(written: str, meant: str) -> None:
    assert json_type(written) == meant


@pytest.mark.parametrize("char", ["[", "<", "]", "[]", "[<", "int", "İ"])
def test_an_endless_type_is_refused_at_once(char: str) -> None:
    kinds: tuple[JsonValue, ...] = (char * 100_000, [char * 100_000])
    for kind in kinds:
        with pytest.raises(SchemaError, match="not a valid JSON Schema at 'properties/a/type'"):
            valid({"type": kind}, 5)
    with pytest.raises(SchemaError, match=f"a list of more than {MAX_TYPES} types"):
        valid({"type": [char] * 100_000}, 5)
