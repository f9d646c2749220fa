from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.schema.decision_schema import decision_for, decision_schema
from toolgate_core.types.requests import ToolChoice, ToolDefinition

AUTO = ToolChoice("auto")
PING = ToolDefinition("ping", "Pings.", {"type": "object", "properties": {}})
WEATHER = ToolDefinition(
    "weather",
    "",
    {
        "type": "object",
        "title": "Weather",
        "properties": {"city": {"type": "string", "description": "where", "pattern": "^[A-Z]", "minLength": 1}},
        "required": ["city"],
    },
)


def form(name: str, arguments: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": [name]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def branch(action: str, key: str, value: JsonValue) -> JsonObject:
    return {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": [action]}, key: value},
        "required": ["action", key],
        "additionalProperties": False,
    }


PING_FORM = form("ping", {"type": "object", "properties": {}})
WEATHER_FORM = form(
    "weather",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def test_a_decision_is_a_call_of_any_tool_or_an_answer() -> None:
    calls: JsonObject = {"type": "array", "minItems": 1, "items": {"anyOf": [PING_FORM, WEATHER_FORM]}}
    assert decision_schema([PING, WEATHER], AUTO, parallel=True) == {
        "anyOf": [branch("call", "calls", calls), branch("answer", "answer", {"type": "string"})]
    }


def test_one_call_is_all_that_may_come_when_calls_are_not_parallel() -> None:
    calls: JsonObject = {"type": "array", "minItems": 1, "maxItems": 1, "items": PING_FORM}
    assert decision_schema([PING], ToolChoice("required"), parallel=False) == branch("call", "calls", calls)


def test_a_named_choice_is_exactly_one_call_of_that_tool() -> None:
    calls: JsonObject = {"type": "array", "minItems": 1, "maxItems": 1, "items": WEATHER_FORM}
    chosen = ToolChoice("named", name="weather")
    assert decision_schema([PING, WEATHER], chosen, parallel=True) == branch("call", "calls", calls)


def test_only_allowed_tools_can_be_called() -> None:
    schema = decision_schema([PING, WEATHER], ToolChoice("required", allowed=frozenset({"ping"})), parallel=True)
    assert schema == branch("call", "calls", {"type": "array", "minItems": 1, "items": PING_FORM})


def arguments_of(parameters: JsonObject) -> JsonObject:
    """The arguments' schema, with the hoisted definitions beside it."""
    schema = decision_schema([ToolDefinition("f", "", parameters)], ToolChoice("required"), parallel=True)
    arguments = schema["properties"]["calls"]["items"]["properties"]["arguments"]  # type: ignore[index,call-overload]
    assert isinstance(arguments, dict)
    return {**arguments, "$defs": schema["$defs"]} if "$defs" in schema else arguments


def property_of(schema: JsonValue) -> JsonValue:
    properties = arguments_of({"properties": {"p": schema}})["properties"]
    assert isinstance(properties, dict)
    return properties.get("p")


@pytest.mark.parametrize(
    ("schema", "reduced"),
    [
        ({"const": True}, {"enum": [True]}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "any"}, {}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 5, "multipleOf": 2}, {"type": "number", "minimum": 0, "exclusiveMaximum": 5}),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"type": "number", "minimum": 0}),
        ({"oneOf": [{"type": "null"}, False, True]}, {"anyOf": [{"type": "null"}, {}]}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "string"}),
        ({"type": "object", "allOf": [{}, {}]}, {"type": "object"}),
        ({"type": "array", "items": {"format": "date"}, "uniqueItems": True}, {"type": "array", "items": {}}),
        ({"type": "array", "items": False}, {"type": "array", "maxItems": 0}),
        ({"type": "array", "prefixItems": [{}], "items": {"type": "string"}}, {"type": "array"}),
        ({"type": "object"}, {"type": "object"}),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "object", "additionalProperties": {"type": "integer"}}),
        ({"properties": {"a": {}, "b": False}, "required": ["a", "c"]}, {"properties": {"a": {}}, "required": ["a"]}),
        ({"properties": {}, "additionalProperties": False, "patternProperties": {"^x": {}}}, {"properties": {}}),
        (True, {}),
    ],
)  # fmt: skip
def test_keywords_that_grammars_do_not_know_are_left_out(schema: JsonValue, reduced: JsonValue) -> None:
    assert property_of(schema) == reduced


def test_references_are_hoisted_without_collision() -> None:
    node: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    first = ToolDefinition(
        "a", "", {"type": "object", "properties": {"x": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    )
    second = ToolDefinition("b", "", {"properties": {"x": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "integer"}}})
    schema = decision_schema([first, second], ToolChoice("required"), parallel=True)
    assert schema["$defs"] == {
        "d0": {"type": "object", "properties": {"next": {"$ref": "#/$defs/d0"}}},
        "d1": {"type": "integer"},
    }
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"action": "call", "calls": [{"name": "a", "arguments": {"x": {"next": {"next": {}}}}}]})
    assert not validator.is_valid({"action": "call", "calls": [{"name": "b", "arguments": {"x": {}}}]})


def test_a_root_that_is_a_reference_is_put_in_place() -> None:
    closed: JsonObject = {"type": "object", "properties": {"v": {"type": "integer"}}, "additionalProperties": False}
    assert arguments_of({"$ref": "#/$defs/A", "$defs": {"A": closed}}) == closed
    assert arguments_of({"$ref": "#/$defs/A", "$defs": {"A": True}}) == {"type": "object"}


def test_an_answer_schema_keeps_its_keywords_and_moves_its_references() -> None:
    answer: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/A"},
            "b": {"$ref": "#/$defs/A"},
            "default": {"$ref": "#"},
            "tags": {"type": "array", "prefixItems": [{"$ref": "#/$defs/A"}], "default": {"$ref": "text"}},
        },
        "$defs": {"A": {"type": "string", "pattern": "^x"}},
    }
    schema = decision_schema([PING], AUTO, parallel=True, answer_schema=answer)
    moved: JsonObject = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/d0"},
            "b": {"$ref": "#/$defs/d0"},
            "default": {"$ref": "#/$defs/d1"},
            "tags": {"type": "array", "prefixItems": [{"$ref": "#/$defs/d0"}], "default": {"$ref": "text"}},
        },
    }
    branches: Any = schema["anyOf"]
    assert branches[1] == branch("answer", "answer", moved)
    assert schema["$defs"] == {"d0": {"type": "string", "pattern": "^x"}, "d1": moved}


def test_the_schema_is_the_same_bytes_for_the_same_tools() -> None:
    tools_json = encode([{"type": "function", "function": {"name": "ping"}}])
    first = decision_for(tools_json, AUTO, parallel=True, answer_json=b"")
    assert encode(first) == encode(decision_schema([PING], AUTO, parallel=True))
    assert decision_for(bytes(bytearray(tools_json)), ToolChoice("auto"), parallel=True, answer_json=b"") is first
    answered = decision_for(tools_json, AUTO, parallel=True, answer_json=b'{"type":"object"}')
    branches: Any = answered["anyOf"]
    assert branches[1] == branch("answer", "answer", {"type": "object"})
