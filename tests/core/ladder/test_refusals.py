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
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.vocabulary import AttemptOutcome, Mode, RequestOutcome, Strategy
from toolgate_formats.api.openai_chat import parse_request

from tests.core.ladder.scripted import OSLO, PING, WEATHER, World, called, decided, failed, refused, said

ALL = Policy(retries={})
TEXT = '<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>'


@pytest.mark.parametrize("part", ["request", "feature"])
def test_a_400_at_a_strategy_leads_to_the_next_one(part: str) -> None:
    world = World([refused(part=part), decided(("ping", {}))], policy=ALL)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,guided:ok"


def test_when_all_refuse_the_first_refusal_is_the_answer() -> None:
    first = refused("Bad role.", code="bad_role", param="messages[1].role")
    world = World([first, *(refused(f"Bad {n}.") for n in range(9))], policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.message, refusal.code, refusal.param) == (
        FailureKind.INVALID,
        "Bad role.",
        "bad_role",
        "messages[1].role",
    )
    assert (refusal.outcome, refusal.should_retry) == (RequestOutcome.CLIENT_ERROR, None)
    assert world.climb.summary.startswith("native:unsupported,guided:unsupported,bridge:unsupported,bridge:unsupported")


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
def test_what_would_be_refused_everywhere_ends_the_climb(failure: dict[str, Any]) -> None:
    world = World([refused(**failure)])
    assert isinstance(world.run(), Failure)
    assert len(world.climb.attempts) == 1


def test_the_same_refusal_with_and_without_tools_ends_the_climb() -> None:
    world = World([refused()] * 3, policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert world.climb.summary == "native:unsupported,guided:unsupported,bridge:unsupported"


def test_a_prompt_that_only_ours_makes_too_long_does_not_hide_what_was_wrong_before() -> None:
    long = refused("Too long.", code="context_length_exceeded")
    world = World([refused("First.", code="first"), long], policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.message, refusal.code) == (FailureKind.INVALID, "First.", "first")
    world = World([said("no"), long], policy=ALL, tool_choice="required")
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, "was text" in refusal.message) == (FailureKind.EXHAUSTED, True)
    assert world.climb.summary == "native:no_tool_call,guided:upstream_error"


def test_a_refusal_after_an_answer_that_failed_is_no_answer_to_the_client() -> None:
    world = World([said("no"), *[refused()] * 9], policy=ALL, tool_choice="required")
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.code) == (FailureKind.EXHAUSTED, "tool_call_unavailable")
    assert "had to be a tool call and was text" in refusal.message


def test_an_error_behind_refusals_is_the_answer() -> None:
    world = World([refused(), refused(), refused("Else."), refused("More."), failed("cut")], policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.code) == (FailureKind.CUT, None)


def test_a_refused_schema_is_not_sent_again_by_the_other_strategies() -> None:
    world = World([said("no"), refused(part="schema"), said(TEXT)], tool_choice="required", policy=ALL)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:no_tool_call,guided:unsupported,bridge:ok"
    assert [ask.constrained for ask in world.asked] == [False, True, False]


def test_a_refused_schema_of_the_tools_is_left_out_where_they_are_sent_again() -> None:
    world = World([refused(part="schema"), decided(("ping", {}))], policy=ALL)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,bridge:ok"
    assert [ask.constrained for ask in world.asked] == [False, True]


def test_refusals_may_follow_text_that_was_sent() -> None:
    broken = 'Wait.\n<tool_call>{"name": "ping", "arguments": {"a" "b" c</tool_call>'
    world = World([said(broken), refused(), decided(("ping", {}))], policy=ALL, stream=True)
    assert isinstance(world.run(), Answer)
    assert (world.text, world.calls) == ("Wait.", [("ping", {})])


def test_a_refusal_inside_an_answer_that_was_sent_ends_it() -> None:
    world = World([[ResponseChunk(text="Hel"), *refused()]], stream=True)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, world.text) == (FailureKind.INVALID, "Hel")


def test_never_is_a_request_left_without_an_attempt() -> None:
    world = World([*[refused(f"No {n}.", "feature") for n in range(9)]], policy=ALL)
    assert isinstance(world.run(), Failure)
    before = len(world.climb.attempts)
    world.climb = world.make()
    world.answers = [called(OSLO)]
    assert isinstance(world.run(), Answer)
    assert (before, world.climb.summary) == (6, "native:ok")


@pytest.mark.parametrize("part", ["feature", "schema"])
def test_a_request_that_is_refused_in_every_form_proves_nothing(part: str) -> None:
    world = World([refused(part=part)] * 9, policy=ALL)
    assert isinstance(world.run(), Failure)
    world.climb = world.make()
    world.answers = [called(OSLO)]
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:ok"


@pytest.mark.parametrize("part", ["feature", "schema"])
def test_a_refusal_inside_an_answer_says_nothing_about_the_next_one(part: str) -> None:
    inside: list[ResponseChunk | Failure] = [ResponseChunk(), *refused("No.", part)]
    world = World([inside, decided(("ping", {}))], policy=ALL)
    assert isinstance(world.run(), Answer)
    assert world.climb.attempts[0].outcome is AttemptOutcome.UNSUPPORTED
    world.climb = world.make()
    world.answers = [called(OSLO)]
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:ok"


def test_the_last_strategy_is_tried_though_it_was_refused() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={}, capabilities=Capabilities(json_schema=False))
    world = World([said("no"), refused("No.", "feature")], policy=policy, tool_choice="required")
    assert isinstance(world.run(), Failure)
    world.climb = world.make()
    world.answers = [said("no"), said(TEXT)]
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:no_tool_call,bridge:ok"


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
    world = World([refused(part="schema"), called(("ping", "{}"))], policy=STRICT, tools=[FITS], tool_choice="required")
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,native:ok"
    assert [body["tools"][0]["function"].get("strict") for body in world.bodies] == [True, None]


def test_without_a_schema_that_fits_strict_is_no_form_of_its_own() -> None:
    world = World([refused(part="schema"), decided(("ping", {}))], policy=STRICT, tools=[PING], tool_choice="required")
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,bridge:ok"


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
    world = World([refused("System message must be at the beginning."), called(OSLO)], messages=TALK)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,native:ok"
    assert world.bodies[1]["messages"] == SIMPLE


def test_a_server_that_wants_simple_histories_gets_them_at_once() -> None:
    world = World([refused(), called(OSLO)], messages=TALK)
    world.run()
    world.climb = world.make()
    world.answers = [called(OSLO)]
    assert isinstance(world.run(), Answer)
    assert (world.climb.summary, world.bodies[-1]["messages"]) == ("native:ok", SIMPLE)


def test_a_history_that_is_refused_in_both_forms_proves_nothing() -> None:
    world = World([refused(), refused(), decided(("ping", {}))], messages=TALK)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:unsupported,native:unsupported,guided:ok"
    assert not world.memory.snapshot(b"", world.clock()).simple_history


def test_a_simple_history_stays_as_it_is() -> None:
    body = {"model": "m", "messages": SIMPLE, "tools": [WEATHER]}
    request = parse_request(encode(body))  # type: ignore[arg-type]
    assert simplified(request) is request


def test_a_result_of_a_call_that_nobody_knows_keeps_its_id() -> None:
    body: dict[str, Any] = {"model": "m", "messages": TALK[:5], "tools": [WEATHER]}
    request = parse_request(encode(body))
    messages: list[Any] = request.body["messages"]  # type: ignore[assignment]
    messages[4] = {**messages[4], "tool_call_id": "other"}
    assert simplified(request).messages[-1]["tool_call_id"] == "other"


# errors


def test_a_500_that_comes_again_and_again_costs_three_calls() -> None:
    for fields in ({}, {"tool_choice": "required"}, {"mode": Mode.EMULATE}):
        world = World([failed("error", origin="500")] * 9, **fields)
        refusal = world.run()
        assert isinstance(refusal, Failure)
        assert (refusal.kind, refusal.should_retry, len(world.bodies)) == (FailureKind.ERROR, False, 3)


def test_a_500_about_a_grammar_is_followed_by_a_request_without_one() -> None:
    world = World([*[failed("error", origin="500")] * 2, said(TEXT)], policy=ALL, tool_choice="required")
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:upstream_error,guided:upstream_error,bridge:ok"
    assert [ask.constrained for ask in world.asked] == [False, True, False]


def test_different_errors_do_not_end_the_climb() -> None:
    answers = [[Failure(kind=FailureKind.ERROR, message=f"Error {n}.", origin="500")] for n in range(4)]
    world = World([*answers], policy=ALL)
    assert isinstance(world.run(), Failure)
    assert len(world.climb.attempts) == 4


def test_an_early_call_that_a_server_closed_at_the_limit_stays_open() -> None:
    pieces = [ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":"Oslo"}'),)), called(OSLO)[0]]
    pieces[1] = ResponseChunk(finish="tool_calls", usage=pieces[1].usage)  # type: ignore[union-attr]
    world = World([pieces], policy=Policy(stream_arguments="immediately"), stream=True, max_tokens=5)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "length"
    assert [type(event) for event in world.events][:1] == [CallStart]
