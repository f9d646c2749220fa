"""The climb: which strategies are tried, what the client gets, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from toolgate_core.ladder import Answer
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, TextDelta
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome, Mode, RequestOutcome, Strategy

from tests.core.ladder.scripted import OSLO, USAGE, World, called, decided, failed, refused, said

ALL = Policy(retries={})
BROKEN = 'Wait.\n<tool_call>{"name": "ping", "arguments": {"a" "b" c</tool_call>'


def test_a_valid_native_call_is_delivered_whole_with_its_own_id() -> None:
    world = World([called(OSLO)])
    assert world.run() == Answer(
        finish_reason="tool_calls", strategy=Strategy.NATIVE, usage=USAGE, total_usage=USAGE, repairs=()
    )
    assert world.events == [CallStart(0, "get_weather", "id0"), ArgumentsDelta(0, '{"city":"Oslo"}'), CallEnd(0)]
    assert world.climb.summary == "native:ok"


def test_a_named_choice_ends_with_stop() -> None:
    world = World([called(OSLO)], tool_choice={"type": "function", "function": {"name": "get_weather"}})
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.calls) == ("stop", [("get_weather", {"city": "Oslo"})])


def test_text_under_auto_is_an_answer_and_flows_as_it_comes() -> None:
    world = World([[ResponseChunk(text="Hel"), ResponseChunk(text="lo"), ResponseChunk(finish="stop")]], stream=True)
    assert isinstance(world.run(), Answer)
    assert world.emits == [(TextDelta("Hel"),), (TextDelta("lo"),)]
    assert world.climb.attempts[0].outcome is AttemptOutcome.SUCCESS_TEXT


def test_required_falls_from_strategy_to_strategy_until_a_call_settles() -> None:
    world = World(
        [said("no"), said("no"), decided(("get_weather", {"city": "Oslo"}))], tool_choice="required", policy=ALL
    )
    answer = world.run()
    assert isinstance(answer, Answer)
    assert world.climb.summary == "native:no_tool_call,guided:parse_error,bridge:ok"
    assert (world.text, world.calls) == ("", [("get_weather", {"city": "Oslo"})])
    assert answer.usage == USAGE
    assert answer.total_usage == Usage(30, 15)
    assert world.climb.serving_strategy is Strategy.BRIDGE


def test_two_pass_reasons_first_and_converts_then() -> None:
    answers = [
        said("no"),
        said("no"),
        said("{"),
        said("I need the weather."),
        decided(("get_weather", {"city": "Oslo"})),
    ]
    world = World(answers, tool_choice="required", policy=ALL)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert answer.strategy is Strategy.TWO_PASS
    assert answer.usage == Usage(10, 10)
    assert [ask.draft for ask in world.asked] == [None, None, None, None, "I need the weather."]


def test_a_retry_quotes_the_fault() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    answers = [decided(("get_weather", {"city": "Oslo", "days": "three"})), decided(("get_weather", {"city": "Oslo"}))]
    world = World(answers, tool_choice="required", policy=policy)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "bridge:schema_invalid,bridge:ok"
    fault = world.asked[1].fault
    assert fault is not None
    assert "days" in fault.detail
    assert [attempt.retry for attempt in world.climb.attempts] == [0, 1]


def test_emulate_never_uses_the_upstreams_own_tool_calling() -> None:
    world = World([decided(("ping", {}))], mode=Mode.EMULATE)
    assert isinstance(world.run(), Answer)
    assert "tools" not in world.bodies[0]
    assert world.climb.summary == "bridge:ok"


def test_leaked_markup_in_native_text_is_salvaged_and_tagged() -> None:
    text = 'Let me look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    world = World([said(text)])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls) == ("Let me look.", [("get_weather", {"city": "Oslo"})])
    assert "leaked_markup" in answer.repairs


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_stream_equals_the_whole_answer(size: int) -> None:
    text = 'Hm `<tool_call>` <b\n<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": "3"}}</tool_call>'
    pieces = [ResponseChunk(text=text[at : at + size]) for at in range(0, len(text), size)]
    whole, split = World([said(text)]), World([[*pieces, ResponseChunk(finish="stop", usage=USAGE)]], stream=True)
    assert whole.run() == split.run()
    assert (whole.text, whole.calls) == (split.text, split.calls)
    assert whole.calls == [("get_weather", {"city": "Oslo", "days": 3})]


def test_white_space_beside_native_calls_is_no_content() -> None:
    world = World([called(OSLO, text="\n\n")])
    world.run()
    assert world.text == ""


def test_an_unreadable_call_after_text_was_sent_can_only_be_followed_by_a_call() -> None:
    world = World([said(BROKEN), decided(("ping", {}))], policy=ALL, stream=True)
    world.policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world.climb = world.make()
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls, answer.degraded) == ("Wait.", [("ping", {})], False)
    assert world.climb.summary == "native:parse_error,bridge:ok"


def test_text_cannot_follow_text_that_was_sent() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([said(BROKEN), said('{"action":"answer","answer":"It is sunny."}')], policy=policy, stream=True)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (world.text, world.climb.summary) == ("Wait.", "native:parse_error,bridge:no_tool_call")


def test_after_sent_text_and_failed_attempts_a_stream_ends_with_an_error() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    answers = [said(BROKEN), said("{")]
    refusal = World(answers, policy=policy, stream=True).run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.code, refusal.should_retry) == (FailureKind.EXHAUSTED, "tool_call_unavailable", False)
    assert refusal.outcome is RequestOutcome.EXHAUSTED


def test_not_streamed_the_best_clean_text_is_the_degraded_answer() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([said(BROKEN), said("{")], policy=policy)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls, answer.degraded, answer.finish_reason) == ("Wait.", [], True, "stop")


def test_a_degraded_answer_is_told_as_the_attempts_that_its_text_came_from() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([said(BROKEN), failed("error")], policy=policy)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.strategy, world.climb.serving_strategy) == ("Wait.", Strategy.NATIVE, Strategy.NATIVE)
    assert (answer.usage, answer.total_usage) == (USAGE, USAGE)


def test_not_streamed_a_failed_attempts_text_gives_way_to_the_good_one() -> None:
    broken = '{"action":"answer","answer":"Oslo is'
    world = World([said(broken), said('{"action":"answer","answer":"Oslo is cold."}')], mode=Mode.EMULATE)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert world.climb.summary == "bridge:parse_error,bridge:ok"
    assert (world.text, answer.degraded) == ("Oslo is cold.", False)


def test_prose_where_a_decision_was_asked_for_is_the_best_text_when_nothing_else_came() -> None:
    world = World([said("It is sunny.")], policy=Policy(ladder=(Strategy.BRIDGE,), retries={}))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.degraded) == ("It is sunny.", True)


def test_required_that_no_strategy_can_fulfil_is_a_502_that_asks_not_to_retry() -> None:
    world = World([said("no")] * 3 + [said("draft"), said("no")], tool_choice="required", policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.code, refusal.should_retry) == (FailureKind.EXHAUSTED, "tool_call_unavailable", False)
    assert world.events == []


def test_an_answer_that_was_decided_streams_while_it_is_written() -> None:
    text = '{"action":"answer","answer":"Good morning"}'
    pieces = [ResponseChunk(text=char) for char in text]
    policy = Policy(ladder=(Strategy.BRIDGE,))
    world = World([[*pieces, ResponseChunk(finish="stop")]], policy=policy, stream=True)
    assert isinstance(world.run(), Answer)
    assert world.text == "Good morning"
    assert len(world.emits) > 5


def test_stop_strings_end_the_answer_of_an_envelope() -> None:
    text = '{"action":"answer","answer":"one END two"}'
    policy = Policy(ladder=(Strategy.BRIDGE,))
    world = World([[ResponseChunk(text=char) for char in text]], policy=policy, stream=True, stop=["END", "ENOUGH"])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.finish_reason, world.hang_ups) == ("one ", "stop", 1)
    assert "stop" not in world.bodies[0]


def test_after_a_stop_string_the_rest_is_read_for_its_usage_alone() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), capabilities=Capabilities(json_schema=False))
    call = '<function_calls><invoke name="ping"></invoke></function_calls>'
    pieces = [ResponseChunk(text="one END"), ResponseChunk(text=call), ResponseChunk(finish="length", usage=USAGE)]
    options = {"include_usage": True}
    world = World([pieces], policy=policy, stream=True, stop="END", stream_options=options)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls, answer.finish_reason, answer.usage) == ("one ", [], "stop", USAGE)


def test_text_that_only_begins_like_a_stop_string_is_kept() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    world = World([said('{"action":"answer","answer":"the EN"}')], policy=policy, stop="END")
    world.run()
    assert world.text == "the EN"


def test_an_answer_cut_by_the_token_limit_keeps_its_reason_and_drops_the_call() -> None:
    world = World(
        [[ResponseChunk(text="So", calls=(CallDelta(0, "a", "get_weather", '{"city":"Os'),), finish="length")]]
    )
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.text, world.calls) == ("length", "So", [])
    assert world.climb.attempts[0].outcome is AttemptOutcome.TRUNCATED


def test_the_finished_calls_of_a_cut_answer_are_delivered_with_the_reason_length() -> None:
    world = World([called(OSLO, ("ping", "{"), finish="length")])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.calls) == ("length", [("get_weather", {"city": "Oslo"})])


def test_required_climbs_after_a_cut_and_ends_with_length_when_all_were_cut() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([said("so", "length"), said('{"action":"call"', "length")], tool_choice="required", policy=policy)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.events) == ("length", [])
    assert world.climb.summary == "native:truncated,bridge:truncated"


def test_an_empty_answer_is_no_answer() -> None:
    world = World([said(""), called(OSLO)], policy=Policy(ladder=(Strategy.NATIVE,), retries={Strategy.NATIVE: 1}))
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:no_tool_call,native:ok"


def test_a_filtered_answer_is_passed_on() -> None:
    answer = World([said("", "content_filter")], tool_choice="required").run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "content_filter"


def test_a_bad_call_after_a_delivered_one_is_dropped_and_tagged() -> None:
    world = World([called(OSLO, ("nope", "{}"))])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("bad_call_dropped",))


def test_without_parallel_calls_only_the_first_is_delivered() -> None:
    world = World([called(OSLO, ("ping", "{}"))], parallel_tool_calls=False)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("parallel_call_dropped",))


def test_text_after_a_call_is_not_sent() -> None:
    text = '<tool_call>{"name":"ping","arguments":{}}</tool_call>\nDone.'
    world = World([said(text)])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls) == ("", [("ping", {})])
    assert "text_after_call" in answer.repairs


def test_an_interleaved_native_stream_comes_out_in_order() -> None:
    deltas = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)),
        ResponseChunk(calls=(CallDelta(1, "b", "ping", "{"),)),
        ResponseChunk(calls=(CallDelta(0, None, None, '"Oslo"}'), CallDelta(1, None, None, "}"))),
        ResponseChunk(finish="tool_calls"),
    ]
    world = World([deltas], stream=True)
    assert isinstance(world.run(), Answer)
    assert world.calls == [("get_weather", {"city": "Oslo"}), ("ping", {})]


def test_long_odd_or_repeated_ids_are_replaced() -> None:
    deltas = tuple(CallDelta(n, call_id, "ping", "{}") for n, call_id in enumerate(["x" * 46, "a", "a", "b c", None]))
    world = World([[ResponseChunk(calls=deltas, finish="tool_calls")]])
    world.run()
    ids = [event.id for event in world.events if isinstance(event, CallStart)]
    assert ids == ["call_0", "a", "call_1", "call_2", "call_3"]


def test_tool_choice_none_delivers_text_and_never_a_call() -> None:
    text = 'Sure. <tool_call>{"name":"ping","arguments":{}}</tool_call>'
    world = World([said(text)], tool_choice="none")
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text.strip(), world.calls, answer.finish_reason) == ("Sure.", [], "stop")


def test_tool_choice_none_falls_to_a_prompt_where_the_upstream_knows_no_tools() -> None:
    world = World([refused(part="feature"), said("Hello.")], tool_choice="none")
    assert isinstance(world.run(), Answer)
    assert (world.text, world.climb.summary) == ("Hello.", "native:unsupported,bridge:ok")


# confirm_plain_text


def test_checked_text_is_released_when_the_bridge_agrees() -> None:
    world = World([said("Hello."), said('{"action":"answer","answer":"x"}')], policy=Policy(confirm_plain_text=True))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.strategy, answer.degraded) == ("Hello.", Strategy.NATIVE, False)
    assert world.climb.summary == "native:ok,bridge:ok"


def test_checked_text_gives_way_to_the_call_that_the_bridge_decides_on() -> None:
    world = World([said("Hello."), decided(("ping", {}))], policy=Policy(confirm_plain_text=True))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls, answer.strategy) == ("", [("ping", {})], Strategy.BRIDGE)
    assert world.climb.summary == "native:no_tool_call,bridge:ok"


def test_checked_text_is_degraded_when_the_check_fails() -> None:
    policy = Policy(confirm_plain_text=True, ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([said("Hello."), said("{")], policy=policy)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.degraded) == ("Hello.", True)


# stream_arguments: immediately


def test_early_arguments_stream_as_they_come() -> None:
    pieces = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)),
        ResponseChunk(calls=(CallDelta(0, None, None, '"Oslo"}'),)),
        ResponseChunk(finish="tool_calls"),
    ]
    world = World([pieces], policy=Policy(stream_arguments="immediately"), stream=True)
    assert isinstance(world.run(), Answer)
    assert world.emits == [
        (CallStart(0, "get_weather", "a"), ArgumentsDelta(0, '{"city":')),
        (ArgumentsDelta(0, '"Oslo"}'),),
        (CallEnd(0),),
    ]


def test_an_early_call_that_turns_out_bad_ends_in_an_error() -> None:
    pieces = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":3}'),)),
        ResponseChunk(finish="tool_calls"),
    ]
    refusal = World([pieces], policy=Policy(stream_arguments="immediately"), stream=True).run()
    assert isinstance(refusal, Failure)
    assert refusal.code == "tool_call_unavailable"


def test_an_early_call_that_is_cut_stays_unclosed() -> None:
    pieces = [ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)), ResponseChunk(finish="length")]
    world = World([pieces], policy=Policy(stream_arguments="immediately"), stream=True, tool_choice="required")
    answer = world.run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "length"
    assert CallEnd(0) not in world.events


def test_only_one_early_call_is_under_way_at_a_time() -> None:
    world = World([called(OSLO, ("ping", "{}"))], policy=Policy(stream_arguments="immediately"))
    assert isinstance(world.run(), Answer)
    assert world.calls == [("get_weather", {"city": "Oslo"}), ("ping", {})]


# upstream failures


@pytest.mark.parametrize("kind", ["limited", "overloaded", "credential", "unreachable", "unavailable"])
def test_some_upstream_failures_end_the_climb_at_once(kind: str) -> None:
    world = World([failed(kind, origin="418")])
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, len(world.climb.attempts)) == (kind, 1)


@pytest.mark.parametrize(("kind", "count"), [("error", 3), ("no_endpoint", 3), ("cut", 4), ("timeout", 4)])
def test_an_upstream_that_fails_every_time_is_an_upstream_error(kind: str, count: int) -> None:
    world = World([failed(kind)] * 4, policy=ALL)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, len(world.climb.attempts)) == (kind, count)


def test_a_stream_that_is_cut_after_text_was_sent_ends_with_an_error() -> None:
    world = World(
        [[ResponseChunk(text="Hel"), Failure(kind=FailureKind.CUT, message="It was cut.", origin="reset")]], stream=True
    )
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, world.text) == (FailureKind.CUT, "Hel")


def test_a_cut_before_anything_was_sent_is_retried_with_the_next_strategy() -> None:
    pieces: list[ResponseChunk | Failure] = [
        ResponseChunk(calls=(CallDelta(0, "a", "ping", ""),)),
        Failure(kind=FailureKind.CUT, message="It was cut.", origin="reset"),
    ]
    world = World([pieces, decided(("ping", {}))], policy=ALL, stream=True)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:upstream_error,guided:ok"


def test_two_pass_ends_when_its_first_pass_fails() -> None:
    world = World([failed("error")], policy=Policy(ladder=(Strategy.TWO_PASS,), retries={}))
    assert isinstance(world.run(), Failure)
    assert world.climb.summary == "two_pass:upstream_error"


def test_what_an_upstream_does_not_support_is_remembered() -> None:
    answers = [refused(part="feature"), refused(part="feature"), said("{"), decided(("ping", {}))]
    policy = Policy(ladder=(Strategy.GUIDED, Strategy.BRIDGE), retries={})
    world = World([*answers], tool_choice="required", policy=policy)
    world.answers[2:] = [said('<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>')]
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "guided:unsupported,bridge:unsupported,bridge:ok"
    assert [ask.constrained for ask in world.asked] == [True, True, False]
    world.answers = [[*said('<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>')]]
    world.climb = world.make()
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "bridge:ok"


def test_a_refused_request_of_ours_falls_to_another_strategy_and_is_not_remembered() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE, Strategy.TWO_PASS), retries={})
    world = World([refused(kind="unprocessable"), refused(kind="unprocessable")], policy=policy)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, world.climb.summary) == (FailureKind.UNPROCESSABLE, "bridge:unsupported,bridge:unsupported")
    assert [ask.constrained for ask in world.asked] == [True, False]
    world.answers = [decided(("ping", {}))]
    world.climb = world.make()
    assert isinstance(world.run(), Answer)


def test_a_context_that_is_too_long_is_not_tried_again() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE, Strategy.TWO_PASS))
    refusal = World([refused(code="context_length_exceeded")], policy=policy).run()
    assert isinstance(refusal, Failure)
    assert refusal.code == "context_length_exceeded"


# budgets, deadline, disconnect


@pytest.mark.parametrize("policy", [Policy(max_attempts=1), Policy(max_seconds=1.0), Policy(max_tokens=15)])
def test_budgets_end_the_climb(policy: Policy) -> None:
    world = World([said("no")], tool_choice="required", policy=policy)
    refusal = world.run()
    assert isinstance(refusal, Failure)
    assert world.climb.summary in ("native:no_tool_call", "")


def test_retries_stop_when_the_budget_is_spent() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 9}, max_attempts=2)
    world = World([said("{"), said("{")], tool_choice="required", policy=policy)
    assert isinstance(world.run(), Failure)
    assert len(world.climb.attempts) == 2


@pytest.mark.parametrize("effect", range(4))
def test_the_deadline_ends_the_climb_wherever_it_is(effect: int) -> None:
    world = World([[ResponseChunk(text="Hel"), ResponseChunk(text="lo"), ResponseChunk(finish="stop")]], stream=True)
    refusal = world.run(throw_at=effect)
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.outcome) == (FailureKind.DEADLINE, RequestOutcome.TIMEOUT)
    assert [attempt.outcome for attempt in world.climb.attempts] == [AttemptOutcome.TIMEOUT]


def test_a_closed_climb_records_that_it_was_cancelled() -> None:
    world = World([[ResponseChunk(text="Hel")]], stream=True)
    steps = world.climb.run()
    effect = next(steps)
    assert world.climb.summary == "native:pending"
    steps.send(world.reply(effect))
    steps.close()
    assert world.climb.summary == "native:cancelled"


def test_a_closed_climb_that_has_not_begun_records_nothing() -> None:
    world = World([])
    steps = world.climb.run()
    steps.close()
    assert world.climb.attempts == ()


def test_priority_is_known_from_the_first_event_on() -> None:
    world = World([[ResponseChunk(text="Hello"), ResponseChunk(finish="stop")]], stream=True)
    steps = world.climb.run()
    effect = next(steps)
    before = world.climb.serving_strategy
    while not world.emits:
        effect = steps.send(world.reply(effect))
    assert (before, world.climb.serving_strategy) == (None, Strategy.NATIVE)
    steps.close()


def test_logprobs_are_refused_where_every_answer_is_constrained() -> None:
    refusal = World([], mode=Mode.EMULATE, logprobs=True).run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.param) == (FailureKind.INVALID, "logprobs")


def test_logprobs_of_a_native_answer_are_kept() -> None:
    world = World([said("Hi", logprobs=({"token": "Hi", "logprob": -0.1},))], logprobs=True)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert answer.logprobs == ({"token": "Hi", "logprob": -0.1},)


def test_a_policy_without_a_strategy_for_the_mode_is_a_clear_error() -> None:
    refusal = World([], mode=Mode.EMULATE, policy=Policy(ladder=(Strategy.NATIVE,))).run()
    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.param) == (FailureKind.INVALID, "tools")


def test_without_json_schema_the_bridge_writes_a_dialect_and_guided_is_left_out() -> None:
    policy = Policy(capabilities=Capabilities(json_schema=False), retries={}, dialect="hermes")
    answers = [said("no"), said('<tool_call>{"name":"ping","arguments":{}}</tool_call>')]
    world = World(answers, tool_choice="required", policy=policy)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:no_tool_call,bridge:ok"
    assert "response_format" not in world.bodies[1]


def test_reasoning_flows_under_auto_and_is_held_under_required() -> None:
    pieces = [ResponseChunk(reasoning="hm "), ResponseChunk(reasoning="ok"), *called(OSLO)]
    free, held = World([pieces], stream=True), World([pieces], stream=True, tool_choice="required")
    free.run(), held.run()
    assert free.reasoning == held.reasoning == "hm ok"
    assert (len(free.emits), len(held.emits)) == (3, 1)


def test_held_time_is_measured() -> None:
    world = World(
        [[ResponseChunk(text="a"), ResponseChunk(text="b"), *called(OSLO)]], stream=True, tool_choice="required"
    )
    world.run()
    assert world.climb.attempts[0].held_s > 0


def test_a_draft_that_is_all_reasoning_is_a_draft() -> None:
    world = World(
        [[ResponseChunk(reasoning="The weather, then.", finish="stop")], decided(("ping", {}))],
        policy=Policy(ladder=(Strategy.TWO_PASS,)),
    )
    assert isinstance(world.run(), Answer)
    assert (world.asked[1].draft, world.reasoning, world.calls) == ("The weather, then.", "", [("ping", {})])


def test_a_leaked_call_that_the_token_limit_cut_is_dropped() -> None:
    world = World([said('So: <tool_call>{"na', "length")])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.text.strip(), world.calls) == ("length", "So:", [])
    assert world.climb.summary == "native:truncated"


def test_white_space_after_a_call_is_no_loss() -> None:
    pieces = [
        ResponseChunk(text=text) for text in ('<tool_call>{"name":"ping","arguments":{}}', "</tool_call>", "\n", "\n")
    ]
    answer = World([[*pieces, ResponseChunk(finish="stop")]], stream=True).run()
    assert isinstance(answer, Answer)
    assert answer.repairs == ("leaked_markup",)


def test_a_good_call_behind_a_bad_one_does_not_save_the_attempt() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([called(("nope", "{}"), OSLO), decided(("ping", {}))], policy=policy)
    assert isinstance(world.run(), Answer)
    assert (world.calls, world.climb.summary) == ([("ping", {})], "native:unknown_tool,bridge:ok")


def test_a_broken_call_under_none_is_left_out_of_the_text() -> None:
    world = World([said(BROKEN)], tool_choice="none")
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls) == ("Wait.", [])


def test_a_fault_keeps_a_bounded_part_of_the_answer() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    pieces = [
        ResponseChunk(text='{"action":"call","calls":[{"name":"nope","arguments":{"x":"' + "y" * 3000),
        ResponseChunk(text='"}}]}'),
    ]
    world = World(
        [[*pieces, ResponseChunk(finish="stop")], decided(("ping", {}))], tool_choice="required", policy=policy
    )
    assert isinstance(world.run(), Answer)
    fault = world.asked[1].fault
    assert fault is not None
    assert len(fault.raw) == 2000


def test_the_deadline_may_come_between_attempts() -> None:
    world = World([said("It is sunny.")], policy=Policy(ladder=(Strategy.BRIDGE,), retries={}))
    effects = 5  # transform, call, read, extract; then the best text
    refusal = world.run(throw_at=effects - 1)
    assert isinstance(refusal, Failure)
    assert (refusal.kind, world.climb.summary) == (FailureKind.DEADLINE, "bridge:parse_error")


def test_reasoning_in_the_text_is_told_apart() -> None:
    world = World([said("<think>Hm.</think>It is sunny.")])
    assert isinstance(world.run(), Answer)
    assert (world.reasoning, world.text) == ("Hm.", "It is sunny.")


def test_markup_around_a_decision_is_no_fault() -> None:
    text = '```json\n{"action":"call","calls":[{"name":"ping","arguments":{}}]}\n```'
    world = World([said(text)], policy=Policy(ladder=(Strategy.BRIDGE,)))
    assert isinstance(world.run(), Answer)
    assert world.calls == [("ping", {})]


def test_a_call_without_a_name_is_a_parse_error() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    world = World([said('{"action":"call","calls":[{"arguments":{}}]}'), decided(("ping", {}))], policy=policy)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "bridge:parse_error,bridge:ok"


def test_a_streamed_answer_whose_envelope_was_never_closed_is_an_answer() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    world = World(
        [[ResponseChunk(text='{"action":"answer","answer":"Good day'), ResponseChunk(finish="stop")]],
        policy=policy,
        stream=True,
    )
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.repairs) == ("Good day", ("unclosed",))


def test_an_echoed_result_is_not_shown() -> None:
    world = World([said("Hi <|start|>functions.ping to=assistant<|message|>{}")])
    assert isinstance(world.run(), Answer)
    assert world.text == "Hi"


def test_leaked_harmony_that_is_no_json_is_a_parse_error() -> None:
    leaked = "<|channel|>commentary to=functions.nope <|constrain|>json<|message|>{bad"
    world = World([said(leaked), called(OSLO)], policy=Policy(retries={Strategy.NATIVE: 1}))
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:parse_error,native:ok"


def test_without_parallel_calls_no_second_one_begins_early() -> None:
    call = '<tool_call>{"name":"ping","arguments":{}}</tool_call>'
    world = World(
        [said(call + call)], policy=Policy(stream_arguments="immediately"), parallel_tool_calls=False, stream=True
    )
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.calls, answer.repairs) == ([("ping", {})], ("leaked_markup", "parallel_call_dropped"))


def test_brackets_that_are_missing_are_closed_where_the_model_itself_has_stopped() -> None:
    world = World([called(("get_weather", '{"city":"Oslo"'))])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("unclosed",))


def test_a_string_that_is_missing_its_end_is_never_closed() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    world = World([called(("get_weather", '{"city":"Os')), decided(("ping", {}))], policy=policy)
    assert isinstance(world.run(), Answer)
    assert world.climb.summary == "native:parse_error,bridge:ok"


def test_a_call_that_used_all_tokens_is_cut_whatever_the_upstream_says() -> None:
    world = World([called(("get_weather", '{"city":"Oslo"'), text="So")], max_tokens=5)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, world.text, world.calls) == ("length", "So", [])
    assert world.climb.summary == "native:truncated"


def test_what_is_bad_in_an_envelope_is_no_cut_since_its_limit_is_wider() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    text = '{"action":"call","calls":[{"name":"ping","arguments":{"a":x}}]}'
    world = World([said(text), decided(("ping", {}))], policy=policy, max_tokens=5)
    assert isinstance(world.run(), Answer)
    assert world.climb.attempts[-1].succeeded


# response_format

FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "a",
        "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def answered(answer: str) -> list[ResponseChunk | Failure]:
    return said(f'{{"action":"answer","answer":{answer}}}')


@pytest.mark.parametrize("bad", ['"plain text"', "{}", '{"city":3}'])
def test_an_answer_that_does_not_fit_the_response_format_is_tried_again(bad: str) -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    world = World([answered(bad), answered('{"city":"Oslo"}')], policy=policy, response_format=FORMAT)
    assert isinstance(world.run(), Answer)
    assert (world.text, world.climb.summary) == ('{"city":"Oslo"}', "bridge:schema_invalid,bridge:ok")


def test_a_streamed_answer_that_is_no_object_is_noticed_before_it_is_sent() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    good = '{"city":"Oslo"}'
    world = World([answered('"no"'), answered(good)], policy=policy, response_format=FORMAT, stream=True)
    assert isinstance(world.run(), Answer)
    assert (world.text, world.climb.summary) == (good, "bridge:schema_invalid,bridge:ok")


def test_a_streamed_answer_that_turns_out_not_to_fit_ends_in_an_error() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    refusal = World([answered('{"city":3}')], policy=policy, response_format=FORMAT, stream=True).run()
    assert isinstance(refusal, Failure)
    assert (refusal.code, "response format" in refusal.message) == ("tool_call_unavailable", True)


def test_a_call_needs_no_response_format() -> None:
    world = World([decided(("ping", {}))], policy=Policy(ladder=(Strategy.BRIDGE,)), response_format=FORMAT)
    assert isinstance(world.run(), Answer)
    assert world.calls == [("ping", {})]


def test_an_answer_that_is_no_json_does_not_fit_a_schema_without_a_type() -> None:
    odd = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"minimum": 3}}}
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    world = World([answered('"not json"'), answered("4")], policy=policy, response_format=odd)
    assert isinstance(world.run(), Answer)
    assert (world.text, world.climb.summary) == ("4", "bridge:schema_invalid,bridge:ok")


def test_json_mode_wants_an_object() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    world = World([answered('"x"'), answered("{}")], policy=policy, response_format={"type": "json_object"})
    assert isinstance(world.run(), Answer)
    assert world.text == "{}"


def test_an_upstream_that_failed_again_and_again_is_not_to_be_asked_again_by_the_client() -> None:
    refusal = World([failed("error")] * 4, policy=ALL).run()
    once = World([failed("error")], policy=Policy(ladder=(Strategy.NATIVE,))).run()
    assert isinstance(refusal, Failure)
    assert isinstance(once, Failure)
    assert (refusal.should_retry, once.should_retry) == (False, None)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("functionary32", 'all\nWait.>>>get_weather\n{"city": "Oslo"}'),
        ("pythonic", '[get_weather(city="Oslo")]'),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_what_may_be_prose_is_salvaged_where_the_policy_says_that_the_model_speaks_so(
    dialect: str, text: str, native: bool
) -> None:
    world = World([said(text)], policy=Policy(native_dialect=dialect) if native else Policy(dialect=dialect))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.calls, answer.repairs[0]) == ([("get_weather", {"city": "Oslo"})], "leaked_markup")
    other = World([said(text)])
    other.run()
    assert (other.calls, other.text) == ([], text)


def test_native_answers_are_read_in_the_models_dialect_and_the_bridge_writes_what_it_is_told() -> None:
    strategies = (Strategy.NATIVE, Strategy.BRIDGE)
    policy = Policy(
        ladder=strategies, native_dialect="kimi_k2", retries={}, capabilities=Capabilities(json_schema=False)
    )
    world = World([said(""), said("Fine.")], policy=policy)
    world.run()
    assert [ask.dialect for ask in world.asked] == ["kimi_k2", "function_calls"]


def test_json_that_is_no_call_is_an_answer_without_a_repair() -> None:
    text = '{"name": "Ann", "arguments": [1, 2]}'
    world = World([said(text)], policy=Policy(dialect="llama3_json"))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls, answer.repairs) == (text, [], ())


def test_reasoning_in_native_text_is_no_leaked_markup() -> None:
    world = World([said("<think>Hm.</think>Hello.")])
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.reasoning, world.text, answer.repairs) == ("Hm.", "Hello.", ())


def test_a_stray_marker_in_native_text_is_leaked_markup() -> None:
    world = World([said("Hello.<|im_end|>")], policy=Policy(dialect="hermes"))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, answer.repairs) == ("Hello.", ("leaked_markup",))


def test_an_answer_may_begin_inside_reasoning_that_the_prompt_has_opened() -> None:
    text = 'Oslo, then.</think>\n\nLet me look.\n<tool_call>{"name": "ping", "arguments": {}}</tool_call>'
    world = World([said(text)], policy=Policy(reasoning_starts_open=True))
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.reasoning, world.text, world.calls) == ("Oslo, then.", "Let me look.", [("ping", {})])
    assert answer.repairs == ("leaked_markup",)


def test_reasoning_that_the_upstream_splits_off_does_not_reach_into_the_text() -> None:
    pieces = [ResponseChunk(reasoning="Hm."), ResponseChunk(text="Hel"), ResponseChunk(text="lo.", finish="stop")]
    world = World([pieces], policy=Policy(reasoning_starts_open=True), stream=True)
    assert isinstance(world.run(), Answer)
    assert (world.reasoning, world.text) == ("Hm.", "Hello.")


def test_text_behind_calls_that_end_the_turn_is_dropped() -> None:
    call = "<|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
    section = f"<|tool_calls_section_begin|>{call}<|tool_calls_section_end|>"
    for tail, tags in (("Done.", ("leaked_markup", "text_after_call")), ("\n", ("leaked_markup",))):
        world = World([said(section + tail)], policy=Policy(dialect="kimi_k2"))
        answer = world.run()
        assert isinstance(answer, Answer)
        assert (world.calls, world.text, answer.repairs) == ([("ping", {})], "", tags)


@pytest.mark.parametrize("native", [True, False])
def test_a_call_by_which_a_model_says_that_no_tool_fits_is_none(native: bool) -> None:
    leaked = '<function_call> {"name": "no_function", "arguments": {}}'
    said_so = called(("no_function", "{}")) if native else said(leaked)
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), native_dialect="granite_20b_fc")
    world = World([said_so, said('{"action":"answer","answer":"It is sunny."}')], policy=policy)
    answer = world.run()
    assert isinstance(answer, Answer)
    assert (world.text, world.calls) == ("It is sunny.", [])
    assert world.climb.summary == "native:no_tool_call,bridge:ok"
    assert "no_call" in world.climb.attempts[0].repairs


def test_a_declared_tool_may_have_any_name() -> None:
    tool = {"type": "function", "function": {"name": "no_function", "parameters": {"type": "object"}}}
    world = World([called(("no_function", "{}"))], policy=Policy(dialect="granite_20b_fc"), tools=[tool])
    assert isinstance(world.run(), Answer)
    assert world.calls == [("no_function", {})]


@pytest.mark.parametrize(("more", "shown"), [({"stop": ["all>"]}, "Hi"), ({}, "Hi <tool_c")])
def test_a_marker_that_a_clients_stop_string_cuts_is_not_shown(more: dict[str, Any], shown: str) -> None:
    world = World([said("Hi <tool_c")], **more)
    assert isinstance(world.run(), Answer)
    assert world.text.rstrip() == shown
