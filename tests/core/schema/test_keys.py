from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject
from toolgate_core.schema import coerce
from toolgate_core.schema.keys import MAX_PATTERN, match_undeclared_keys, matches, member_schemas

INTEGER: JsonObject = {"type": "integer"}


def closed(*names: str) -> JsonObject:
    return {"type": "object", "properties": dict.fromkeys(names, INTEGER), "additionalProperties": False}


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"userId": 1}, closed("user_id"), {"userId": "user_id"}),
        ({"user-id": 1}, closed("userId"), {"user-id": "userId"}),
        ({"UserID": 1}, closed("user-id"), {"UserID": "user-id"}),
        ({"user id": 1}, closed("user_id"), {}),
        ({"userId": 1}, closed("user_id", "user-id"), {}),
        ({"userId": 1, "user-id": 2}, closed("user_id"), {}),
        ({"userId": 1, "user_id": 2}, closed("user_id"), {}),
        ({"proto": 1, "Constructor": 2}, closed("__proto__", "constructor"), {}),
        ({"__proto__": 1}, closed("proto"), {}),
        ({"userId": 1}, {"properties": {"user_id": INTEGER}}, {}),
        ({"userId": 1}, {"properties": {"user_id": INTEGER}, "additionalProperties": INTEGER}, {}),
        ({"userId": 1}, {"additionalProperties": False}, {}),
        ({"user_id": 1}, closed("user_id"), {}),
    ],
)
def test_the_one_declared_name_that_a_key_meant_is_found(
    value: JsonObject, schema: JsonObject, expected: dict[str, str]
) -> None:
    assert match_undeclared_keys(value, schema) == expected


def test_a_key_in_another_case_is_the_declared_one() -> None:
    schema = closed("user_id", "max")
    assert coerce({"userId": "1", "x": 2, "max": 3}, schema, schema) == (
        {"user_id": 1, "max": 3},
        ("key_case", "string_to_integer", "extra_dropped"),
    )


def test_a_key_that_a_pattern_allows_is_not_renamed() -> None:
    schema: JsonObject = {**closed("user_id"), "patternProperties": {"^user": {"type": "string"}}}
    assert coerce({"userId": 1, "other": 2}, schema, schema) == (
        {"userId": "1"},
        ("number_to_string", "extra_dropped"),
    )


def test_a_property_meets_its_name_and_its_patterns_else_the_rest() -> None:
    schema: JsonObject = {
        "properties": {"a": INTEGER},
        "patternProperties": {"^a": True, "b$": False},
        "additionalProperties": {"type": "null"},
    }
    assert member_schemas("a", schema) == [INTEGER, True]
    assert member_schemas("ab", schema) == [True, False]
    assert member_schemas("c", schema) == [{"type": "null"}]
    assert member_schemas("c", {"patternProperties": 7}) == [True]


def test_a_pattern_that_can_not_be_read_says_nothing() -> None:
    assert matches("(?<a", "a") is None
    assert matches("a" * (MAX_PATTERN + 1), "a") is None
    assert matches("a", "\ud800") is None
    schema: JsonObject = {"patternProperties": {"(?<a": INTEGER}, "additionalProperties": False}
    assert coerce({"a": "5"}, schema, schema) == ({"a": "5"}, ())


def test_a_pattern_takes_bounded_time() -> None:
    assert matches(r"^(?=(a+)+$)(a|aa)+\1$", "a" * 900 + "b") is None
    assert matches(r"^(?=(a+)+$)(a|aa)+\1$", "a" * (MAX_PATTERN + 1)) is None
    assert matches(r"(x+x+)+y(?!z)", "x" * 60) is None
    assert matches(r"^\p{L}{200}$", "a") is None
