"""Text of native answers: calls in disguise, formats, runaways, and what may be sent before a call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.jsontext import encode_str
from toolgate_core.ladder import Answer
from toolgate_core.ladder.disguise import Screen, disguised, may_begin
from toolgate_core.limits import MAX_BLANK, MAX_CALLS, MAX_EQUAL_CALLS, MAX_SCREENED
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import TextDelta
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Mode, Strategy

from tests.core.ladder.scripted import OSLO, USAGE, ScriptedLadder, called, decided, said

TWO = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
CALL = '{"name": "search_web", "arguments": {"query": "x"}}'
KNOWN = '{"name": "get_weather", "arguments": {"city": "Oslo"}}'
RESULT = '{"temperature": 20}'
DISGUISED = {
    "unknown": CALL,
    "unknown, fenced": f"```json\n{CALL}\n```",
    "unknown, fenced, no line": f"```{CALL}```",
    "unknown, tildes": f"~~~\n{CALL}\n~~~",
    "unknown, a list": f"[{CALL}, {CALL}]",
    "unknown, OpenAI's form": '{"tool_calls":[{"type":"function","function":{"name":"nope","arguments":"{}"}}]}',
    "unknown, other keys": '{"tool": "search", "parameters": {"q": 1}}',
    "unknown, with a schema for arguments": '{"name": "hello", "arguments": {"type": "string", "properties": {}}}',
    "unknown, Python": "{'name': 'search_web', 'arguments': {'query': 'x'}}",
    "a result behind it": f"{KNOWN}\n{RESULT}",
    "a fenced result behind it": f"```json\n{KNOWN}\n```\n```json\n{RESULT}\n```",
    "many results behind it": KNOWN + f"\n{RESULT}" * 20,
    "words behind it": f"{KNOWN}\nThe result is 20 degrees.",
    "wrapped as a result": f"<tool_response>\n{KNOWN}\n</tool_response>",
    "an invented result": f"<tool_response>\n{RESULT}\n</tool_response>",
    "wrapped as tools": f"<tools>{KNOWN}</tools>",
}
PLAIN = {
    "a person": '{"name": "Ann", "age": 3}',
    "a list": "[1, 2]",
    "words": "I would call the weather tool.",
    "an example in words": f"A call is written like this:\n```json\n{KNOWN}\n```\nor otherwise.",
    "an example that is explained": f"```json\n{KNOWN}\n```\nis how a call looks.",
    "a definition": '{"name": "f", "parameters": {"type": "object", "properties": {}}}',
    "a described definition": '{"name": "f", "description": "d", "parameters": {}}',
    "arguments that are none": '{"name": "f", "arguments": "text"}',
    "an unfinished object": '{"name": "f", "arguments": {',
    "not JSON": '{"name": f(x), "arguments" {}}',
    "a tag and words": "<tool_response> is a tag of Qwen.",
    "one letter": "{",
    "ticks": "``",
    "nothing in it": "{}",
    "an empty list of calls": '{"tool_calls": []}',
    "code": "```python\nprint(1)\n```",
    "a quote": '"name": "x"',
}


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("case", DISGUISED)
def test_a_call_in_disguise_falls_to_the_next_strategy(case: str, size: int) -> None:
    text = DISGUISED[case]
    chunks = [ResponseChunk(text=text[at : at + size]) for at in range(0, len(text), size)] if size else []
    native = [*chunks, ResponseChunk(finish="stop", usage=USAGE)] if size else said(text)
    ladder = ScriptedLadder([native, decided(("ping", {}))], policy=TWO, stream=bool(size))
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.calls) == ("", [("ping", {})])


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("case", PLAIN)
def test_any_other_text_is_an_answer(case: str, size: int) -> None:
    text = PLAIN[case]
    chunks = [ResponseChunk(text=text[at : at + size]) for at in range(0, len(text), size)] if size else []
    native = [*chunks, ResponseChunk(finish="stop", usage=USAGE)] if size else said(text)
    ladder = ScriptedLadder([native], policy=TWO, stream=bool(size))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.ladder_run.summary, answer.degraded) == (text, "native:ok", False)


def test_a_call_in_disguise_behind_words_counts_where_nothing_was_sent() -> None:
    ladder = ScriptedLadder([said(f"Let me see.\n{CALL}"), decided(("ping", {}))], policy=TWO)
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("ping", {})]


def test_better_text_is_preferred_to_a_call_in_disguise() -> None:
    for texts, best in (((CALL, "Sunny."), "Sunny."), ((CALL, "{"), CALL), (("Sunny.", "{"), "Sunny.")):
        ladder = ScriptedLadder([said(text) for text in texts], policy=TWO if texts[0] == CALL else BRIDGE_TWICE)
        answer = ladder.run()
        assert isinstance(answer, Answer)
        assert (ladder.text, answer.degraded) == (best, True)


BRIDGE_TWICE = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})


def test_a_native_call_behind_text_that_was_held_lets_it_pass() -> None:
    chunks = [ResponseChunk(text='{"name":'), *called(OSLO)]
    ladder = ScriptedLadder([chunks], stream=True)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.calls) == ('{"name":', [("get_weather", {"city": "Oslo"})])


def test_long_text_is_not_held() -> None:
    screen = Screen()
    text = '{"name": "x", "arguments": {"a": "' + "y" * MAX_SCREENED
    assert screen.feed(text) == text
    assert screen.feed("more") == "more"
    assert disguised(text, ScriptedLadder([]).toolset) is None


@given(st.text(st.sampled_from('{}[]":` ~\n\\jsonamergut<>/_1,'), max_size=60))
def test_screening_loses_nothing_and_never_fails(text: str) -> None:
    screen = Screen()
    assert "".join(screen.feed(char) for char in text) + screen.open() == text
    may_begin(text), disguised(text, ScriptedLadder([]).toolset)


# formats

FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": FORMAT},
        {"response_format": {"type": "json_object"}},
        {"guided_json": FORMAT["json_schema"]["schema"]},
        {"guided_json": encode_str(FORMAT["json_schema"]["schema"])},
        {"structured_outputs": {"json": FORMAT["json_schema"]["schema"]}},
        {"structured_outputs": {"json_object": True}},
    ],
)
def test_with_a_format_beside_tools_the_ladder_begins_at_guided(fields: dict[str, Any]) -> None:
    ladder = ScriptedLadder([decided(("ping", {}))], **fields)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "guided:ok"
    assert not set(ladder.bodies[0]) & {"guided_json", "structured_outputs"}


BOTH = Policy(capabilities=Capabilities(format_with_tools=True), retries={})


@pytest.mark.parametrize("stream", [False, True])
def test_native_text_is_held_to_the_format(stream: bool) -> None:
    bad: list[ResponseChunk | Failure] = [
        ResponseChunk(text='{"n":'),
        ResponseChunk(text='"x"}'),
        ResponseChunk(finish="stop"),
    ]
    ladder = ScriptedLadder(
        [bad, said('{"action":"answer","answer":{"n":3}}')], policy=BOTH, response_format=FORMAT, stream=stream
    )
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == ('{"n":3}', "native:schema_invalid,guided:ok")


def test_words_before_a_native_call_need_not_fit_the_format() -> None:
    ladder = ScriptedLadder([called(OSLO, text="Let me see.")], policy=BOTH, response_format=FORMAT)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == ("Let me see.", "native:ok")


def test_a_policy_with_native_alone_keeps_it() -> None:
    ladder = ScriptedLadder([said('{"n":3}')], policy=Policy(ladder=(Strategy.NATIVE,)), response_format=FORMAT)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:ok"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"guided_regex": "a+"}, "guided_regex"),
        ({"guided_choice": ["a"]}, "guided_choice"),
        ({"guided_grammar": "g"}, "guided_grammar"),
        ({"guided_json": "not JSON"}, "guided_json"),
        ({"structured_outputs": {"regex": "a+"}}, "structured_outputs"),
        ({"structured_outputs": {"choice": ["a"]}}, "structured_outputs"),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": 3}, "structured_outputs"),
        ({"response_format": {"type": "structural_tag"}}, "response_format"),
    ],
)
def test_a_constraint_that_no_schema_can_say_is_refused_in_emulate(fields: dict[str, Any], param: str) -> None:
    failure = ScriptedLadder([], mode=Mode.EMULATE, **fields).run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.param) == (FailureKind.INVALID, "unsupported_parameter", param)
    assert param in failure.message
    ladder = ScriptedLadder([said("a")], **fields)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:ok"


# runaways


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("count", [MAX_EQUAL_CALLS, MAX_EQUAL_CALLS + 1, 40])
def test_equal_calls_beyond_a_limit_are_a_fault(count: int, stream: bool) -> None:
    ladder = ScriptedLadder([called(*[OSLO] * count), decided(("ping", {}))], policy=TWO, stream=stream)
    assert isinstance(ladder.run(), Answer)
    good = count <= MAX_EQUAL_CALLS
    assert ladder.calls == ([("get_weather", {"city": "Oslo"})] * count if good else [("ping", {})])


def test_too_many_calls_are_a_fault() -> None:
    many = [("get_weather", f'{{"city":"C{n}"}}') for n in range(MAX_CALLS + 1)]
    ladder = ScriptedLadder([called(*many), decided(("ping", {}))], policy=TWO)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:parse_error,bridge:ok"


def test_equal_calls_in_text_are_a_fault_where_nothing_was_sent() -> None:
    text = f"<tool_call>{KNOWN}</tool_call>\n" * 40
    whole = ScriptedLadder([said(text), decided(("ping", {}))], policy=TWO)
    assert isinstance(whole.run(), Answer)
    assert whole.calls == [("ping", {})]
    chunks = [ResponseChunk(text=line) for line in text.splitlines(keepends=True)]
    streamed = ScriptedLadder([[*chunks, ResponseChunk(finish="stop")]], policy=TWO, stream=True)
    answer = streamed.run()
    assert isinstance(answer, Answer)
    assert (len(streamed.calls), streamed.closed) == (MAX_EQUAL_CALLS, 1)
    assert "bad_call_dropped" in answer.repairs


def test_white_space_without_end_is_given_up() -> None:
    blank = [ResponseChunk(text=" \n" * 100)] * (MAX_BLANK // 200 + 1)
    ladder = ScriptedLadder(
        [[ResponseChunk(text="["), *blank], decided(("ping", {}))], policy=TWO, stream=True, tool_choice="required"
    )
    assert isinstance(ladder.run(), Answer)
    assert (ladder.ladder_run.summary, ladder.closed) == ("native:parse_error,bridge:ok", 1)
    calls = [ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),))]
    more = [ResponseChunk(calls=(CallDelta(0, None, None, "\n" * 200),))] * (MAX_BLANK // 200 + 1)
    ladder = ScriptedLadder([[*calls, *more], decided(("ping", {}))], policy=TWO, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:parse_error,bridge:ok"


def test_text_that_ran_away_after_it_was_sent_is_cut() -> None:
    blank = [ResponseChunk(text=" \n" * 100)] * (MAX_BLANK // 200 + 1)
    ladder = ScriptedLadder([[ResponseChunk(text="Hello."), *blank]], stream=True)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.text.strip(), ladder.closed) == ("length", "Hello.", 1)


# calls


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("arguments", ["when_valid", "immediately"])
def test_no_prose_comes_before_a_call_that_was_demanded(choice: Any, stream: bool, arguments: Any) -> None:
    chunks = [ResponseChunk(reasoning="Hm."), ResponseChunk(text="Sure! "), *called(OSLO)]
    ladder = ScriptedLadder([chunks], tool_choice=choice, stream=stream, policy=Policy(stream_arguments=arguments))
    assert isinstance(ladder.run(), Answer)
    assert (ladder.reasoning, ladder.text, ladder.calls) == ("Hm.", "", [("get_weather", {"city": "Oslo"})])


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_the_server_closed_at_the_limit_is_cut(stream: bool) -> None:
    ladder = ScriptedLadder([called(OSLO, text="So")], max_tokens=5, stream=stream)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.text, ladder.calls) == ("length", "So", [])


def test_a_call_beside_a_decision_is_cut_at_the_wider_limit() -> None:
    policy = Policy(ladder=(Strategy.GUIDED,), retries={})
    for tokens, finish in ((5, "tool_calls"), (69, "length")):
        cut = ResponseChunk(calls=(CallDelta(0, "a", *OSLO),), finish="tool_calls", usage=Usage(10, tokens))
        ladder = ScriptedLadder([[cut]], policy=policy, max_tokens=5)
        answer = ladder.run()
        assert isinstance(answer, Answer)
        assert (answer.finish_reason, len(ladder.calls)) == (finish, int(finish == "tool_calls"))


def test_a_call_beside_a_dialect_is_cut_at_the_limit_of_the_client() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={}, capabilities=Capabilities(json_schema=False))
    for tokens, finish in ((4, "tool_calls"), (5, "length")):
        cut = ResponseChunk(calls=(CallDelta(0, "a", *OSLO),), finish="tool_calls", usage=Usage(10, tokens))
        ladder = ScriptedLadder([[cut]], policy=policy, max_tokens=5)
        answer = ladder.run()
        assert isinstance(answer, Answer)
        assert (answer.finish_reason, len(ladder.calls)) == (finish, int(finish == "tool_calls"))


def test_calls_before_the_one_at_the_limit_are_delivered() -> None:
    ladder = ScriptedLadder([called(OSLO, ("ping", "{}"))], max_completion_tokens=5)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.calls) == ("length", [("get_weather", {"city": "Oslo"})])


# none


def test_tools_are_not_sent_where_none_may_be_called() -> None:
    ladder = ScriptedLadder([said("Hello.")], tool_choice="none", parallel_tool_calls=False)
    assert isinstance(ladder.run(), Answer)
    assert not set(ladder.bodies[0]) & {"tools", "tool_choice", "parallel_tool_calls"}


def test_words_must_come_where_no_call_may() -> None:
    ladder = ScriptedLadder([called(OSLO), said(""), said("It is cold.")], tool_choice="none")
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.calls) == ("It is cold.", [])
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:no_tool_call,bridge:ok"
    assert ladder.ladder_run.attempts[0].detail == "The answer had to be text and was a tool call."


# what is said


def test_the_error_says_what_the_model_did_wrong() -> None:
    wrong = ScriptedLadder([called(("get_weather", '{"days": 3}'))], policy=Policy(ladder=(Strategy.NATIVE,))).run()
    hidden = ScriptedLadder(
        [[ResponseChunk(reasoning="{...}", finish="stop")]], policy=Policy(ladder=(Strategy.NATIVE,))
    ).run()
    assert isinstance(wrong, Failure)
    assert isinstance(hidden, Failure)
    assert "city" in wrong.message
    assert "native:schema_invalid" in wrong.message
    assert "stood in the reasoning" in hidden.message


def test_all_tokens_of_two_passes_are_reported() -> None:
    first, second = said("The weather.", usage=Usage(100, 10)), decided(("ping", {}))
    ladder = ScriptedLadder([first, second], policy=Policy(ladder=(Strategy.TWO_PASS,)))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.usage, answer.total_usage) == (Usage(100, 15), Usage(110, 15))


def test_held_text_is_sent_once() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="{"), ResponseChunk(text="}"), ResponseChunk(finish="stop")]], stream=True
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.events == [TextDelta("{}")]
