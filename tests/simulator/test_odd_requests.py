"""Malformed requests are answered or refused, never with a failure of the simulator itself."""

import pytest
from toolgate_simulator.engine import Engine
from toolgate_simulator.faults import RefusedError
from toolgate_simulator.settings import Settings

from tests.simulator.samples import TOOLS, constrained, user

ENGINE = Engine(Settings(models=("qwen-strong",)))
LONG = 60_000


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "(",
        "[",
        "{",
        "<result>",
        "<tool>",
        '<invoke name="a">',
        "<parameter>",
        "1 + ",
        "weather in Tokyo ",
        "- a(b\n",
        "# a\n",
        " ",
        "\n",
        '{"name": "',
    ],
)
def test_long_and_repetitive_text_is_read_in_time(piece):
    text = piece * (LONG // len(piece))
    for messages in (
        user(text),
        [{"role": "system", "content": text}, *user("hi")],
        [*user("hi"), {"role": "assistant", "content": text}, *user("hi")],
    ):
        assert ENGINE.accept({"messages": messages}, "x").generations


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"anyOf": []},
        {"type": "object", "required": ["a", 1]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"$ref": "#"}},
            "required": ["name", "arguments"],
        },
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}}},
        {"properties": {"a": True}, "required": ["a"]},
    ],
)
def test_odd_schemas_are_filled(schema):
    forced = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    asked = user("How is the weather in Oslo?")
    assert ENGINE.accept({"messages": asked, "response_format": constrained(schema)}, "x").generations
    assert ENGINE.accept({"messages": asked, "tools": forced, "tool_choice": "required"}, "x").generations[0].calls == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": []},
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"allOf": [{"$ref": "#"}]},
        {"type": "integer", "minimum": 2**70},
        {"type": ["x"]},
        {"properties": {"a": 5}},
        {"items": [5]},
        {"maxItems": "x"},
        {"required": 5, "type": "object"},
        {"type": "array", "items": False, "minItems": "1"},
        {"minLength": {}, "type": "string"},
        {"type": "integer", "exclusiveMinimum": True},
        {"minimum": "1", "maximum": 0, "type": "number"},
    ],
)
def test_schemas_of_which_no_grammar_can_be_made_are_refused(schema):
    with pytest.raises(RefusedError):
        ENGINE.accept({"messages": user("How is the weather in Oslo?"), "response_format": constrained(schema)}, "x")


@pytest.mark.parametrize(
    "more",
    [
        {"stop": 5},
        {"structured_outputs": [1]},
        {"structured_outputs": {"json": "{"}},
        {"response_format": "x"},
        {"stream_options": 5, "stream": True},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": 5}},
    ],
)
def test_fields_of_the_wrong_type_are_refused(more):
    with pytest.raises(RefusedError):
        ENGINE.accept({"messages": user("Hello!"), **more}, "x")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [1, {"type": "image_url"}, {"type": "text", "text": None}]}],
        [
            *user("x"),
            {"role": "assistant", "tool_calls": [1, {"function": None}, {"function": {"name": 1, "arguments": 3}}]},
            {"role": "tool"},
        ],
        user("\ud800 hello"),
    ],
)
def test_odd_messages_are_read_as_far_as_they_go(messages):
    assert ENGINE.accept({"messages": messages, "tools": TOOLS}, "x").generations
