from __future__ import annotations

from typing import NamedTuple, TypedDict, cast

import pytest
from msgspec.structs import replace
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.jsontext import JsonObject, JsonValue, decode, encode, encode_str
from toolgate_core.schema.decision_schema import decision_schema
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.envelope import ENVELOPE_TOKENS
from toolgate_core.strategies.history import MAX_QUOTED
from toolgate_core.strategies.table import transform
from toolgate_core.strategies.two_pass import MAX_DRAFT
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import AttemptOutcome, Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import chat_body, request_body
from typing_extensions import Unpack

FAULT = Fault(AttemptOutcome.SCHEMA_INVALID, "f: city is required and missing.", '{"days":1}')
RETRY = (
    "That answer could not be used: f: city is required and missing. Give the whole answer again, with this corrected."
)
EMULATED = [(Strategy.GUIDED, True), (Strategy.BRIDGE, True), (Strategy.BRIDGE, False), (Strategy.TWO_PASS, True)]


class Options(TypedDict, total=False):
    constrained: bool
    dialect: str
    capabilities: Capabilities
    fault: Fault
    draft: str
    reasoning_open: bool


def tool(name: str, **more: JsonValue) -> JsonObject:
    parameters: JsonValue = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


TOOLS: list[JsonValue] = [tool("f", description="Does f."), tool("g")]


def user(content: JsonValue) -> JsonObject:
    return {"role": "user", "content": content}


def request_of(*messages: JsonValue, **fields: JsonValue) -> ChatRequest:
    asked = list(messages) or [user("hi")]
    return parse_request(encode({"model": "m", "messages": asked, "tools": TOOLS, **fields}))


class Shaped(NamedTuple):
    """What a strategy makes of a request: the body as an OpenAI-compatible upstream gets it, and the plan."""

    body: JsonObject
    plan: Plan


def shaped(request: ChatRequest, strategy: Strategy, **options: Unpack[Options]) -> Shaped:
    before = chat_body(request)
    given: Options = {"constrained": True, "dialect": "function_calls", **options}
    done = transform(Transform(request=request, strategy=strategy, **given))
    assert chat_body(request) == before
    body = decode(request_body(done.request, stream=False))
    # Nothing may depend on the source: from the neutral values alone comes the same.
    rewritten = decode(request_body(replace(done.request, untouched=frozenset()), stream=False))
    assert isinstance(body, dict)
    assert rewritten == without_defaults(body)
    return Shaped(body, done.plan)


def without_defaults(body: JsonObject) -> JsonObject:
    """Return a body that is written from neutral values: with the defaults of a tool request."""
    rest: JsonObject = {key: value for key, value in body.items() if (key, value) != ("parallel_tool_calls", True)}
    if "tools" in rest:
        rest.setdefault("tool_choice", "auto")
    if isinstance(rest.get("stop"), str):
        rest["stop"] = [rest["stop"]]
    if rest.get("response_format") == {"type": "text"}:
        del rest["response_format"]
    return rest


def messages_of(done: Shaped) -> list[JsonObject]:
    return cast("list[JsonObject]", done.body["messages"])


def system_of(done: Shaped) -> str:
    first = messages_of(done)[0]
    assert first["role"] == "system"
    return str(first["content"])


def calling(arguments: str, content: JsonValue = None) -> JsonObject:
    call: JsonObject = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": content, "tool_calls": [call]}


def result(content: JsonValue, call_id: str = "c1") -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# native


def test_native_sends_what_the_client_sent_without_the_drivers_fields() -> None:
    request = request_of(
        n=2,
        stream=True,
        stream_options={"include_usage": True},
        stop="X",
        logprobs=True,
        top_k=5,
        tool_choice="required",
    )
    assert shaped(request, Strategy.NATIVE) == Shaped(
        {
            "model": "m",
            "messages": [user("hi")],
            "tools": TOOLS,
            "stop": "X",
            "logprobs": True,
            "top_k": 5,
            "tool_choice": "required",
        },
        Plan(strategy=Strategy.NATIVE, form="native", dialect="function_calls"),
    )


def test_strict_is_added_for_forced_calls_where_the_upstream_knows_it() -> None:
    knows = Capabilities(strict=True)
    closed: JsonObject = {"type": "object", "properties": {}, "additionalProperties": False}
    plain: list[JsonValue] = [tool("f", parameters=closed)]
    asked = request_of(tools=plain, tool_choice="required")
    assert shaped(asked, Strategy.NATIVE, capabilities=knows).body["tools"] == [
        tool("f", parameters=closed, strict=True)
    ]
    assert shaped(request_of(tools=plain), Strategy.NATIVE, capabilities=knows).body["tools"] == plain
    loose: list[JsonValue] = [tool("f", parameters=closed, strict=False)]
    refused = request_of(tools=loose, tool_choice="required")
    assert shaped(refused, Strategy.NATIVE, capabilities=knows).body["tools"] == loose


def test_strict_is_not_added_to_a_schema_that_its_rules_forbid() -> None:
    knows = Capabilities(strict=True)
    tools: list[JsonValue] = [*TOOLS, {"type": "function", "function": {"name": "h"}}]
    request = request_of(tools=tools, tool_choice="required")
    empty: JsonObject = {"type": "object", "properties": {}}
    assert shaped(request, Strategy.NATIVE, capabilities=knows).body["tools"] == [*TOOLS, tool("h", parameters=empty)]


@pytest.mark.parametrize(
    "function", [{"name": "h"}, {"name": "h", "parameters": None}, {"name": "h", "parameters": {}}]
)
@pytest.mark.parametrize("strategy", [Strategy.NATIVE, Strategy.GUIDED])
def test_a_tool_without_parameters_gets_the_empty_object_schema(function: JsonObject, strategy: Strategy) -> None:
    request = request_of(tools=[*TOOLS, {"type": "function", "function": function}])
    sent = shaped(request, strategy).body["tools"]
    assert sent == [*TOOLS, tool("h", parameters={"type": "object", "properties": {}})]


def test_calls_without_content_are_replayed_with_null() -> None:
    call: JsonObject = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    talk: list[JsonValue] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    body = shaped(request_of(*talk), Strategy.NATIVE).body
    assert body["messages"] == [talk[0], {"role": "assistant", "tool_calls": [call], "content": None}, talk[2]]


def test_special_tokens_are_kept_where_the_upstream_can() -> None:
    knows = Capabilities(skip_special_tokens=True)
    assert shaped(request_of(), Strategy.NATIVE, capabilities=knows).body["skip_special_tokens"] is False
    asked = request_of(skip_special_tokens=True)
    assert shaped(asked, Strategy.NATIVE, capabilities=knows).body["skip_special_tokens"] is True


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_are_the_only_ones_sent(mode: str) -> None:
    named: JsonValue = [{"type": "function", "function": {"name": "g"}}]
    request = request_of(tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}})
    body = shaped(request, Strategy.NATIVE).body
    assert (body["tools"], body["tool_choice"]) == ([TOOLS[1]], mode)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{"city": "a"}', '{"city": "a"}'),
        ("", "{}"),
        ("null", "{}"),
        ("{'city': 'a'", '{"city":"a"}'),
        ('{"city": "Par', encode_str({"unreadable": '{"city": "Par'})),
        ("[1]", '{"unreadable":"[1]"}'),
    ],
)
def test_arguments_in_the_history_are_objects_when_they_go_upstream(written: str, sent: str) -> None:
    request = request_of(user("hi"), calling(written), result("ok"))
    assert messages_of(shaped(request, Strategy.NATIVE)) == [user("hi"), calling(sent), result("ok")]


def test_a_retry_quotes_the_answer_and_its_fault() -> None:
    request = request_of(user("hi"))
    asked = [user("hi"), {"role": "assistant", "content": '{"days":1}'}, user(RETRY)]
    assert messages_of(shaped(request, Strategy.NATIVE, fault=FAULT)) == asked
    long = Fault(AttemptOutcome.PARSE_ERROR, "bad.", "x" * 9_000)
    assert messages_of(shaped(request, Strategy.NATIVE, fault=long))[1]["content"] == "x" * MAX_QUOTED


def test_a_fault_without_an_answer_is_in_the_last_user_message() -> None:
    silent = Fault(AttemptOutcome.NO_TOOL_CALL, "No tool was called.")
    asked = messages_of(shaped(request_of(user("hi")), Strategy.NATIVE, fault=silent))
    assert asked == [
        user(
            "hi\n\nThat answer could not be used: No tool was called. Give the whole answer again, with this corrected."
        )
    ]


# guided


def decision_format(request: ChatRequest, answer: JsonObject | None = None) -> JsonObject:
    schema = decision_schema(request.tools, request.tool_choice, parallel=request.parallel, answer_schema=answer)
    return {"type": "json_schema", "json_schema": {"name": "decision", "schema": schema, "strict": True}}


def test_guided_keeps_the_tools_and_asks_for_a_decision() -> None:
    request = request_of({"role": "system", "content": "Be brief."}, user("hi"), tool_choice="required")
    done = shaped(request, Strategy.GUIDED)
    assert done.plan == Plan(strategy=Strategy.GUIDED, form="decision", dialect="decision", constrained=True)
    assert {key: value for key, value in done.body.items() if key != "messages"} == {
        "model": "m",
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": decision_format(request),
    }
    assert system_of(done) == (
        "Be brief.\n\nAnswer with one JSON object that calls a tool, and nothing else: "
        '{"action": "call", "calls": [{"name": "TOOL_NAME", "arguments": {"PARAMETER_NAME": "VALUE"}}]}'
    )
    assert messages_of(done)[1:] == [user("hi")]


def test_guided_offers_an_answer_where_one_may_come() -> None:
    text = system_of(shaped(request_of(), Strategy.GUIDED))
    assert text.endswith('to call tools, or {"action": "answer", "answer": "TEXT FOR THE USER"} to answer in text.')


def test_guided_sends_only_the_named_tool() -> None:
    request = request_of(tool_choice={"type": "function", "function": {"name": "g"}})
    assert shaped(request, Strategy.GUIDED).body["tools"] == [TOOLS[1]]


def test_guided_quotes_a_fault() -> None:
    assert messages_of(shaped(request_of(), Strategy.GUIDED, fault=FAULT))[-1] == user(RETRY)


def test_guided_adds_to_a_system_message_made_of_parts() -> None:
    parts: JsonValue = [{"type": "text", "text": "Be brief."}]
    done = shaped(request_of({"role": "developer", "content": parts}, user("hi")), Strategy.GUIDED)
    content = messages_of(done)[0]["content"]
    assert isinstance(content, list)
    assert content[0] == {"type": "text", "text": "Be brief."}
    assert len(content) == 2


def test_guided_speaks_as_the_user_where_there_is_no_system_role() -> None:
    plain = Capabilities(system_role=False)
    first = messages_of(shaped(request_of(user("hi")), Strategy.GUIDED, capabilities=plain))
    assert [message["role"] for message in first] == ["user"]
    assert str(first[0]["content"]).startswith("hi\n\nAnswer with one JSON object")
    opened = request_of({"role": "assistant", "content": "Hello."}, user("hi"))
    second = messages_of(shaped(opened, Strategy.GUIDED, capabilities=plain))
    assert [message["role"] for message in second] == ["user", "assistant", "user"]


# the client's own constraints


@pytest.mark.parametrize(("strategy", "constrained"), EMULATED)
def test_the_clients_constraints_do_not_go_upstream_where_we_apply_them(strategy: Strategy, constrained: bool) -> None:
    constraints: JsonObject = {"structured_outputs": {"regex": "x"}, "guided_json": {}}
    request = request_of(stop=["X"], logprobs=True, top_logprobs=2, top_k=3, **constraints)
    done = shaped(request, strategy, constrained=constrained, draft="f it is")
    assert not {"stop", "logprobs", "top_logprobs", "structured_outputs", "guided_json", "n", "stream"} & set(done.body)
    assert done.body["top_k"] == 3
    assert done.plan.stop == ("X",)


ANSWER: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORMAT: JsonObject = {"type": "json_schema", "json_schema": {"name": "x", "schema": ANSWER}}


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (FORMAT, ANSWER),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, {"type": "object"}),
        ({"type": "structural_tag"}, None),
        ({"type": "text"}, None),
    ],
)
@pytest.mark.parametrize("strategy", [Strategy.GUIDED, Strategy.BRIDGE, Strategy.TWO_PASS])
def test_the_clients_response_format_becomes_the_answers_schema(
    strategy: Strategy, wanted: JsonObject, answer: JsonObject | None
) -> None:
    request = request_of(response_format=wanted)
    done = shaped(request, strategy, draft="d")
    assert done.body["response_format"] == decision_format(request, answer)
    assert ("must be a JSON value that matches this schema" in system_of(done)) is (answer is not None)


def test_an_answer_in_text_has_its_schema_in_the_prompt_too() -> None:
    done = shaped(request_of(response_format=FORMAT), Strategy.BRIDGE, constrained=False)
    assert "response_format" not in done.body
    rule = f"An answer without a call must be a JSON value that matches this schema: {encode_str(ANSWER)}"
    assert system_of(done).endswith(rule)


def test_where_only_a_call_may_come_nothing_is_said_of_answers() -> None:
    done = shaped(request_of(response_format=FORMAT, tool_choice="required"), Strategy.BRIDGE)
    assert "matches this schema" not in system_of(done)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_leaves_room_for_the_envelope(field: str) -> None:
    request = request_of(**{field: 100})
    for strategy, draft in ((Strategy.GUIDED, ""), (Strategy.BRIDGE, ""), (Strategy.TWO_PASS, "d")):
        assert shaped(request, strategy, draft=draft).body[field] == 100 + ENVELOPE_TOKENS
    assert shaped(request, Strategy.TWO_PASS, draft="d", constrained=False).body[field] == 100 + ENVELOPE_TOKENS
    assert shaped(request, Strategy.BRIDGE, constrained=False).body[field] == 100
    assert shaped(request, Strategy.TWO_PASS).body[field] == 100


# bridge


def test_bridge_writes_the_tools_into_one_system_message() -> None:
    request = request_of(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        user("hi"),
        parallel_tool_calls=False,
    )
    done = shaped(request, Strategy.BRIDGE)
    block = DIALECTS["decision"].render_tools(request.tools, request.tool_choice, parallel=False)
    assert done == Shaped(
        {
            "model": "m",
            "messages": [{"role": "system", "content": f"Be brief.\n\nBe kind.\n\n{block}"}, user("hi")],
            "response_format": decision_format(request),
        },
        Plan(strategy=Strategy.BRIDGE, form="decision", dialect="decision", parallel=False, constrained=True),
    )


@pytest.mark.parametrize("dialect", ["function_calls", "hermes"])
def test_bridge_without_a_constraint_speaks_the_models_dialect(dialect: str) -> None:
    request = request_of()
    done = shaped(request, Strategy.BRIDGE, constrained=False, dialect=dialect)
    assert done.plan == Plan(strategy=Strategy.BRIDGE, form="dialect", dialect=dialect)
    assert done.body == {
        "model": "m",
        "messages": [
            {
                "role": "system",
                "content": DIALECTS[dialect].render_tools(request.tools, request.tool_choice, parallel=True),
            },
            user("hi"),
        ],
    }


def test_bridge_declares_only_permitted_tools() -> None:
    request = request_of(tool_choice={"type": "function", "function": {"name": "g"}})
    block = DIALECTS["decision"].render_tools(request.tools[1:], request.tool_choice, parallel=True)
    assert system_of(shaped(request, Strategy.BRIDGE)) == block


def test_bridge_renders_calls_and_results_in_the_dialect() -> None:
    request = request_of(
        user("hi"),
        {"role": "assistant", "content": "Hello."},
        calling('{"city": "a"}', "Let me see."),
        result([{"type": "text", "text": "rain"}]),
        user("and now?"),
        calling("{city: 1}"),
        result("sun"),
    )
    dialect = DIALECTS["function_calls"]
    done = shaped(request, Strategy.BRIDGE, constrained=False)
    first = dialect.render_calls([WrittenCall("f", '{"city": "a"}', "c1", 0)])
    second = dialect.render_calls([WrittenCall("f", '{"city":1}', "c1", 1)])
    assert messages_of(done)[1:] == [
        user("hi"),
        {"role": "assistant", "content": "Hello."},
        {"role": "assistant", "content": f"Let me see.\n{first}"},
        user(f"{dialect.render_result('f', 'c1', 'rain')}\n\nand now?"),
        {"role": "assistant", "content": second},
        user(dialect.render_result("f", "c1", "sun")),
    ]


def test_results_in_a_row_are_one_message_and_keep_their_pictures() -> None:
    picture: JsonObject = {"type": "image_url", "image_url": {"url": "u"}}
    calls: JsonValue = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("f", "g")
    ]
    request = request_of(
        user("hi"),
        {"role": "assistant", "content": None, "tool_calls": calls},
        result([picture, {"type": "text", "text": "one"}], "f"),
        result("two", "g"),
    )
    dialect = DIALECTS["decision"]
    assert messages_of(shaped(request, Strategy.BRIDGE))[3:] == [
        user(
            [
                {"type": "text", "text": dialect.render_result("f", "f", "one")},
                picture,
                {"type": "text", "text": dialect.render_result("g", "g", "two")},
            ]
        )
    ]


def conversation() -> ChatRequest:
    """Two turns with calls: two at once, then one that has the first one's id again."""
    first: JsonValue = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}}
        for name, arguments in (("call_a-1", "{}"), ("call_b-2", "{city: 1}"))
    ]
    return request_of(
        user("hi"),
        {"role": "assistant", "content": None, "tool_calls": first},
        result("one", "call_a-1"),
        result("two", "call_b-2"),
        calling('{"city": "a"}'),
        result("three"),
        user("and now?"),
    )


@pytest.mark.parametrize(
    ("dialect", "ids"),
    [
        ("kimi_k2", ["functions.f:0", "functions.f:1", "functions.f:2"]),
        ("mistral", ["000calla1", "000callb2", "0000000c1"]),
        ("cohere", ["0", "1", "2"]),
        ("hermes", ["call_a-1", "call_b-2", "c1"]),
    ],
)
def test_history_has_the_ids_by_which_the_dialect_knows_its_calls(dialect: str, ids: list[str]) -> None:
    done = shaped(conversation(), Strategy.BRIDGE, constrained=False, dialect=dialect)
    writer = DIALECTS[dialect]
    written = [
        WrittenCall("f", arguments, name, index)
        for index, (arguments, name) in enumerate(zip(("{}", '{"city":1}', '{"city": "a"}'), ids, strict=True))
    ]
    results = [writer.render_result("f", name, said) for name, said in zip(ids, ("one", "two", "three"), strict=True)]
    assert messages_of(done)[1:] == [
        user("hi"),
        {"role": "assistant", "content": writer.render_calls(written[:2])},
        user(f"{results[0]}\n\n{results[1]}"),
        {"role": "assistant", "content": writer.render_calls(written[2:])},
        user(f"{results[2]}\n\nand now?"),
    ]


def test_the_upstreams_own_tool_calling_keeps_the_clients_ids() -> None:
    request = conversation()
    done = shaped(request, Strategy.NATIVE, dialect="kimi_k2")
    assert [message.get("tool_call_id") for message in messages_of(done)] == [
        *(None, None, "call_a-1", "call_b-2", None, "c1", None)
    ]
    assert cast("list[JsonObject]", messages_of(done)[1]["tool_calls"])[0]["id"] == "call_a-1"


def test_the_same_id_in_two_turns_means_the_later_call() -> None:
    def asks(name: str) -> JsonObject:
        call: JsonObject = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    request = request_of(user("hi"), asks("f"), result("one"), asks("g"), result("two"))
    done = shaped(request, Strategy.BRIDGE, constrained=False, dialect="kimi_k2")
    writer = DIALECTS["kimi_k2"]
    assert [messages_of(done)[at]["content"] for at in (3, 5)] == [
        writer.render_result("f", "functions.f:0", "one"),
        writer.render_result("g", "functions.g:1", "two"),
    ]


@pytest.mark.parametrize("strategy", [Strategy.NATIVE, Strategy.BRIDGE])
def test_a_dialect_goes_by_the_names_that_other_software_gives_it(strategy: Strategy) -> None:
    done = shaped(request_of(), strategy, constrained=False, dialect="Qwen3-XML")
    assert done.plan.dialect == "qwen3_coder"


def test_a_native_answer_is_never_read_as_a_decision() -> None:
    assert shaped(request_of(), Strategy.NATIVE, dialect="decision").plan.dialect == "auto"


def test_an_unknown_dialect_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown dialect: klingon"):
        shaped(request_of(), Strategy.BRIDGE, dialect="klingon")


def test_text_begins_inside_reasoning_where_the_upstream_opens_it() -> None:
    asked = [
        (Strategy.NATIVE, False),
        (Strategy.BRIDGE, False),
        (Strategy.BRIDGE, True),
        (Strategy.GUIDED, True),
    ]
    plans = [
        shaped(request_of(), strategy, constrained=constrained, reasoning_open=True).plan
        for strategy, constrained in asked
    ]
    assert [plan.reasoning_open for plan in plans] == [True, True, False, False]
    quiet = shaped(request_of(tool_choice="none"), Strategy.BRIDGE, constrained=False, reasoning_open=True)
    assert quiet.plan.reasoning_open


def test_bridge_quotes_a_fault_after_a_result_in_the_same_turn() -> None:
    silent = Fault(AttemptOutcome.NO_TOOL_CALL, "No tool was called.")
    done = shaped(request_of(user("hi"), calling("{}"), result("ok")), Strategy.BRIDGE, fault=silent)
    assert [message["role"] for message in messages_of(done)] == ["system", "user", "assistant", "user"]
    assert "That answer could not be used: No tool was called." in str(messages_of(done)[-1]["content"])


def test_without_a_system_role_the_tools_open_the_first_user_message() -> None:
    plain = Capabilities(system_role=False)
    request = request_of(user([{"type": "text", "text": "hi"}]))
    block = DIALECTS["decision"].render_tools(request.tools, request.tool_choice, parallel=True)
    assert messages_of(shaped(request, Strategy.BRIDGE, capabilities=plain)) == [
        user([{"type": "text", "text": block}, {"type": "text", "text": "hi"}])
    ]
    opened = request_of({"role": "assistant", "content": "Hello."})
    assert messages_of(shaped(opened, Strategy.BRIDGE, capabilities=plain))[0]["role"] == "user"


def test_under_none_only_the_history_is_rewritten() -> None:
    request = request_of(user("hi"), calling("{}"), result("ok"), tool_choice="none", stop="X", max_tokens=5)
    dialect = DIALECTS["function_calls"]
    assert shaped(request, Strategy.BRIDGE) == Shaped(
        {
            "model": "m",
            "messages": [
                user("hi"),
                {"role": "assistant", "content": dialect.render_calls([WrittenCall("f", "{}", "c1")])},
                user(dialect.render_result("f", "c1", "ok")),
            ],
            "stop": "X",
            "max_tokens": 5,
        },
        Plan(strategy=Strategy.BRIDGE, form="dialect", dialect="function_calls"),
    )


# two_pass


def test_pass_1_lists_the_tools_and_asks_for_plain_words() -> None:
    done = shaped(request_of(stop="X"), Strategy.TWO_PASS)
    assert done.plan == Plan(strategy=Strategy.TWO_PASS, form="text", dialect="decision")
    assert set(done.body) == {"model", "messages"}
    text = system_of(done)
    parameters = '{"type":"object","properties":{"city":{"type":"string"}}}'
    assert f'<tools>\n{{"name":"f","description":"Does f.","parameters":{parameters}}}\n' in text
    assert f'{{"name":"g","parameters":{parameters}}}\n</tools>\n' in text
    assert "if no tool is needed, what the answer is" in text


def test_pass_1_says_that_a_tool_has_to_be_called() -> None:
    request = request_of(tool_choice={"type": "function", "function": {"name": "g"}})
    text = system_of(shaped(request, Strategy.TWO_PASS))
    assert text.endswith("A tool has to be called.")
    assert '"name":"f"' not in text


def test_pass_2_converts_the_draft_under_the_decision_schema() -> None:
    request = request_of(user("hi"))
    done = shaped(request, Strategy.TWO_PASS, draft="d" * 9_000)
    assert done.plan == Plan(strategy=Strategy.TWO_PASS, form="decision", dialect="decision", constrained=True)
    assert done.body["response_format"] == decision_format(request)
    assert system_of(done) == DIALECTS["decision"].render_tools(request.tools, request.tool_choice, parallel=True)
    assert messages_of(done)[1:] == [
        user("hi"),
        {"role": "assistant", "content": "d" * MAX_DRAFT},
        user("Now write what you decided as the JSON object described above, and nothing else."),
    ]


def test_pass_2_without_a_constraint_asks_in_words_alone() -> None:
    done = shaped(request_of(), Strategy.TWO_PASS, draft="d", constrained=False)
    assert "response_format" not in done.body
    assert done.plan == Plan(strategy=Strategy.TWO_PASS, form="decision", dialect="decision")


def test_an_empty_draft_is_not_shown() -> None:
    assert messages_of(shaped(request_of(user("hi")), Strategy.TWO_PASS, draft=" "))[1:] == [user("hi")]


def test_a_forced_call_is_asked_for_without_what_a_server_refuses() -> None:
    schema: JsonObject = {"type": "object", "properties": {"l": {"type": "array", "uniqueItems": True}}}
    sent: JsonObject = {"type": "object", "properties": {"l": {"type": "array"}}}
    for choice, expected in (("required", sent), ("auto", schema)):
        request = request_of(tools=[tool("f", parameters=schema), tool("g")], tool_choice=choice)
        assert shaped(request, Strategy.NATIVE).body["tools"] == [tool("f", parameters=expected), tool("g")]
