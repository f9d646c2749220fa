"""Where references lead, and that none of them can cost much or raise."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_REFERENCE
from toolgate_core.schema.compiling import SchemaError, compile_schema
from toolgate_core.schema.references import follow

ROOT: JsonObject = {"anyOf": [{"type": "string"}, {"type": "null"}], "$defs": {"a/b": {"const": 1}, "~": {"const": 2}}}


@pytest.mark.parametrize(
    ("ref", "target"),
    [
        ("#", ROOT),
        ("#/anyOf/1", {"type": "null"}),
        ("#/$defs/a~1b", {"const": 1}),
        ("#/$defs/~0", {"const": 2}),
        ("#/$defs/%7E0", {"const": 2}),
    ],
)
def test_a_local_reference_leads_into_the_schema(ref: str, target: JsonValue) -> None:
    assert follow(ref, ROOT) == target


@pytest.mark.parametrize(
    "ref",
    [
        "#/anyOf/2",
        "#/anyOf/01",
        "#/anyOf/-1",
        "#/anyOf/\u0661",
        "#/anyOf/1x",
        "#/anyOf/" + "9" * 20,
        "#/anyOf/" + "9" * 4_400,
        "#/anyOf/" + "1" * 900,
        "#/anyOf/0/type/0",
        "#/nothing",
        "#/" + "a/" * MAX_REFERENCE,
        "other.json",
        7,
        None,
    ],
)
def test_a_reference_to_nowhere_leads_to_nothing(ref: JsonValue) -> None:
    assert follow(ref, ROOT) is None
    with pytest.raises(SchemaError):
        compile_schema({"type": "object", "properties": {"a": {"$ref": ref}, "b": ROOT}})
