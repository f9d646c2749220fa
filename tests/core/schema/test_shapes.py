from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.shapes import MAX_PARTS, applicable_schemas, item_names, item_types, may_unwrap, tuple_items

INTEGER: JsonObject = {"type": "integer"}
STRING: JsonObject = {"type": "string"}


def test_the_parts_of_a_schema_are_what_may_apply_to_the_same_value() -> None:
    root: JsonObject = {"$ref": "#/$defs/a", "allOf": [True, STRING], "anyOf": 7, "$defs": {"a": {"oneOf": [INTEGER]}}}
    assert sorted(str(part) for part in applicable_schemas(root, root)) == sorted(
        str(part) for part in (root, STRING, {"oneOf": [INTEGER]}, INTEGER)
    )


def test_a_schema_that_refers_to_itself_has_bounded_parts() -> None:
    assert len(list(applicable_schemas({"$ref": "#"}, {"$ref": "#"}))) == MAX_PARTS


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"items": INTEGER}, ("integer",)),
        ({"items": INTEGER, "prefixItems": [STRING]}, ("integer", "string")),
        ({"anyOf": [{"items": INTEGER}, {"items": {"enum": ["a"]}}]}, ("integer", "string")),
        ({"items": INTEGER, "prefixItems": [True]}, ()),
        ({}, ()),
    ],
)
def test_the_items_of_an_array_have_the_types_of_all_their_schemas(schema: JsonObject, types: tuple[str, ...]) -> None:
    assert item_types(schema, schema) == types


def test_the_names_of_items_are_those_of_all_their_schemas() -> None:
    schema: JsonObject = {
        "items": {"properties": {"a": True}, "allOf": [{"properties": {"b": True}}, {"properties": 7}]}
    }
    assert item_names(schema, schema) == {"a", "b"}


@pytest.mark.parametrize(
    ("items", "may"),
    [
        (STRING, True),
        ({"type": "object", "properties": {"b": True}}, True),
        ({"type": "object", "properties": {"a": True}}, False),
        ({"type": "object"}, False),
        ({"type": ["array", "string"]}, False),
        ({}, False),
    ],
)
def test_an_object_that_can_be_no_item_may_be_unwrapped(items: JsonValue, may: bool) -> None:
    assert may_unwrap({"a": 1}, {"items": items}, {}) is may


def test_a_tuple_has_first_items_and_others() -> None:
    assert tuple_items({"prefixItems": [STRING], "items": INTEGER}) == ([STRING], INTEGER)
    assert tuple_items({"items": [STRING], "additionalItems": INTEGER}) == ([STRING], INTEGER)
    assert tuple_items({"prefixItems": 7}) == ([], True)
