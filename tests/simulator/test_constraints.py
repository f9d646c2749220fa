import json
from typing import Any

import pytest
from jsonschema_rs import validator_for

from tests.simulator.samples import CALCULATOR, TEXT, TOOLS, WEATHER, ask, constrained, decision_schema, user

TWO_CITIES = "What's the weather in Tokyo and Paris?"


def decided(question: str, schema: dict[str, Any], **more) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(ask(question, response_format=constrained(schema), **more).text or "")
    assert validator_for(schema).is_valid(value)
    return value


def test_a_decision_carries_the_calls_or_the_answer():
    schema = decision_schema([WEATHER, CALCULATOR])
    both = [{"name": "get_weather", "arguments": {"city": city}} for city in ("Tokyo", "Paris")]
    assert decided(TWO_CITIES, schema) == {"action": "call", "calls": both}
    assert decided("Hello!", schema) == {"action": "answer", "answer": "Hello! How can I help you today?"}


def test_a_schema_with_calls_only_gets_the_best_call():
    schema = decision_schema([WEATHER, CALCULATOR], forced=True, most=1)
    assert decided(TWO_CITIES, schema)["calls"] == [{"name": "get_weather", "arguments": {"city": "Tokyo"}}]
    assert len(decided("Hello!", schema)["calls"]) == 1


def test_tools_with_a_decision_schema_are_decided_in_json():
    draft = ask(TWO_CITIES, tools=TOOLS, response_format=constrained(decision_schema(TOOLS)))
    assert (draft.calls, json.loads(draft.text or "")["action"]) == ((), "call")


@pytest.mark.parametrize(
    ("schema", "called", "spoken"),
    [
        (
            {
                "type": "object",
                "properties": {
                    "thought": TEXT,
                    "tool": {"type": "string", "enum": ["get_weather", "calculator", "final_answer"]},
                    "tool_input": {"type": "object"},
                },
                "required": ["thought", "tool", "tool_input"],
            },
            lambda value: (value["tool"], value["tool_input"]) == ("calculator", {"expression": "17 * 23"}),
            lambda value: value["tool"] == "final_answer",
        ),
        (
            {
                "$defs": {
                    "call": {
                        "type": "object",
                        "properties": {"function": TEXT, "args": {"type": "object"}},
                        "required": ["function", "args"],
                    }
                },
                "type": "object",
                "properties": {
                    "needs_tool": {"type": "boolean"},
                    "call": {"anyOf": [{"$ref": "#/$defs/call"}, {"type": "null"}]},
                    "response": {"type": ["string", "null"]},
                },
                "required": ["needs_tool", "call", "response"],
            },
            lambda value: (
                value
                == {
                    "needs_tool": True,
                    "call": {"function": "calculator", "args": {"expression": "17 * 23"}},
                    "response": None,
                }
            ),
            lambda value: (
                (value["needs_tool"], value["call"]) == (False, None) and value["response"].startswith("Hello")
            ),
        ),
        (
            {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {
                            "type": {"const": "tool_call"},
                            "name": {"enum": ["calculator"]},
                            "parameters": TEXT,
                        },
                        "required": ["type", "name", "parameters"],
                    },
                    {
                        "type": "object",
                        "properties": {"type": {"const": "message"}, "text": TEXT},
                        "required": ["type", "text"],
                    },
                ]
            },
            lambda value: (
                value == {"type": "tool_call", "name": "calculator", "parameters": '{"expression": "17 * 23"}'}
            ),
            lambda value: value == {"type": "message", "text": "Hello! How can I help you today?"},
        ),
    ],
)
def test_other_peoples_decision_forms_are_understood(schema, called, spoken):
    prompt = [
        {"role": "system", "content": "\n".join(json.dumps(entry["function"]) for entry in (WEATHER, CALCULATOR))}
    ]
    assert called(decided("", schema, messages=[*prompt, *user("What is 17 * 23?")]))
    assert spoken(decided("", schema, messages=[*prompt, *user("Hello!")]))


def test_a_schema_for_an_answer_is_filled_from_the_question():
    schema = {
        "type": "object",
        "properties": {
            "city": TEXT,
            "days": {"type": "integer", "minimum": 1},
            "kind": {"enum": ["forecast", "report"]},
            "tags": {"type": "array", "items": TEXT, "minItems": 2},
            "place": {"$ref": "#/$defs/place"},
            "note": TEXT,
        },
        "required": ["city", "days", "kind", "tags", "place"],
        "$defs": {
            "place": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}, "required": ["name"]}
        },
        "additionalProperties": False,
    }
    value = decided("How is the weather in Oslo for 3 days?", schema)
    assert (value["city"], value["days"], value["kind"], len(value["tags"])) == ("Oslo", 3, "forecast", 2)


def test_a_schema_that_refers_to_itself_is_filled_to_an_end():
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value", "children"],
            }
        },
    }
    assert decided("Count to 4", tree) == {"value": 4, "children": []}


def test_structured_outputs_are_honoured_like_a_response_format():
    schema = decision_schema([WEATHER])
    draft = ask("Weather in Rome?", structured_outputs={"json": schema})
    assert json.loads(draft.text or "")["calls"] == [{"name": "get_weather", "arguments": {"city": "Rome"}}]


def test_json_object_is_an_object():
    assert json.loads(ask("Hello!", response_format={"type": "json_object"}).text or "") == {
        "answer": "Hello! How can I help you today?"
    }
