from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce
from toolgate_core.schema.rules import count_violations, matching_members

CAT: JsonObject = {"$ref": "#/$defs/Cat"}
DOG: JsonObject = {"$ref": "#/$defs/Dog"}
RULE: JsonObject = {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat", "hound": "Dog"}}


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        ({"kind": "cat"}, RULE, [CAT]),
        ({"kind": "hound"}, RULE, [DOG]),
        ({"kind": "Dog"}, RULE, [DOG]),
        ({"kind": "Dog"}, {"propertyName": "kind"}, [DOG]),
        ({"kind": "Dog"}, {"propertyName": "kind", "mapping": {"Dog": "#/components/schemas/Dog"}}, [DOG]),
        ({"kind": "cow"}, RULE, [CAT, True, DOG]),
        ({"kind": 7}, RULE, [CAT, True, DOG]),
        ({}, RULE, [CAT, True, DOG]),
        ({"kind": "cat"}, {"propertyName": "kind", "mapping": {"cat": 7}}, [CAT, True, DOG]),
        ({"kind": "cat"}, "kind", [CAT, True, DOG]),
        ("cat", RULE, [CAT, True, DOG]),
    ],
)
def test_the_discriminator_names_the_member_of_a_union(
    value: JsonValue, rule: JsonValue, expected: list[JsonValue]
) -> None:
    assert matching_members(value, {"oneOf": [CAT, True, DOG], "discriminator": rule}, "oneOf") == expected


def test_only_the_member_that_the_discriminator_names_is_applied() -> None:
    root: JsonObject = {
        "oneOf": [CAT, DOG],
        "discriminator": RULE,
        "$defs": {
            "Cat": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "Dog": {"type": "object", "properties": {"n": {"type": "string"}}},
        },
    }
    assert coerce({"kind": "cat", "n": "5"}, root, root) == ({"kind": "cat", "n": 5}, ("string_to_integer",))
    assert coerce({"kind": "hound", "n": "5"}, root, root) == ({"kind": "hound", "n": "5"}, ())
    assert coerce({"n": "5"}, root, root) == ({"n": "5"}, ())


def test_the_rules_that_a_value_breaks_are_counted() -> None:
    schema: JsonObject = {"type": "string", "enum": ["ab", "cd"], "minLength": 2}
    assert [count_violations(value, schema) for value in ("ab", "xy", "x", 5)] == [0, 1, 2, 2]
