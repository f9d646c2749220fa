from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue, decode, encode
from toolgate_core.limits import (
    MAX_BODY_CONTAINERS,
    MAX_BODY_STRINGS,
    MAX_BODY_VALUES,
    MAX_CALLS_PER_MESSAGE,
    MAX_INLINE_BYTES,
    MAX_REMEMBERED_TOOLS_BYTES,
)
from toolgate_core.nesting import is_heavy
from toolgate_core.schema.definitions import NO_PARAMETERS
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import FailureKind
from toolgate_core.types.messages import Message, Text
from toolgate_core.types.requests import ChatRequest, ResponseFormat, Sampling, Source, ToolChoice, ToolDefinition
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.messages import write_messages
from toolgate_formats.codecs.openai_chat.request import chat_body

HELLO_LIST: list[JsonValue] = [{"role": "user", "content": "hello"}]
HELLO: JsonValue = HELLO_LIST
HELLO_MESSAGES = (Message("user", (Text("hello"),)),)


def tool(name: str = "f", **more: JsonValue) -> JsonObject:
    return {"type": "function", "function": {"name": name, **more}}


def body(**fields: JsonValue) -> bytes:
    return encode({"model": "m", "messages": HELLO, **fields})


def parsed(**fields: JsonValue) -> ChatRequest:
    return parse_request(body(**fields))


def sent_messages(request: ChatRequest) -> JsonValue:
    """Return the messages as they go to a server of the same format."""
    sent = decode(request.source.texts["messages"])
    assert isinstance(sent, list)
    # Written from their parts they are the same; a message of the assistant then always has a content.
    assert write_messages(request.messages) == [{"content": None, **message} for message in sent]  # type: ignore[dict-item]
    return sent


def refused(**fields: JsonValue) -> tuple[str | None, str | None]:
    with pytest.raises(RequestError) as caught:
        parse_request(body(**fields))
    assert caught.value.failure.kind is FailureKind.INVALID
    return caught.value.param, caught.value.code


def test_the_least_request_has_the_defaults() -> None:
    texts = {"model": b'"m"', "messages": encode(HELLO)}
    assert parsed() == ChatRequest(model="m", messages=HELLO_MESSAGES, source=Source("openai_chat", texts))


SENT_TOOLS = encode([tool("f", description="d", parameters={"type": "object", "properties": {}})])


def test_everything_that_is_decided_on_is_typed() -> None:
    fields: JsonObject = {
        "model": "m",
        "messages": HELLO,
        "tools": [tool("f", description="d")],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": "END",
        "response_format": {"type": "json_object"},
        "max_completion_tokens": 10,
        "max_tokens": 20,
        "logprobs": True,
        "top_logprobs": 3,
        "temperature": 0.5,
        "top_k": 40,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert parse_request(encode(fields)) == ChatRequest(
        model="m",
        messages=HELLO_MESSAGES,
        source=Source("openai_chat", {name: encode(value) for name, value in fields.items()} | {"tools": SENT_TOOLS}),
        tools=(ToolDefinition("f", "d", NO_PARAMETERS),),
        tools_json=encode([tool("f", description="d")]),
        tool_choice=ToolChoice("required"),
        parallel=False,
        n=2,
        stream=True,
        include_usage=True,
        stop=("END",),
        response_format=ResponseFormat(kind="json_object"),
        max_tokens=10,
        logprobs=True,
        top_logprobs=3,
        sampling=Sampling(temperature=0.5),
        fields={"top_k": 40, "chat_template_kwargs": {"enable_thinking": False}},
    )


def texts_of(**fields: JsonValue) -> dict[str, bytes]:
    return dict(parsed(**fields).source.texts)


def test_texts_are_the_clients_own_where_servers_accept_them() -> None:
    takes: JsonObject = {"type": "object"}
    raw = b'{"model": "m", "messages" : [ {"role":"user", "content":"hi"} ], "tools": [ %b ], "a\\"b": 1e400}'
    body = raw.replace(b"1e400", b" 1.50") % encode(tool(parameters=takes))
    assert parse_request(body).source.texts == {
        "model": b'"m"',
        "messages": b'[ {"role":"user", "content":"hi"} ]',
        "tools": b"[ %b ]" % encode(tool(parameters=takes)),
        'a"b': b"1.50",
    }


def test_the_text_of_messages_is_written_again_where_servers_refuse_it() -> None:
    assert texts_of(messages=[{"role": "user", "content": "hi", "name": None}])["messages"] == (
        b'[{"role":"user","content":"hi"}]'
    )
    assert texts_of(messages=[{"role": "assistant", "content": "hi", "tool_calls": []}])["messages"] == (
        b'[{"role":"assistant","content":"hi"}]'
    )
    silent = {"role": "assistant", "tool_calls": calling("a")["tool_calls"]}
    assert texts_of(messages=[silent, result("a")])["messages"] == encode([{**silent, "content": None}, result("a")])


def test_the_text_of_tools_is_written_again_where_servers_refuse_it() -> None:
    empty: JsonObject = {"type": "object", "properties": {}}
    for given in (tool(), tool(description=None), tool(parameters=None), tool(parameters={}, strict=None)):
        assert texts_of(tools=[given, tool("g", parameters=empty)])["tools"] == encode(
            [tool(parameters=empty), tool("g", parameters=empty)]
        )
    assert texts_of(functions=[{"name": "f"}])["tools"] == encode([tool(parameters=empty)])


def test_nulls_in_the_schema_of_a_tool_stay() -> None:
    schema: JsonObject = {"type": "object", "properties": {"unit": {"enum": ["C", None], "default": None}}}
    assert texts_of(tools=[tool(strict=None, parameters=schema)])["tools"] == encode([tool(parameters=schema)])


def test_tools_too_long_to_be_remembered_are_read_all_the_same() -> None:
    long = "x" * (MAX_REMEMBERED_TOOLS_BYTES // 8)
    request = parsed(tools=[tool(description=long)])
    assert request.tools[0].name == "f"
    assert request == parsed(tools=[tool(description=long)])


def test_nulls_at_the_top_level_count_as_absent() -> None:
    nulls: JsonObject = dict.fromkeys(
        ("tools", "tool_choice", "stop", "n", "stream", "stream_options", "seed", "functions", "function_call", "x_y")
    )
    assert parsed(**nulls) == parsed()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "could not parse"),
        (b"{", "could not parse"),
        (b'{"model": "\xff"}', "could not parse"),
        (b"[" * 100_000, "could not parse"),
        (b'{"a":' * 100_000, "could not parse"),
        (b'{"seed": ' + b"9" * 5_000 + b"}", "could not parse"),
        (b"[]", "must be an object"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        parse_request(raw)
    assert (caught.value.failure.kind, caught.value.param, caught.value.code) == (FailureKind.INVALID, None, None)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"[" * 300 + b"]" * 300, None),
        (b'[{"a":' * 130 + b"1" + b"}]" * 130, None),
        (b"[" + b",".join([b"[]"] * MAX_BODY_CONTAINERS) + b"]", "too_many_values"),
        (b"[" + b",".join([b"1"] * (MAX_BODY_VALUES + 2)) + b"]", "too_many_values"),
        (b"[" + b",".join([b'""'] * (MAX_BODY_VALUES + 2)) + b"]", "too_many_values"),
        (b"[" + b",".join([b'"[]"'] * (MAX_BODY_STRINGS + 2)) + b"]", "too_many_values"),
    ],
)
def test_a_field_that_holds_too_much_is_named(value: bytes, code: str | None) -> None:
    for field in ("metadata", "tools"):
        with pytest.raises(RequestError) as caught:
            parse_request(b'{"model": "m", "messages": [], "' + field.encode() + b'": ' + value + b"}")
        assert (caught.value.failure.kind, caught.value.param, caught.value.code) == (FailureKind.INVALID, field, code)


@pytest.mark.parametrize(
    "text",
    ["[]{}," * 300_000, '{"a": "\\"}' * 100_000, '"[' * 240_000, "\\" * 1_000_000 + '"' + "[" * 1_000],
)
def test_brackets_in_a_text_do_not_count(text: str) -> None:
    messages: JsonValue = [{"role": "user", "content": text}]
    assert sent_messages(parsed(messages=messages)) == messages


def test_what_may_take_long_to_read_is_known_from_the_bytes() -> None:
    assert not is_heavy(body(tools=[tool()]))
    assert is_heavy(body(tools=[tool(parameters={"type": "object", "properties": {"a": {"pattern": "a"}}})]))
    assert is_heavy(body().replace(b"hello", b"\\u0070attern"))
    assert is_heavy(body(messages=[{"role": "user", "content": "x" * MAX_INLINE_BYTES}]))


def test_many_brackets_side_by_side_are_fine() -> None:
    assert parsed(metadata={"x": [[]] * 300, "y": "[" * 300}).model == "m"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", None),
        ({"model": ""}, "model", None),
        ({"model": 5}, "model", None),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"n": True}, "n", "invalid_type"),
        ({"temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"temperature": "1"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"presence_penalty": -2.5}, "presence_penalty", "decimal_below_min_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"top_logprobs": 2}, "top_logprobs", None),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs", "integer_above_max_value"),
        ({"logprobs": 1}, "logprobs", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stop": ["a", 5]}, "stop", "invalid_type"),
        ({"stream_options": {}}, "stream_options", None),
        ({"stream": True, "stream_options": []}, "stream_options", "invalid_type"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage", "invalid_type"),
        ({"response_format": "json"}, "response_format", "invalid_type"),
        ({"tools": [tool()], "guided_json": {"type": 3}}, "guided_json", "invalid_json_schema"),
        ({"tools": [tool()], "structured_outputs": {"json": {"type": 3}}}, "structured_outputs", "invalid_json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "invalid_type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name",
            "invalid_type",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": []}}},
            "response_format.json_schema.schema",
            "invalid_type",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strin"}}}},
            "response_format.json_schema.schema",
            "invalid_json_schema",
        ),
    ],
)
def test_a_bad_field_is_named(fields: JsonObject, param: str, code: str | None) -> None:
    assert refused(**fields) == (param, code)


def test_stops_are_always_a_tuple() -> None:
    assert parsed(stop=["a", "", "b"]).stop == ("a", "b")
    assert parsed(stop="").stop == ()
    assert parsed(stream=True, stream_options={}).include_usage is False


@pytest.mark.parametrize(
    "schema", [None, {"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "string"}}}]
)
def test_a_response_format_may_have_any_root(schema: JsonValue) -> None:
    wanted: JsonObject = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    root = schema if isinstance(schema, dict) else None
    assert parsed(response_format=wanted).response_format == ResponseFormat(kind="json_schema", name="x", schema=root)


def test_text_is_not_a_response_format() -> None:
    assert parsed(response_format={"type": "text"}).response_format is None


# Tools and what may be called


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "g"}}, ToolChoice("named", name="g")),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("f")]}},
            ToolChoice("required", allowed=frozenset({"f"})),
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("f"), tool("g")]}},
            ToolChoice("auto", allowed=frozenset({"f", "g"})),
        ),
    ],
)
def test_what_may_be_called_is_read(choice: JsonValue, expected: ToolChoice) -> None:
    assert parsed(tools=[tool("f"), tool("g")], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ("any", "invalid_value"),
        (5, "invalid_value"),
        ({"function": {"name": "f"}}, "invalid_value"),
        ({"type": "function"}, "invalid_value"),
        ({"type": "function", "function": {"name": "unknown"}}, None),
        ({"type": "custom", "custom": {"name": "f"}}, "invalid_value"),
        ({"type": "allowed_tools"}, "invalid_value"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, "invalid_value"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": [tool()]}}, "invalid_value"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": ["f"]}}, "invalid_value"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("unknown")]}}, None),
    ],
)
def test_a_bad_tool_choice_is_refused(choice: JsonValue, code: str | None) -> None:
    assert refused(tools=[tool()], tool_choice=choice) == ("tool_choice", code)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"tools": "x"}, "tools", None),
        ({"tools": {}}, "tools", None),
        ({"tools": [tool(f"f{i}") for i in range(129)]}, "tools", "array_above_max_length"),
        ({"tools": [tool("a b")]}, "tools[0].function.name", "invalid_value"),
        ({"tools": [tool("")]}, "tools[0].function.name", "invalid_value"),
        ({"tools": [tool(parameters={"type": "array"})]}, "tools[0].function.parameters", "invalid_function_parameters"),
        ({"tools": [tool(), tool("g", strict=True, parameters={"type": "object"})]}, "tools[1].function.parameters", "invalid_function_parameters"),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tools": [], "tool_choice": "required"}, "tool_choice", None),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"tools": [tool()], "parallel_tool_calls": "no"}, "parallel_tool_calls", "invalid_type"),
    ],
)  # fmt: skip
def test_bad_tools_are_refused(fields: JsonObject, param: str, code: str | None) -> None:
    assert refused(**fields) == (param, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
        {"tool_choice": "none"},
        {"functions": []},
        {"function_call": "none"},
    ],
)
def test_what_says_nothing_without_tools_is_dropped(fields: JsonObject) -> None:
    assert parsed(**fields) == parsed()


# The older form


def test_functions_become_tools() -> None:
    request = parsed(functions=[{"name": "f"}, {"name": "g"}], function_call={"name": "g"})
    assert request.legacy_functions
    assert not request.parallel
    assert request.tool_choice == ToolChoice("named", name="g")
    assert decode(chat_body(request)) == {
        "model": "m",
        "messages": HELLO,
        "tools": [tool("f", parameters=dict(NO_PARAMETERS)), tool("g", parameters=dict(NO_PARAMETERS))],
        "tool_choice": {"type": "function", "function": {"name": "g"}},
        "parallel_tool_calls": False,
    }
    assert parsed(functions=[{"name": "f"}], function_call="none").tool_choice == ToolChoice("none")
    assert parsed(functions=[{"name": "f"}]).tool_choice == ToolChoice("auto")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": [{"name": "f"}], "tools": [tool()]}, "functions"),
        ({"functions": {}}, "functions"),
        ({"functions": [{"name": f"f{i}"} for i in range(129)]}, "functions"),
        ({"functions": [{"name": "f", "parameters": {"type": "array"}}]}, "functions[0].parameters"),
        ({"functions": [{"name": "f"}], "function_call": "required"}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call"),
        ({"function_call": {"name": "g"}}, "function_call"),
    ],
)
def test_a_bad_older_form_is_named_by_its_own_fields(fields: JsonObject, param: str) -> None:
    assert refused(**fields)[0] == param


def test_the_older_form_in_the_history_becomes_calls_and_results() -> None:
    messages: JsonValue = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
    ]
    assert sent_messages(parsed(messages=messages)) == [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
    ]


# Messages


def calling(*ids: str, **more: JsonValue) -> JsonObject:
    calls: JsonValue = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(call_id: str, content: JsonValue = "ok") -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "s"}, {"role": "developer", "content": [{"type": "text", "text": "t"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}, {"type": "new_kind"}]}],
        [{"role": "assistant", "content": "a", "name": "x"}, {"role": "assistant", "content": None, "refusal": "no"}],
        [{"role": "assistant", "reasoning_content": "hm"}],
        [calling("a", "b"), result("b"), result("a"), {"role": "user", "content": ""}],
        [calling("a", content=""), result("a", [{"type": "text", "text": "t"}])],
        [calling("x" * 46), result("x" * 46)],
        [calling("a"), result("a"), calling("a"), result("a")],
    ],
)
def test_good_messages_go_on_as_they_are(messages: JsonValue) -> None:
    assert sent_messages(parsed(messages=messages)) == messages


@pytest.mark.parametrize("empty", [[], None])
def test_empty_calls_in_the_history_are_dropped(empty: JsonValue) -> None:
    said: JsonValue = [{"role": "assistant", "content": "hi", "tool_calls": empty}]
    assert sent_messages(parsed(messages=said)) == [{"role": "assistant", "content": "hi"}]
    silent: JsonValue = [{"role": "assistant", "content": None, "tool_calls": empty}]
    assert sent_messages(parsed(messages=silent)) == [{"role": "assistant", "content": ""}]


def bad_call(**changes: JsonValue) -> list[JsonValue]:
    call: JsonObject = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, **changes}
    return [{"role": "assistant", "tool_calls": [call]}, result("a")]


CALL = "messages[0].tool_calls[0]"


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        (None, "messages", "missing_required_parameter"),
        ({}, "messages", "invalid_type"),
        ([], "messages", "empty_array"),
        (["x"], "messages[0]", "invalid_type"),
        ([{"content": "x"}], "messages[0].role", "invalid_value"),
        ([{"role": "bot", "content": "x"}], "messages[0].role", "invalid_value"),
        ([{"role": "user"}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": ["x"]}], "messages[0].content[0]", "invalid_type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text", "invalid_type"),
        ([{"role": "assistant", "content": 5}], "messages[0].content", "invalid_type"),
        ([{"role": "assistant", "content": None}], "messages[0].content", "invalid_type"),
        ([{"role": "assistant", "tool_calls": "x"}], "messages[0].tool_calls", "invalid_type"),
        ([{"role": "assistant", "tool_calls": ["x"]}], CALL, "invalid_type"),
        (bad_call(type="custom"), f"{CALL}.type", None),
        (bad_call(function=None), f"{CALL}.function", "missing_required_parameter"),
        (bad_call(function={"name": "", "arguments": ""}), f"{CALL}.function.name", "empty_string"),
        (bad_call(function={"arguments": ""}), f"{CALL}.function.name", "missing_required_parameter"),
        (bad_call(function={"name": "f", "arguments": {}}), f"{CALL}.function.arguments", "invalid_type"),
        (bad_call(id=""), f"{CALL}.id", "missing_required_parameter"),
        ([calling("a", "a")], "messages[0].tool_calls[1].id", None),
        ([result("a")], "messages.[0].role", None),
        ([calling("a"), result("b")], "messages.[1].role", None),
        ([calling("a"), result("a"), result("a")], "messages.[2].role", None),
        ([calling("a", "b"), result("a"), {"role": "user", "content": "x"}], "messages.[2].role", None),
        ([calling("a", "b"), result("a")], "messages.[1].role", None),
        ([calling("a"), result("a"), {"role": "user", "content": "x"}, result("a")], "messages.[3].role", None),
        ([calling("a"), result("a", None)], "messages[1].content", "invalid_type"),
        ([calling("a"), {"role": "tool", "content": "x"}], "messages[1].tool_call_id", "missing_required_parameter"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages.[0].role", None),
        ([calling("a"), {"role": "function", "content": "x"}], "messages[1].name", None),
        ([calling("a"), result("a"), {"role": "function", "name": "f", "content": "x"}], "messages.[2].role", None),
        ([calling("a", function_call={"name": "f", "arguments": ""})], "messages[0].function_call", None),
    ],
)
def test_bad_messages_are_refused(messages: JsonValue, param: str, code: str | None) -> None:
    assert refused(messages=messages) == (param, code)


def test_as_many_calls_as_an_answer_may_hold_are_answered_in_any_order() -> None:
    ids = [f"c{place}" for place in range(MAX_CALLS_PER_MESSAGE)]
    messages: list[JsonValue] = [calling(*ids), *(result(call_id) for call_id in reversed(ids))]
    assert sent_messages(parsed(messages=messages)) == messages


@pytest.mark.parametrize("count", [MAX_CALLS_PER_MESSAGE + 1, 20_000])
def test_more_calls_in_one_message_are_refused(count: int) -> None:
    ids = [f"c{place}" for place in range(count)]
    messages: list[JsonValue] = [calling(*ids), *(result(call_id) for call_id in ids)]
    assert refused(messages=[*HELLO_LIST, *messages]) == ("messages[1].tool_calls", "array_above_max_length")


def test_a_history_of_many_calls_is_read() -> None:
    messages: list[JsonValue] = []
    for place in range(1_000):
        messages += [calling(f"a{place}", f"b{place}"), result(f"b{place}"), result(f"a{place}")]
    assert len(parsed(messages=messages).messages) == 3_000


def test_an_error_quotes_little_of_what_was_sent() -> None:
    with pytest.raises(RequestError, match=r"no response: x{64}, c1, c2, c3, c4, …") as caught:
        parse_request(body(messages=[calling("x" * 100_000, *(f"c{place}" for place in range(1, 100)))]))
    assert len(caught.value.message) < 400


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [tool(LONG), tool(LONG)]},
        {"tools": [{"type": LONG, "function": {}}]},
        {"tools": [tool(LONG, parameters={"type": LONG})]},
        {"tools": [tool("f", parameters={"type": "object", "properties": {LONG: {"type": LONG}}})]},
        {"tools": [tool("f", parameters={"type": "object", "$ref": f"#/{LONG}"})]},
        {"tools": [tool("f", strict=True, parameters={"type": "object", "properties": {LONG: {}}})]},
        {"tools": [tool("f")], "tool_choice": LONG},
        {"tools": [tool("f")], "tool_choice": {"type": "function", "function": {"name": LONG}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": LONG, "schema": {"type": LONG}}}},
        {"response_format": {"type": LONG}},
        {"messages": [{"role": LONG, "content": "x"}]},
        {"messages": [calling(LONG, LONG)]},
        {"messages": [calling("a"), result(LONG)]},
        {"functions": [{"name": "f"}], "function_call": {"name": LONG}},
    ],
)
def test_no_error_is_long(fields: JsonObject) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(body(**fields))
    assert len(caught.value.message) < 800
    assert len(caught.value.param or "") < 100
