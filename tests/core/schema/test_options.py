from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonValue
from toolgate_core.limits import MAX_FOLDED_CHARS, MAX_FOLDED_OPTIONS
from toolgate_core.schema.options import AllowedValues, allowed_values


@pytest.mark.parametrize(
    ("value", "allowed", "expected"),
    [
        ("IN PROGRESS", ["in progress", "done"], ("in progress", "enum_case")),
        ("in-progress", ["in_progress", "done"], ("in_progress", "enum_case")),
        ("In Progress", ["in-progress", "done"], ("in-progress", "enum_case")),
        ("a b", ["a-b", "a_b"], None),
        ("none", ["a", None], (None, "string_to_null")),
        ("None", ["none", None], ("none", "enum_case")),
        ("007", [7, 8], (7, "string_to_integer")),
        ("1.0", [1, 2], (1, "string_to_integer")),
        ("1.5", [1.5], (1.5, "string_to_number")),
        (1, ["1.0", "2.0"], ("1.0", "number_to_string")),
        ("1.0", ["1", "2"], None),
        ("-1", [1], None),
        ("TRUE", [True], (True, "string_to_boolean")),
        ("1", [1, True], (1, "string_to_integer")),
        ("9007199254740993", [9007199254740992, 9007199254740993], (9007199254740993, "string_to_integer")),
        ('"a"', ["a", "b"], ("a", "enum_quotes")),
        ("`b`", ["a", "b"], ("b", "enum_quotes")),
        ("'a\"", ["a"], None),
        ("'c'", ["a"], None),
        ('"', ["a"], None),
        (["a"], ["a"], None),
        ("a", [["a"], {"a": 1}], None),
        ("x", [], None),
    ],
)
def test_the_one_option_that_a_value_writes_is_found(
    value: JsonValue, allowed: list[JsonValue], expected: tuple[JsonValue, str] | None
) -> None:
    assert AllowedValues(allowed).find(value) == expected


def test_const_is_the_only_option() -> None:
    assert allowed_values({"const": 1, "enum": [2]}) == [1]
    assert allowed_values({"enum": [2]}) == [2]
    assert allowed_values({"enum": 7}) == allowed_values({}) == []


def test_the_options_hold_a_value_as_json_schema_compares() -> None:
    options = AllowedValues([1, "a", None, [1], {"a": True}])
    assert len(options) == 5
    held: list[JsonValue] = [1, 1.0, "a", None, [1], {"a": True}]
    others: list[JsonValue] = [True, "A", False, [2], {"a": 2}]
    assert [options.contain(value) for value in held] == [True] * 6
    assert [options.contain(value) for value in others] == [False] * 5
    assert not AllowedValues([]).contain(1)


def test_only_equal_values_count_among_very_many_options() -> None:
    for many in (
        AllowedValues([f"v{place}" for place in range(MAX_FOLDED_OPTIONS + 1)]),
        AllowedValues(["v1", "x" * MAX_FOLDED_CHARS]),
    ):
        assert many.contain("v1")
        assert many.find("V1") is None
