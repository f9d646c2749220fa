"""What a request is written as: byte for byte where nothing changed, and whole where something did."""

from __future__ import annotations

import pytest
from hypothesis import given
from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject, JsonValue, decode, decode_fields, encode
from toolgate_core.types.messages import Call, Media, Message, Part, Reasoning, Result, Text
from toolgate_core.types.requests import (
    EVERYTHING,
    ModelRequest,
    ResponseFormat,
    ToolChoice,
    ToolDefinition,
    model_request,
)
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.api.openai_chat.messages import read_messages
from toolgate_formats.codecs.openai_chat.messages import write_messages
from toolgate_formats.codecs.openai_chat.request import chat_body, request_body

from tests.support.chat_bodies import bodies

GATEWAYS_OWN = ("n", "stream", "stream_options")


def sent(request: ModelRequest, *, stream: bool = False) -> JsonObject:
    body = decode(request_body(request, stream=stream))
    assert isinstance(body, dict)
    return body


def without(body: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in body.items() if name not in names}


def spaced(value: JsonValue) -> bytes:
    """Return the JSON text of a value with spaces that no writer of ours makes."""
    if isinstance(value, dict):
        return b"{ " + b" , ".join(encode(name) + b" : " + spaced(item) for name, item in value.items()) + b" }"
    if isinstance(value, list):
        return b"[ " + b" , ".join(map(spaced, value)) + b" ]"
    return encode(value)


@given(bodies())
def test_a_parsed_request_is_written_as_it_was(body: JsonObject) -> None:
    assert decode(chat_body(parse_request(encode(body)))) == body


@given(bodies())
def test_untouched_fields_are_the_bytes_of_the_client(body: JsonObject) -> None:
    text = spaced(body)
    written = decode_fields(request_body(model_request(parse_request(text)), stream=False))
    assert without(written, "model") == without(decode_fields(text), "model", *GATEWAYS_OWN)  # type: ignore[arg-type]


@given(bodies())
def test_the_neutral_values_hold_everything(body: JsonObject) -> None:
    request = replace(model_request(parse_request(encode(body))), untouched=frozenset())
    expected = without(body, *GATEWAYS_OWN)
    if expected.get("parallel_tool_calls"):
        del expected["parallel_tool_calls"]  # the default
    if isinstance(expected.get("stop"), str):
        expected["stop"] = [expected["stop"]]
    if {"max_tokens", "max_completion_tokens"} <= expected.keys():
        expected["max_tokens"] = expected["max_completion_tokens"]  # the one that counts
    assert sent(request) == expected


@given(bodies())
def test_a_request_of_another_format_is_written_from_its_values(body: JsonObject) -> None:
    request = model_request(parse_request(encode(body)))
    foreign = replace(request, source=replace(request.source, format="other"))
    assert sent(foreign)["messages"] == body["messages"]


@pytest.mark.parametrize("attribute", sorted(EVERYTHING - {"messages"}))
def test_only_what_a_strategy_left_untouched_comes_from_the_source(attribute: str) -> None:
    text = b'{"model":"m","messages":[ ],"seed":1 ,"x":1.0,"stop":"a","max_tokens":5,"logprobs":true,"top_logprobs":2}'
    source = {name: value + b" " for name, value in decode_fields(text).items()}
    bare = ModelRequest(model="m", messages=())
    request = replace(bare, source=replace(bare.source, format="openai_chat", texts=source), untouched=EVERYTHING)
    names = {"sampling": {"seed"}, "fields": {"x"}}.get(attribute, {attribute})
    written = sent(replace(request, untouched=EVERYTHING - {attribute}))
    assert set(source) - set(written) == names & set(source)


def test_a_stream_always_asks_for_its_usage() -> None:
    request = model_request(parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}'))
    assert without(sent(request, stream=True), "model", "messages") == {
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sent(request).keys() == {"model", "messages"}


def test_special_tokens_are_kept_unless_the_client_says_otherwise() -> None:
    request = replace(ModelRequest(model="m", messages=()), keep_special_tokens=True)
    assert sent(request)["skip_special_tokens"] is False
    assert sent(replace(request, fields={"skip_special_tokens": True}))["skip_special_tokens"] is True


def test_a_limit_has_the_name_that_the_client_used() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        text = encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], name: 5})
        assert without(sent(model_request(parse_request(text)).change(max_tokens=9)), "model", "messages") == {name: 9}
    assert sent(ModelRequest(model="m", messages=(), max_tokens=9))["max_tokens"] == 9


def test_nothing_of_tools_is_sent_without_tools() -> None:
    request = ModelRequest(model="m", messages=(), tool_choice=ToolChoice("required"), parallel=False)
    assert sent(request) == {"model": "m", "messages": []}


def test_a_format_without_a_schema_has_its_kind_alone() -> None:
    request = ModelRequest(model="m", messages=(), response_format=ResponseFormat(kind="json_object"))
    assert sent(request)["response_format"] == {"type": "json_object"}


def test_other_messages_take_the_place_of_the_clients() -> None:
    text = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":1 }'
    request = parse_request(text).with_messages((Message("user", (Text("hello"),)),))
    expected = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "seed": 1}
    assert (sent(model_request(request)), decode(chat_body(request))) == (expected, expected)


def test_tools_that_travel_by_themselves_leave_null_in_their_place() -> None:
    tool: JsonValue = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]}
    assert decode(chat_body(parse_request(encode(body)), tools=False)) == {**body, "tools": None}
    bare = without(body, "tools")
    assert decode(chat_body(parse_request(encode(bare)), tools=False)) == bare


def test_strict_tools_a_named_choice_and_a_strict_format_are_written() -> None:
    function: JsonObject = {"name": "f", "description": "Does f.", "parameters": {"type": "object"}, "strict": True}
    body: JsonObject = {
        "model": "m",
        "messages": [],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": False},
        },
    }
    request = ModelRequest(
        model="m",
        messages=(),
        tools=(ToolDefinition(name="f", description="Does f.", parameters={"type": "object"}, strict=True),),
        tool_choice=ToolChoice("named", name="f"),
        response_format=ResponseFormat(kind="json_schema", name="s", schema={"type": "object"}, strict=False),
    )
    assert sent(request) == body


CALL = Call("c1", "f", '{"a": 1}', {"extra_content": {"s": 1}, "function": {"x": 2}})
CALL_BODY: JsonObject = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}', "x": 2},
    "extra_content": {"s": 1},
}


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (Message("user", (Text("hi"),), "ada"), {"role": "user", "content": "hi", "name": "ada"}),
        (
            Message("user", (Text("a", {"x": 1}), Media({"type": "file"})), plain=False),
            {"role": "user", "content": [{"type": "text", "text": "a", "x": 1}, {"type": "file"}]},
        ),
        (Message("user", (), plain=False), {"role": "user", "content": []}),
        (
            Message("assistant", (Reasoning("hm", name="reasoning_content"), CALL), fields={"refusal": "no"}),
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "refusal": "no",
                "tool_calls": [CALL_BODY],
            },
        ),
        (
            Message("tool", (Result("c1", (Text("r"),)),), "f", fields={"x": 1}),
            {"role": "tool", "tool_call_id": "c1", "content": "r", "name": "f", "x": 1},
        ),
    ],
)
def test_a_message_that_is_written_is_read_back(message: Message, body: JsonObject) -> None:
    assert write_messages([message]) == [body]
    assert read_messages([body]) == (message,)


def test_several_results_of_one_message_are_one_message_each() -> None:
    parts: tuple[Part, ...] = (Result("a", (Text("1"),)), Result("b", (Text("2"),), plain=False), Text("next?"))
    assert write_messages([Message("user", parts)]) == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "next?"},
    ]


def test_reasoning_that_is_not_text_stays_among_the_fields() -> None:
    body: JsonObject = {"role": "assistant", "content": "a", "reasoning": [1]}
    (message,) = read_messages([body])
    assert (message.parts, message.fields) == ((Text("a"),), {"reasoning": [1]})
