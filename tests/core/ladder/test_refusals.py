"""What follows when an upstream refuses a request, or fails again and again."""

from __future__ import annotations

from typing import Any

import pytest
from toolgate_core.jsontext import encode
from toolgate_core.ladder import Answer
from toolgate_core.strategies.simple import simplified
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import CallStart
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.messages import Message, Result
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.vocabulary import AttemptOutcome, Mode, RequestOutcome, Strategy
from toolgate_formats.api.openai_chat import parse_request

from tests.core.ladder.scripted import OSLO, PING, WEATHER, ScriptedLadder, called, decided, failed, refused, said

ALL = Policy(retries={})
TEXT = '<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>'


@pytest.mark.parametrize("part", ["request", "feature"])
def test_a_400_at_a_strategy_leads_to_the_next_one(part: str) -> None:
    ladder = ScriptedLadder([refused(part=part), decided(("ping", {}))], policy=ALL)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,guided:ok"


def test_when_all_refuse_the_first_refusal_is_the_answer() -> None:
    first = refused("Bad role.", code="bad_role", param="messages[1].role")
    ladder = ScriptedLadder([first, *(refused(f"Bad {n}.") for n in range(9))], policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message, failure.code, failure.param) == (
        FailureKind.INVALID,
        "Bad role.",
        "bad_role",
        "messages[1].role",
    )
    assert (failure.outcome, failure.should_retry) == (RequestOutcome.CLIENT_ERROR, None)
    assert ladder.ladder_run.summary.startswith(
        "native:unsupported,guided:unsupported,bridge:unsupported,bridge:unsupported"
    )


@pytest.mark.parametrize(
    "failure",
    [
        {"code": "context_length_exceeded"},
        {"code": "model_not_found"},
        {"code": "content_filter"},
        {"param": "temperature"},
        {"kind": "too_large"},
    ],
)
def test_a_refusal_that_would_be_the_same_everywhere_ends_the_run(failure: dict[str, Any]) -> None:
    ladder = ScriptedLadder([refused(**failure)])
    assert isinstance(ladder.run(), Failure)
    assert len(ladder.ladder_run.attempts) == 1


def test_the_same_refusal_with_and_without_tools_ends_the_run() -> None:
    ladder = ScriptedLadder([refused()] * 3, policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert ladder.ladder_run.summary == "native:unsupported,guided:unsupported,bridge:unsupported"


def test_a_prompt_too_long_by_our_additions_hides_no_earlier_failure() -> None:
    long = refused("Too long.", code="context_length_exceeded")
    ladder = ScriptedLadder([refused("First.", code="first"), long], policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message, failure.code) == (FailureKind.INVALID, "First.", "first")
    ladder = ScriptedLadder([said("no"), long], policy=ALL, tool_choice="required")
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, "was text" in failure.message) == (FailureKind.EXHAUSTED, True)
    assert ladder.ladder_run.summary == "native:no_tool_call,guided:upstream_error"


def test_a_refusal_after_an_answer_that_failed_is_no_answer_to_the_client() -> None:
    ladder = ScriptedLadder([said("no"), *[refused()] * 9], policy=ALL, tool_choice="required")
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (FailureKind.EXHAUSTED, "tool_call_unavailable")
    assert "had to be a tool call and was text" in failure.message


def test_an_error_after_refusals_is_the_answer() -> None:
    ladder = ScriptedLadder([refused(), refused(), refused("Else."), refused("More."), failed("cut")], policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (FailureKind.CUT, None)


def test_a_refused_schema_is_not_sent_again_by_the_other_strategies() -> None:
    ladder = ScriptedLadder([said("no"), refused(part="schema"), said(TEXT)], tool_choice="required", policy=ALL)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:no_tool_call,guided:unsupported,bridge:ok"
    assert [ask.constrained for ask in ladder.asked] == [False, True, False]


def test_a_refused_tool_schema_is_not_sent_again() -> None:
    ladder = ScriptedLadder([refused(part="schema"), decided(("ping", {}))], policy=ALL)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,bridge:ok"
    assert [ask.constrained for ask in ladder.asked] == [False, True]


def test_refusals_may_follow_text_that_was_sent() -> None:
    broken = 'Wait.\n<tool_call>{"name": "ping", "arguments": {"a" "b" c</tool_call>'
    ladder = ScriptedLadder([said(broken), refused(), decided(("ping", {}))], policy=ALL, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.calls) == ("Wait.", [("ping", {})])


def test_a_refusal_inside_an_answer_that_was_sent_ends_it() -> None:
    ladder = ScriptedLadder([[ResponseChunk(text="Hel"), *refused()]], stream=True)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, ladder.text) == (FailureKind.INVALID, "Hel")


def test_never_is_a_request_left_without_an_attempt() -> None:
    ladder = ScriptedLadder([*[refused(f"No {n}.", "feature") for n in range(9)]], policy=ALL)
    assert isinstance(ladder.run(), Failure)
    before = len(ladder.ladder_run.attempts)
    ladder.ladder_run = ladder.new_run()
    ladder.answers = [called(OSLO)]
    assert isinstance(ladder.run(), Answer)
    assert (before, ladder.ladder_run.summary) == (6, "native:ok")


@pytest.mark.parametrize("part", ["feature", "schema"])
def test_a_request_that_is_refused_in_every_form_proves_nothing(part: str) -> None:
    ladder = ScriptedLadder([refused(part=part)] * 9, policy=ALL)
    assert isinstance(ladder.run(), Failure)
    ladder.ladder_run = ladder.new_run()
    ladder.answers = [called(OSLO)]
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:ok"


@pytest.mark.parametrize("part", ["feature", "schema"])
def test_a_refusal_inside_an_answer_says_nothing_about_the_next_one(part: str) -> None:
    inside: list[ResponseChunk | Failure] = [ResponseChunk(), *refused("No.", part)]
    ladder = ScriptedLadder([inside, decided(("ping", {}))], policy=ALL)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.attempts[0].outcome is AttemptOutcome.UNSUPPORTED
    ladder.ladder_run = ladder.new_run()
    ladder.answers = [called(OSLO)]
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:ok"


def test_the_last_strategy_is_tried_though_it_was_refused() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={}, capabilities=Capabilities(json_schema=False))
    ladder = ScriptedLadder([said("no"), refused("No.", "feature")], policy=policy, tool_choice="required")
    assert isinstance(ladder.run(), Failure)
    ladder.ladder_run = ladder.new_run()
    ladder.answers = [said("no"), said(TEXT)]
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:ok"


# strict

STRICT = Policy(capabilities=Capabilities(strict=True), retries={})
FITS = {
    "type": "function",
    "function": {
        "name": "ping",
        "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    },
}


def test_strict_that_is_refused_is_left_out() -> None:
    ladder = ScriptedLadder(
        [refused(part="schema"), called(("ping", "{}"))], policy=STRICT, tools=[FITS], tool_choice="required"
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,native:ok"
    assert [body["tools"][0]["function"].get("strict") for body in ladder.bodies] == [True, None]


def test_without_a_strict_schema_there_is_no_strict_form() -> None:
    ladder = ScriptedLadder(
        [refused(part="schema"), decided(("ping", {}))], policy=STRICT, tools=[PING], tool_choice="required"
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,bridge:ok"


# histories

TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather?"},
    {"role": "developer", "content": [{"type": "text", "text": "In French."}]},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "call_abc", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_abc", "content": "cold"},
    {"role": "user", "content": "And"},
    {"role": "user", "content": "Rome?"},
]
SIMPLE = [
    {"role": "system", "content": "Be brief.\n\nIn French."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c00020000", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c00020000", "content": "cold"},
    {"role": "user", "content": "And\n\nRome?"},
]


def test_a_refused_history_is_sent_again_in_its_simplest_form() -> None:
    ladder = ScriptedLadder([refused("System message must be at the beginning."), called(OSLO)], messages=TALK)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,native:ok"
    assert ladder.bodies[1]["messages"] == SIMPLE


def test_a_server_that_wants_simple_histories_gets_them_at_once() -> None:
    ladder = ScriptedLadder([refused(), called(OSLO)], messages=TALK)
    ladder.run()
    ladder.ladder_run = ladder.new_run()
    ladder.answers = [called(OSLO)]
    assert isinstance(ladder.run(), Answer)
    assert (ladder.ladder_run.summary, ladder.bodies[-1]["messages"]) == ("native:ok", SIMPLE)


def test_a_history_that_is_refused_in_both_forms_proves_nothing() -> None:
    ladder = ScriptedLadder([refused(), refused(), decided(("ping", {}))], messages=TALK)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:unsupported,native:unsupported,guided:ok"
    assert not ladder.memory.snapshot(b"", ladder.clock()).simple_history


def test_a_simple_history_stays_unchanged() -> None:
    body = {"model": "m", "messages": SIMPLE, "tools": [WEATHER]}
    request = parse_request(encode(body))  # type: ignore[arg-type]
    assert simplified(request) is None


def test_a_result_of_an_unknown_call_keeps_its_id() -> None:
    body: dict[str, Any] = {"model": "m", "messages": TALK[:5], "tools": [WEATHER]}
    request = parse_request(encode(body))
    stray = Message("tool", (Result("other"),))
    simple = simplified(request.with_messages((*request.messages[:4], stray)))
    assert simple is not None
    assert simple.messages[-1] == stray
    assert "messages" not in simple.source.texts


# errors


def test_a_500_that_comes_again_and_again_costs_three_calls() -> None:
    for fields in ({}, {"tool_choice": "required"}, {"mode": Mode.EMULATE}):
        ladder = ScriptedLadder([failed("error", origin="500")] * 9, **fields)
        failure = ladder.run()
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.should_retry, len(ladder.bodies)) == (FailureKind.ERROR, False, 3)


def test_a_500_about_a_grammar_is_followed_by_a_request_without_one() -> None:
    ladder = ScriptedLadder([*[failed("error", origin="500")] * 2, said(TEXT)], policy=ALL, tool_choice="required")
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:upstream_error,guided:upstream_error,bridge:ok"
    assert [ask.constrained for ask in ladder.asked] == [False, True, False]


def test_different_errors_do_not_end_the_run() -> None:
    answers = [[Failure(kind=FailureKind.ERROR, message=f"Error {n}.", origin="500")] for n in range(4)]
    ladder = ScriptedLadder([*answers], policy=ALL)
    assert isinstance(ladder.run(), Failure)
    assert len(ladder.ladder_run.attempts) == 4


def test_an_early_call_that_a_server_closed_at_the_limit_stays_open() -> None:
    chunks = [ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":"Oslo"}'),)), called(OSLO)[0]]
    chunks[1] = ResponseChunk(finish="tool_calls", usage=chunks[1].usage)  # type: ignore[union-attr]
    ladder = ScriptedLadder([chunks], policy=Policy(stream_arguments="immediately"), stream=True, max_tokens=5)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "length"
    assert [type(event) for event in ladder.events][:1] == [CallStart]
