from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce, coerce_text
from toolgate_core.schema.lists import MAX_CHARS, MAX_PIECES, bare_words, split_scalars, without_brackets

STRING: JsonObject = {"type": "string"}
INTEGER: JsonObject = {"type": "integer"}
COLOUR: JsonObject = {"enum": ["red", "green"]}
LINE: JsonObject = {"type": "object", "properties": {"sku": STRING}, "additionalProperties": False}


def array(items: JsonValue, **more: JsonValue) -> JsonObject:
    return {"type": "array", "items": items, **more}


@pytest.mark.parametrize(
    ("text", "schema", "expected", "tags"),
    [
        ("1, 2,3", array(INTEGER), [1, 2, 3], ("comma_separated", "string_to_integer")),
        ("1, 2,", array(INTEGER), [1, 2], ("comma_separated", "string_to_integer")),
        ("1\n\n2\n", array(INTEGER), [1, 2], ("newline_separated", "string_to_integer")),
        ("1,\n2", array(INTEGER), [1, 2], ("comma_separated", "string_to_integer")),
        ("true, False", array({"type": "boolean"}), [True, False], ("comma_separated", "string_to_boolean")),
        ("Red, green", array(COLOUR), ["red", "green"], ("comma_separated", "enum_case")),
        ("- red\n* green", array(COLOUR), ["red", "green"], ("newline_separated",)),
        ("a, b", array(STRING, minItems=2), ["a", "b"], ("comma_separated",)),
        ("ab, c", array({**STRING, "maxLength": 2}), ["ab", "c"], ("comma_separated",)),
        (
            "1, a",
            {"type": "array", "prefixItems": [INTEGER, STRING]},
            [1, "a"],
            ("comma_separated", "string_to_integer"),
        ),
        ("[red, green]", array(STRING), ["red", "green"], ("bare_words",)),
        ('"a", "b, c"', array(STRING), ["a", "b, c"], ("comma_separated",)),
        ('{"sku": "a"}, {"sku": "b"}', array(LINE), [{"sku": "a"}, {"sku": "b"}], ("comma_separated",)),
        ('{"sku": "a"}\n{"sku": "b"}', array(LINE), [{"sku": "a"}, {"sku": "b"}], ("newline_separated",)),
        ("[1], [2]", array(array(INTEGER)), [[1], [2]], ("comma_separated",)),
    ],
)
def test_text_that_can_be_nothing_else_is_a_list(
    text: str, schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    assert coerce(text, schema, schema) == (expected, tags)
    assert coerce_text(text, schema, schema) == (expected, tags)


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("Hello, world", array(STRING)),
        ("one\ntwo", array(STRING)),
        ("1, 2", array({})),
        ("1,000", array(INTEGER)),
        ("1, two", array(INTEGER)),
        ("1,,2", array(INTEGER)),
        ("red; green", array(COLOUR)),
        ("red, blue", array(COLOUR)),
        ("1,2\n3,4", array(INTEGER)),
        ('"a", 1', array(STRING)),
        ('"a" "b"', array(STRING)),
        ("1, 2", array(array(STRING, minItems=2))),
        ("[a: 1]", array(STRING)),
        ("1," * MAX_CHARS, array(INTEGER)),
        ("1," * (MAX_PIECES + 1), array(INTEGER)),
    ],
)
def test_text_that_may_be_something_else_is_one_item(text: str, schema: JsonObject) -> None:
    value, tags = coerce(text, schema, schema)
    assert "scalar_to_array" in tags
    assert isinstance(value, list)
    assert len(value) == 1


def test_text_that_is_a_list_by_its_lines_and_by_its_commas_is_one_item() -> None:
    schema = array({**STRING, "maxLength": 3}, minItems=2)
    assert coerce("a,b\nc", schema, schema) == (["a,b\nc"], ("scalar_to_array",))


@pytest.mark.parametrize(
    ("value", "schema", "expected", "tags"),
    [
        ({"item": ["a", 1]}, array(STRING), ["a", "1"], ("wrapper_to_array", "number_to_string")),
        ({"item": "a"}, array(STRING), ["a"], ("wrapper_to_array",)),
        ({"tags": ["a"]}, array(STRING), ["a"], ("wrapper_to_array",)),
        ({"item": [{"sku": "a"}]}, array(LINE), [{"sku": "a"}], ("wrapper_to_array",)),
        ({"line": {"sku": "a"}}, array(LINE), [{"sku": "a"}], ("wrapper_to_array",)),
        ({"0": "a", "1": "b"}, array(STRING), ["a", "b"], ("numeric_keys_to_array",)),
        ({"2": "b", "1": "a"}, array(STRING), ["a", "b"], ("numeric_keys_to_array",)),
        ({"0": {"sku": "a"}}, array(LINE), [{"sku": "a"}], ("numeric_keys_to_array",)),
    ],
)
def test_an_object_around_items_is_the_array_of_them(
    value: JsonObject, schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]
) -> None:
    assert coerce(value, schema, schema) == (expected, tags)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"sku": "a"}, array(LINE)),
        ({"item": ["a"]}, array({"type": "object"})),
        ({"item": ["a"]}, array({})),
        ({"item": ["a"]}, array({"type": ["array", "object"], "properties": {"x": True}})),
        ({"0": "a", "2": "b"}, array(STRING)),
        ({"name": "a"}, array(STRING)),
        ({"a": ["x"], "b": ["y"]}, array(STRING)),
        ({"item": [{"sku": "a"}, 5, 6]}, array({**LINE, "additionalProperties": True})),
        ({}, array(STRING)),
    ],
)
def test_an_object_that_may_be_an_item_is_one(value: JsonObject, schema: JsonObject) -> None:
    assert coerce(value, schema, schema) == ([value], ("scalar_to_array",))


def test_readings_are_bounded() -> None:
    long = "a," * MAX_CHARS
    assert (bare_words(f"[{long}a]"), without_brackets(f'"{long}"'), split_scalars(long)) == (None, None, [])
