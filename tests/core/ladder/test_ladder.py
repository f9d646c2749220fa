"""The ladder: which strategies are tried, what the client gets, and how a run ends."""

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

from tests.core.ladder.scripted import OSLO, USAGE, ScriptedLadder, called, decided, failed, refused, said

ALL = Policy(retries={})
BROKEN = 'Wait.\n<tool_call>{"name": "ping", "arguments": {"a" "b" c</tool_call>'


def test_a_valid_native_call_is_delivered_whole_with_its_own_id() -> None:
    ladder = ScriptedLadder([called(OSLO)])
    assert ladder.run() == Answer(
        finish_reason="tool_calls", strategy=Strategy.NATIVE, usage=USAGE, total_usage=USAGE, repairs=()
    )
    assert ladder.events == [CallStart(0, "get_weather", "id0"), ArgumentsDelta(0, '{"city":"Oslo"}'), CallEnd(0)]
    assert ladder.ladder_run.summary == "native:ok"


def test_a_named_choice_ends_with_stop() -> None:
    ladder = ScriptedLadder([called(OSLO)], tool_choice={"type": "function", "function": {"name": "get_weather"}})
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.calls) == ("stop", [("get_weather", {"city": "Oslo"})])


def test_text_under_auto_is_an_answer_and_flows_as_it_comes() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="Hel"), ResponseChunk(text="lo"), ResponseChunk(finish="stop")]], stream=True
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.emits == [(TextDelta("Hel"),), (TextDelta("lo"),)]
    assert ladder.ladder_run.attempts[0].outcome is AttemptOutcome.SUCCESS_TEXT


def test_required_falls_from_strategy_to_strategy_until_a_call_settles() -> None:
    ladder = ScriptedLadder(
        [said("no"), said("no"), decided(("get_weather", {"city": "Oslo"}))], tool_choice="required", policy=ALL
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.ladder_run.summary == "native:no_tool_call,guided:parse_error,bridge:ok"
    assert (ladder.text, ladder.calls) == ("", [("get_weather", {"city": "Oslo"})])
    assert answer.usage == USAGE
    assert answer.total_usage == Usage(30, 15)
    assert ladder.ladder_run.serving_strategy is Strategy.BRIDGE


def test_two_pass_reasons_first_and_converts_then() -> None:
    answers = [
        said("no"),
        said("no"),
        said("{"),
        said("I need the weather."),
        decided(("get_weather", {"city": "Oslo"})),
    ]
    ladder = ScriptedLadder(answers, tool_choice="required", policy=ALL)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.strategy is Strategy.TWO_PASS
    assert answer.usage == Usage(10, 10)
    assert [ask.draft for ask in ladder.asked] == [None, None, None, None, "I need the weather."]


def test_a_retry_quotes_the_fault() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    answers = [decided(("get_weather", {"city": "Oslo", "days": "three"})), decided(("get_weather", {"city": "Oslo"}))]
    ladder = ScriptedLadder(answers, tool_choice="required", policy=policy)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "bridge:schema_invalid,bridge:ok"
    fault = ladder.asked[1].fault
    assert fault is not None
    assert "days" in fault.detail
    assert [attempt.retry for attempt in ladder.ladder_run.attempts] == [0, 1]


def test_emulate_never_uses_the_upstreams_own_tool_calling() -> None:
    ladder = ScriptedLadder([decided(("ping", {}))], mode=Mode.EMULATE)
    assert isinstance(ladder.run(), Answer)
    assert "tools" not in ladder.bodies[0]
    assert ladder.ladder_run.summary == "bridge:ok"


def test_leaked_markup_in_native_text_is_salvaged_and_tagged() -> None:
    text = 'Let me look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    ladder = ScriptedLadder([said(text)])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls) == ("Let me look.", [("get_weather", {"city": "Oslo"})])
    assert "leaked_markup" in answer.repairs


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_stream_equals_the_whole_answer(size: int) -> None:
    text = 'Hm `<tool_call>` <b\n<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": "3"}}</tool_call>'
    chunks = [ResponseChunk(text=text[at : at + size]) for at in range(0, len(text), size)]
    whole, split = (
        ScriptedLadder([said(text)]),
        ScriptedLadder([[*chunks, ResponseChunk(finish="stop", usage=USAGE)]], stream=True),
    )
    assert whole.run() == split.run()
    assert (whole.text, whole.calls) == (split.text, split.calls)
    assert whole.calls == [("get_weather", {"city": "Oslo", "days": 3})]


def test_white_space_with_native_calls_is_not_content() -> None:
    ladder = ScriptedLadder([called(OSLO, text="\n\n")])
    ladder.run()
    assert ladder.text == ""


def test_only_a_call_may_follow_an_unreadable_one_after_sent_text() -> None:
    ladder = ScriptedLadder([said(BROKEN), decided(("ping", {}))], policy=ALL, stream=True)
    ladder.policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder.ladder_run = ladder.new_run()
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls, answer.degraded) == ("Wait.", [("ping", {})], False)
    assert ladder.ladder_run.summary == "native:parse_error,bridge:ok"


def test_text_cannot_follow_text_that_was_sent() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder(
        [said(BROKEN), said('{"action":"answer","answer":"It is sunny."}')], policy=policy, stream=True
    )
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (ladder.text, ladder.ladder_run.summary) == ("Wait.", "native:parse_error,bridge:no_tool_call")


def test_after_sent_text_and_failed_attempts_a_stream_ends_with_an_error() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    answers = [said(BROKEN), said("{")]
    failure = ScriptedLadder(answers, policy=policy, stream=True).run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.should_retry) == (FailureKind.EXHAUSTED, "tool_call_unavailable", False)
    assert failure.outcome is RequestOutcome.EXHAUSTED


def test_not_streamed_the_best_clean_text_is_the_degraded_answer() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([said(BROKEN), said("{")], policy=policy)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls, answer.degraded, answer.finish_reason) == ("Wait.", [], True, "stop")


def test_a_degraded_answer_names_the_attempt_that_its_text_came_from() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([said(BROKEN), failed("error")], policy=policy)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.strategy, ladder.ladder_run.serving_strategy) == (
        "Wait.",
        Strategy.NATIVE,
        Strategy.NATIVE,
    )
    assert (answer.usage, answer.total_usage) == (USAGE, USAGE)
    # The headers are sent with the text, and name the strategy.
    assert ladder.serving_at_emit == [Strategy.NATIVE]


def test_not_streamed_a_failed_attempts_text_gives_way_to_the_good_one() -> None:
    broken = '{"action":"answer","answer":"Oslo is'
    ladder = ScriptedLadder([said(broken), said('{"action":"answer","answer":"Oslo is cold."}')], mode=Mode.EMULATE)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.ladder_run.summary == "bridge:parse_error,bridge:ok"
    assert (ladder.text, answer.degraded) == ("Oslo is cold.", False)


def test_prose_in_place_of_a_decision_is_the_last_resort() -> None:
    ladder = ScriptedLadder([said("It is sunny.")], policy=Policy(ladder=(Strategy.BRIDGE,), retries={}))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.degraded) == ("It is sunny.", True)


def test_required_without_any_call_fails_and_asks_not_to_retry() -> None:
    ladder = ScriptedLadder([said("no")] * 3 + [said("draft"), said("no")], tool_choice="required", policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.should_retry) == (FailureKind.EXHAUSTED, "tool_call_unavailable", False)
    assert ladder.events == []


def test_an_answer_that_was_decided_streams_while_it_is_written() -> None:
    text = '{"action":"answer","answer":"Good morning"}'
    chunks = [ResponseChunk(text=char) for char in text]
    policy = Policy(ladder=(Strategy.BRIDGE,))
    ladder = ScriptedLadder([[*chunks, ResponseChunk(finish="stop")]], policy=policy, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.text == "Good morning"
    assert len(ladder.emits) > 5


def test_stop_strings_end_the_answer_of_an_envelope() -> None:
    text = '{"action":"answer","answer":"one END two"}'
    policy = Policy(ladder=(Strategy.BRIDGE,))
    ladder = ScriptedLadder(
        [[ResponseChunk(text=char) for char in text]], policy=policy, stream=True, stop=["END", "ENOUGH"]
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.finish_reason, ladder.closed) == ("one ", "stop", 1)
    assert "stop" not in ladder.bodies[0]


def test_after_a_stop_string_the_rest_is_read_for_its_usage_alone() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), capabilities=Capabilities(json_schema=False))
    call = '<function_calls><invoke name="ping"></invoke></function_calls>'
    chunks = [ResponseChunk(text="one END"), ResponseChunk(text=call), ResponseChunk(finish="length", usage=USAGE)]
    options = {"include_usage": True}
    ladder = ScriptedLadder([chunks], policy=policy, stream=True, stop="END", stream_options=options)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls, answer.finish_reason, answer.usage) == ("one ", [], "stop", USAGE)


def test_text_that_only_begins_like_a_stop_string_is_kept() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    ladder = ScriptedLadder([said('{"action":"answer","answer":"the EN"}')], policy=policy, stop="END")
    ladder.run()
    assert ladder.text == "the EN"


def test_an_answer_cut_by_the_limit_keeps_its_reason_and_drops_the_call() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="So", calls=(CallDelta(0, "a", "get_weather", '{"city":"Os'),), finish="length")]]
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.text, ladder.calls) == ("length", "So", [])
    assert ladder.ladder_run.attempts[0].outcome is AttemptOutcome.TRUNCATED


def test_finished_calls_of_a_cut_answer_are_delivered_with_length() -> None:
    ladder = ScriptedLadder([called(OSLO, ("ping", "{"), finish="length")])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.calls) == ("length", [("get_weather", {"city": "Oslo"})])


def test_required_goes_on_after_a_cut_and_ends_with_length() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder(
        [said("so", "length"), said('{"action":"call"', "length")], tool_choice="required", policy=policy
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.events) == ("length", [])
    assert ladder.ladder_run.summary == "native:truncated,bridge:truncated"


def test_an_empty_answer_is_not_an_answer() -> None:
    ladder = ScriptedLadder(
        [said(""), called(OSLO)], policy=Policy(ladder=(Strategy.NATIVE,), retries={Strategy.NATIVE: 1})
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:no_tool_call,native:ok"


def test_a_filtered_answer_is_passed_on() -> None:
    answer = ScriptedLadder([said("", "content_filter")], tool_choice="required").run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "content_filter"


def test_a_bad_call_after_a_delivered_one_is_dropped_and_tagged() -> None:
    ladder = ScriptedLadder([called(OSLO, ("nope", "{}"))])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("bad_call_dropped",))


def test_without_parallel_calls_only_the_first_is_delivered() -> None:
    ladder = ScriptedLadder([called(OSLO, ("ping", "{}"))], parallel_tool_calls=False)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("parallel_call_dropped",))


def test_text_after_a_call_is_not_sent() -> None:
    text = '<tool_call>{"name":"ping","arguments":{}}</tool_call>\nDone.'
    ladder = ScriptedLadder([said(text)])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls) == ("", [("ping", {})])
    assert "text_after_call" in answer.repairs


def test_an_interleaved_native_stream_comes_out_in_order() -> None:
    deltas = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)),
        ResponseChunk(calls=(CallDelta(1, "b", "ping", "{"),)),
        ResponseChunk(calls=(CallDelta(0, None, None, '"Oslo"}'), CallDelta(1, None, None, "}"))),
        ResponseChunk(finish="tool_calls"),
    ]
    ladder = ScriptedLadder([deltas], stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("get_weather", {"city": "Oslo"}), ("ping", {})]


def test_long_odd_or_repeated_ids_are_replaced() -> None:
    deltas = tuple(CallDelta(n, call_id, "ping", "{}") for n, call_id in enumerate(["x" * 46, "a", "a", "b c", None]))
    ladder = ScriptedLadder([[ResponseChunk(calls=deltas, finish="tool_calls")]])
    ladder.run()
    ids = [event.id for event in ladder.events if isinstance(event, CallStart)]
    assert ids == ["call_0", "a", "call_1", "call_2", "call_3"]


def test_tool_choice_none_delivers_text_and_never_a_call() -> None:
    text = 'Sure. <tool_call>{"name":"ping","arguments":{}}</tool_call>'
    ladder = ScriptedLadder([said(text)], tool_choice="none")
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text.strip(), ladder.calls, answer.finish_reason) == ("Sure.", [], "stop")


def test_tool_choice_none_falls_back_to_a_prompt_without_tools() -> None:
    ladder = ScriptedLadder([refused(part="feature"), said("Hello.")], tool_choice="none")
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == ("Hello.", "native:unsupported,bridge:ok")


# confirm_plain_text


def test_checked_text_is_released_when_the_bridge_agrees() -> None:
    ladder = ScriptedLadder(
        [said("Hello."), said('{"action":"answer","answer":"x"}')], policy=Policy(confirm_plain_text=True)
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.strategy, answer.degraded) == ("Hello.", Strategy.NATIVE, False)
    assert ladder.ladder_run.summary == "native:ok,bridge:ok"


def test_checked_text_gives_way_to_the_call_that_the_bridge_decides_on() -> None:
    ladder = ScriptedLadder([said("Hello."), decided(("ping", {}))], policy=Policy(confirm_plain_text=True))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls, answer.strategy) == ("", [("ping", {})], Strategy.BRIDGE)
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:ok"


def test_checked_text_is_degraded_when_the_check_fails() -> None:
    policy = Policy(confirm_plain_text=True, ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([said("Hello."), said("{")], policy=policy)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.degraded) == ("Hello.", True)


# stream_arguments: immediately


def test_early_arguments_stream_as_they_come() -> None:
    chunks = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)),
        ResponseChunk(calls=(CallDelta(0, None, None, '"Oslo"}'),)),
        ResponseChunk(finish="tool_calls"),
    ]
    ladder = ScriptedLadder([chunks], policy=Policy(stream_arguments="immediately"), stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.emits == [
        (CallStart(0, "get_weather", "a"), ArgumentsDelta(0, '{"city":')),
        (ArgumentsDelta(0, '"Oslo"}'),),
        (CallEnd(0),),
    ]


def test_an_early_call_that_turns_out_bad_ends_in_an_error() -> None:
    chunks = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":3}'),)),
        ResponseChunk(finish="tool_calls"),
    ]
    failure = ScriptedLadder([chunks], policy=Policy(stream_arguments="immediately"), stream=True).run()
    assert isinstance(failure, Failure)
    assert failure.code == "tool_call_unavailable"


def test_an_early_call_that_is_cut_stays_unclosed() -> None:
    chunks = [ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)), ResponseChunk(finish="length")]
    ladder = ScriptedLadder(
        [chunks], policy=Policy(stream_arguments="immediately"), stream=True, tool_choice="required"
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "length"
    assert CallEnd(0) not in ladder.events


def test_early_calls_stream_one_at_a_time() -> None:
    ladder = ScriptedLadder([called(OSLO, ("ping", "{}"))], policy=Policy(stream_arguments="immediately"))
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("get_weather", {"city": "Oslo"}), ("ping", {})]


# upstream failures


@pytest.mark.parametrize("kind", ["limited", "overloaded", "credential", "unreachable", "unavailable"])
def test_some_upstream_failures_end_the_run_at_once(kind: str) -> None:
    ladder = ScriptedLadder([failed(kind, origin="418")])
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, len(ladder.ladder_run.attempts)) == (kind, 1)


@pytest.mark.parametrize(("kind", "count"), [("error", 3), ("no_endpoint", 3), ("cut", 4), ("timeout", 4)])
def test_an_upstream_that_fails_every_time_is_an_upstream_error(kind: str, count: int) -> None:
    ladder = ScriptedLadder([failed(kind)] * 4, policy=ALL)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, len(ladder.ladder_run.attempts)) == (kind, count)


def test_a_stream_that_is_cut_after_text_was_sent_ends_with_an_error() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="Hel"), Failure(kind=FailureKind.CUT, message="It was cut.", origin="reset")]], stream=True
    )
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, ladder.text) == (FailureKind.CUT, "Hel")


def test_a_cut_before_anything_was_sent_is_retried_with_the_next_strategy() -> None:
    chunks: list[ResponseChunk | Failure] = [
        ResponseChunk(calls=(CallDelta(0, "a", "ping", ""),)),
        Failure(kind=FailureKind.CUT, message="It was cut.", origin="reset"),
    ]
    ladder = ScriptedLadder([chunks, decided(("ping", {}))], policy=ALL, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:upstream_error,guided:ok"


def test_two_pass_ends_when_its_first_pass_fails() -> None:
    ladder = ScriptedLadder([failed("error")], policy=Policy(ladder=(Strategy.TWO_PASS,), retries={}))
    assert isinstance(ladder.run(), Failure)
    assert ladder.ladder_run.summary == "two_pass:upstream_error"


def test_what_an_upstream_does_not_support_is_remembered() -> None:
    answers = [refused(part="feature"), refused(part="feature"), said("{"), decided(("ping", {}))]
    policy = Policy(ladder=(Strategy.GUIDED, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([*answers], tool_choice="required", policy=policy)
    ladder.answers[2:] = [said('<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>')]
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "guided:unsupported,bridge:unsupported,bridge:ok"
    assert [ask.constrained for ask in ladder.asked] == [True, True, False]
    ladder.answers = [[*said('<function_calls>\n<invoke name="ping">\n</invoke>\n</function_calls>')]]
    ladder.ladder_run = ladder.new_run()
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "bridge:ok"


def test_a_refused_request_leads_to_other_forms_and_is_not_remembered() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE, Strategy.TWO_PASS), retries={})
    ladder = ScriptedLadder([refused(kind="unprocessable"), refused(kind="unprocessable")], policy=policy)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert (failure.kind, ladder.ladder_run.summary) == (
        FailureKind.UNPROCESSABLE,
        "bridge:unsupported,bridge:unsupported",
    )
    assert [ask.constrained for ask in ladder.asked] == [True, False]
    ladder.answers = [decided(("ping", {}))]
    ladder.ladder_run = ladder.new_run()
    assert isinstance(ladder.run(), Answer)


def test_a_context_that_is_too_long_is_not_tried_again() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE, Strategy.TWO_PASS))
    failure = ScriptedLadder([refused(code="context_length_exceeded")], policy=policy).run()
    assert isinstance(failure, Failure)
    assert failure.code == "context_length_exceeded"


# budgets, deadline, disconnect


@pytest.mark.parametrize("policy", [Policy(max_attempts=1), Policy(max_seconds=1.0), Policy(max_tokens=15)])
def test_budgets_end_the_run(policy: Policy) -> None:
    ladder = ScriptedLadder([said("no")], tool_choice="required", policy=policy)
    failure = ladder.run()
    assert isinstance(failure, Failure)
    assert ladder.ladder_run.summary in ("native:no_tool_call", "")


def test_retries_stop_when_the_budget_is_spent() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 9}, max_attempts=2)
    ladder = ScriptedLadder([said("{"), said("{")], tool_choice="required", policy=policy)
    assert isinstance(ladder.run(), Failure)
    assert len(ladder.ladder_run.attempts) == 2


@pytest.mark.parametrize("effect", range(4))
def test_the_deadline_ends_the_run_at_any_effect(effect: int) -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="Hel"), ResponseChunk(text="lo"), ResponseChunk(finish="stop")]], stream=True
    )
    failure = ladder.run(throw_at=effect)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.outcome) == (FailureKind.DEADLINE, RequestOutcome.TIMEOUT)
    assert [attempt.outcome for attempt in ladder.ladder_run.attempts] == [AttemptOutcome.TIMEOUT]


def test_a_closed_run_records_that_it_was_cancelled() -> None:
    ladder = ScriptedLadder([[ResponseChunk(text="Hel")]], stream=True)
    steps = ladder.ladder_run.run()
    effect = next(steps)
    assert ladder.ladder_run.summary == "native:pending"
    steps.send(ladder.reply(effect))
    steps.close()
    assert ladder.ladder_run.summary == "native:cancelled"


def test_a_closed_run_that_has_not_begun_records_nothing() -> None:
    ladder = ScriptedLadder([])
    steps = ladder.ladder_run.run()
    steps.close()
    assert ladder.ladder_run.attempts == ()


def test_priority_is_known_from_the_first_event_on() -> None:
    ladder = ScriptedLadder([[ResponseChunk(text="Hello"), ResponseChunk(finish="stop")]], stream=True)
    steps = ladder.ladder_run.run()
    effect = next(steps)
    before = ladder.ladder_run.serving_strategy
    while not ladder.emits:
        effect = steps.send(ladder.reply(effect))
    assert (before, ladder.ladder_run.serving_strategy) == (None, Strategy.NATIVE)
    steps.close()


def test_logprobs_are_refused_where_every_answer_is_constrained() -> None:
    failure = ScriptedLadder([], mode=Mode.EMULATE, logprobs=True).run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (FailureKind.INVALID, "logprobs")


def test_logprobs_of_a_native_answer_are_kept() -> None:
    ladder = ScriptedLadder([said("Hi", logprobs=({"token": "Hi", "logprob": -0.1},))], logprobs=True)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.logprobs == ({"token": "Hi", "logprob": -0.1},)


def test_a_policy_without_a_strategy_for_the_mode_is_a_clear_error() -> None:
    failure = ScriptedLadder([], mode=Mode.EMULATE, policy=Policy(ladder=(Strategy.NATIVE,))).run()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (FailureKind.INVALID, "tools")


def test_without_json_schema_the_bridge_uses_a_dialect_without_guided() -> None:
    policy = Policy(capabilities=Capabilities(json_schema=False), retries={}, dialect="hermes")
    answers = [said("no"), said('<tool_call>{"name":"ping","arguments":{}}</tool_call>')]
    ladder = ScriptedLadder(answers, tool_choice="required", policy=policy)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:ok"
    assert "response_format" not in ladder.bodies[1]


def test_reasoning_flows_under_auto_and_is_held_under_required() -> None:
    chunks = [ResponseChunk(reasoning="hm "), ResponseChunk(reasoning="ok"), *called(OSLO)]
    free, held = ScriptedLadder([chunks], stream=True), ScriptedLadder([chunks], stream=True, tool_choice="required")
    free.run(), held.run()
    assert free.reasoning == held.reasoning == "hm ok"
    assert (len(free.emits), len(held.emits)) == (3, 1)


def test_held_time_is_measured() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(text="a"), ResponseChunk(text="b"), *called(OSLO)]], stream=True, tool_choice="required"
    )
    ladder.run()
    assert ladder.ladder_run.attempts[0].held_s > 0


def test_a_draft_that_is_all_reasoning_is_a_draft() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(reasoning="The weather, then.", finish="stop")], decided(("ping", {}))],
        policy=Policy(ladder=(Strategy.TWO_PASS,)),
    )
    assert isinstance(ladder.run(), Answer)
    assert (ladder.asked[1].draft, ladder.reasoning, ladder.calls) == ("The weather, then.", "", [("ping", {})])


def test_a_leaked_call_that_the_token_limit_cut_is_dropped() -> None:
    ladder = ScriptedLadder([said('So: <tool_call>{"na', "length")])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.text.strip(), ladder.calls) == ("length", "So:", [])
    assert ladder.ladder_run.summary == "native:truncated"


def test_nothing_is_shown_after_a_fault() -> None:
    broken = '<tool_call>{"name": "ping", "arguments": {"a" "b" c</tool_call>'
    ladder = ScriptedLadder([said(f"{broken}<think>Hm.</think>Done."), called(OSLO)], policy=ALL, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.reasoning, ladder.text, ladder.calls) == ("", "", [("get_weather", {"city": "Oslo"})])


def test_white_space_after_a_call_adds_no_repair_tag() -> None:
    chunks = [
        ResponseChunk(text=text) for text in ('<tool_call>{"name":"ping","arguments":{}}', "</tool_call>", "\n", "\n")
    ]
    answer = ScriptedLadder([[*chunks, ResponseChunk(finish="stop")]], stream=True).run()
    assert isinstance(answer, Answer)
    assert answer.repairs == ("leaked_markup",)


def test_a_good_call_after_a_bad_one_does_not_save_the_attempt() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([called(("nope", "{}"), OSLO), decided(("ping", {}))], policy=policy)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.calls, ladder.ladder_run.summary) == ([("ping", {})], "native:unknown_tool,bridge:ok")


def test_a_broken_call_under_none_is_left_out_of_the_text() -> None:
    ladder = ScriptedLadder([said(BROKEN)], tool_choice="none")
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls) == ("Wait.", [])


def test_a_fault_keeps_a_bounded_part_of_the_answer() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    chunks = [
        ResponseChunk(text='{"action":"call","calls":[{"name":"nope","arguments":{"x":"' + "y" * 3000),
        ResponseChunk(text='"}}]}'),
    ]
    ladder = ScriptedLadder(
        [[*chunks, ResponseChunk(finish="stop")], decided(("ping", {}))], tool_choice="required", policy=policy
    )
    assert isinstance(ladder.run(), Answer)
    fault = ladder.asked[1].fault
    assert fault is not None
    assert len(fault.raw) == 2000


def test_the_deadline_may_come_between_attempts() -> None:
    ladder = ScriptedLadder([said("It is sunny.")], policy=Policy(ladder=(Strategy.BRIDGE,), retries={}))
    effects = 5  # transform, call, read, extract; then the best text
    failure = ladder.run(throw_at=effects - 1)
    assert isinstance(failure, Failure)
    assert (failure.kind, ladder.ladder_run.summary) == (FailureKind.DEADLINE, "bridge:parse_error")


def test_reasoning_in_the_text_is_separated() -> None:
    ladder = ScriptedLadder([said("<think>Hm.</think>It is sunny.")])
    assert isinstance(ladder.run(), Answer)
    assert (ladder.reasoning, ladder.text) == ("Hm.", "It is sunny.")


def test_markup_around_a_decision_is_not_a_fault() -> None:
    text = '```json\n{"action":"call","calls":[{"name":"ping","arguments":{}}]}\n```'
    ladder = ScriptedLadder([said(text)], policy=Policy(ladder=(Strategy.BRIDGE,)))
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("ping", {})]


def test_a_call_without_a_name_is_a_parse_error() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    ladder = ScriptedLadder(
        [said('{"action":"call","calls":[{"arguments":{}}]}'), decided(("ping", {}))], policy=policy
    )
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "bridge:parse_error,bridge:ok"


def test_a_streamed_answer_whose_envelope_was_never_closed_is_an_answer() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    ladder = ScriptedLadder(
        [[ResponseChunk(text='{"action":"answer","answer":"Good day'), ResponseChunk(finish="stop")]],
        policy=policy,
        stream=True,
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.repairs) == ("Good day", ("unclosed",))


def test_an_echoed_result_is_not_shown() -> None:
    ladder = ScriptedLadder([said("Hi <|start|>functions.ping to=assistant<|message|>{}")])
    assert isinstance(ladder.run(), Answer)
    assert ladder.text == "Hi"


def test_leaked_harmony_that_is_not_json_is_a_parse_error() -> None:
    leaked = "<|channel|>commentary to=functions.nope <|constrain|>json<|message|>{bad"
    ladder = ScriptedLadder([said(leaked), called(OSLO)], policy=Policy(retries={Strategy.NATIVE: 1}))
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:parse_error,native:ok"


def test_without_parallel_calls_no_second_one_begins_early() -> None:
    call = '<tool_call>{"name":"ping","arguments":{}}</tool_call>'
    ladder = ScriptedLadder(
        [said(call + call)], policy=Policy(stream_arguments="immediately"), parallel_tool_calls=False, stream=True
    )
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.calls, answer.repairs) == ([("ping", {})], ("leaked_markup", "parallel_call_dropped"))


def test_missing_brackets_are_closed_where_the_model_itself_stopped() -> None:
    ladder = ScriptedLadder([called(("get_weather", '{"city":"Oslo"'))])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.calls, answer.repairs) == ([("get_weather", {"city": "Oslo"})], ("unclosed",))


def test_a_string_that_is_missing_its_end_is_never_closed() -> None:
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
    ladder = ScriptedLadder([called(("get_weather", '{"city":"Os')), decided(("ping", {}))], policy=policy)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:parse_error,bridge:ok"


def test_a_call_that_used_all_tokens_is_cut_whatever_the_upstream_says() -> None:
    ladder = ScriptedLadder([called(("get_weather", '{"city":"Oslo"'), text="So")], max_tokens=5)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, ladder.text, ladder.calls) == ("length", "So", [])
    assert ladder.ladder_run.summary == "native:truncated"


def test_a_fault_in_an_envelope_is_not_a_cut_at_the_limit() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,))
    text = '{"action":"call","calls":[{"name":"ping","arguments":{"a":x}}]}'
    ladder = ScriptedLadder([said(text), decided(("ping", {}))], policy=policy, max_tokens=5)
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.attempts[-1].succeeded


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
    ladder = ScriptedLadder([answered(bad), answered('{"city":"Oslo"}')], policy=policy, response_format=FORMAT)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == ('{"city":"Oslo"}', "bridge:schema_invalid,bridge:ok")


def test_a_streamed_answer_that_is_no_object_is_noticed_before_it_is_sent() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    good = '{"city":"Oslo"}'
    ladder = ScriptedLadder([answered('"no"'), answered(good)], policy=policy, response_format=FORMAT, stream=True)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == (good, "bridge:schema_invalid,bridge:ok")


def test_a_streamed_answer_that_turns_out_not_to_fit_ends_in_an_error() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    failure = ScriptedLadder([answered('{"city":3}')], policy=policy, response_format=FORMAT, stream=True).run()
    assert isinstance(failure, Failure)
    assert (failure.code, "response format" in failure.message) == ("tool_call_unavailable", True)


def test_a_call_needs_no_response_format() -> None:
    ladder = ScriptedLadder([decided(("ping", {}))], policy=Policy(ladder=(Strategy.BRIDGE,)), response_format=FORMAT)
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("ping", {})]


def test_an_answer_that_is_not_json_does_not_fit_a_schema_without_a_type() -> None:
    odd = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"minimum": 3}}}
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    ladder = ScriptedLadder([answered('"not json"'), answered("4")], policy=policy, response_format=odd)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.text, ladder.ladder_run.summary) == ("4", "bridge:schema_invalid,bridge:ok")


def test_json_mode_wants_an_object() -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), retries={Strategy.BRIDGE: 1})
    ladder = ScriptedLadder([answered('"x"'), answered("{}")], policy=policy, response_format={"type": "json_object"})
    assert isinstance(ladder.run(), Answer)
    assert ladder.text == "{}"


def test_repeated_upstream_failures_ask_the_client_not_to_retry() -> None:
    failure = ScriptedLadder([failed("error")] * 4, policy=ALL).run()
    once = ScriptedLadder([failed("error")], policy=Policy(ladder=(Strategy.NATIVE,))).run()
    assert isinstance(failure, Failure)
    assert isinstance(once, Failure)
    assert (failure.should_retry, once.should_retry) == (False, None)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("functionary32", 'all\nWait.>>>get_weather\n{"city": "Oslo"}'),
        ("pythonic", '[get_weather(city="Oslo")]'),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_ambiguous_markup_is_salvaged_in_the_models_own_dialect(dialect: str, text: str, native: bool) -> None:
    ladder = ScriptedLadder([said(text)], policy=Policy(native_dialect=dialect) if native else Policy(dialect=dialect))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.calls, answer.repairs[0]) == ([("get_weather", {"city": "Oslo"})], "leaked_markup")
    other = ScriptedLadder([said(text)])
    other.run()
    assert (other.calls, other.text) == ([], text)


def test_native_answers_and_bridge_prompts_use_their_own_dialects() -> None:
    strategies = (Strategy.NATIVE, Strategy.BRIDGE)
    policy = Policy(
        ladder=strategies, native_dialect="kimi_k2", retries={}, capabilities=Capabilities(json_schema=False)
    )
    ladder = ScriptedLadder([said(""), said("Fine.")], policy=policy)
    ladder.run()
    assert [ask.dialect for ask in ladder.asked] == ["kimi_k2", "function_calls"]


def test_json_without_a_call_is_an_answer_without_a_repair() -> None:
    text = '{"name": "Ann", "arguments": [1, 2]}'
    ladder = ScriptedLadder([said(text)], policy=Policy(dialect="llama3_json"))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls, answer.repairs) == (text, [], ())


def test_reasoning_in_native_text_is_not_leaked_markup() -> None:
    ladder = ScriptedLadder([said("<think>Hm.</think>Hello.")])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.reasoning, ladder.text, answer.repairs) == ("Hm.", "Hello.", ())


def test_a_stray_marker_in_native_text_is_leaked_markup() -> None:
    ladder = ScriptedLadder([said("Hello.<|im_end|>")], policy=Policy(dialect="hermes"))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.repairs) == ("Hello.", ("leaked_markup",))


def test_an_answer_may_begin_inside_reasoning_that_the_prompt_has_opened() -> None:
    text = 'Oslo, then.</think>\n\nLet me look.\n<tool_call>{"name": "ping", "arguments": {}}</tool_call>'
    ladder = ScriptedLadder([said(text)], policy=Policy(reasoning_starts_open=True))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.reasoning, ladder.text, ladder.calls) == ("Oslo, then.", "Let me look.", [("ping", {})])
    assert answer.repairs == ("leaked_markup",)


def test_reasoning_split_off_by_the_upstream_ends_before_the_text() -> None:
    chunks = [ResponseChunk(reasoning="Hm."), ResponseChunk(text="Hel"), ResponseChunk(text="lo.", finish="stop")]
    ladder = ScriptedLadder([chunks], policy=Policy(reasoning_starts_open=True), stream=True)
    assert isinstance(ladder.run(), Answer)
    assert (ladder.reasoning, ladder.text) == ("Hm.", "Hello.")


def test_text_after_calls_that_end_the_turn_is_dropped() -> None:
    call = "<|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
    section = f"<|tool_calls_section_begin|>{call}<|tool_calls_section_end|>"
    for tail, tags in (("Done.", ("leaked_markup", "text_after_call")), ("\n", ("leaked_markup",))):
        ladder = ScriptedLadder([said(section + tail)], policy=Policy(dialect="kimi_k2"))
        answer = ladder.run()
        assert isinstance(answer, Answer)
        assert (ladder.calls, ladder.text, answer.repairs) == ([("ping", {})], "", tags)


@pytest.mark.parametrize("native", [True, False])
def test_a_call_by_which_a_model_says_that_no_tool_fits_is_none(native: bool) -> None:
    leaked = '<function_call> {"name": "no_function", "arguments": {}}'
    said_so = called(("no_function", "{}")) if native else said(leaked)
    policy = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), native_dialect="granite_20b_fc")
    ladder = ScriptedLadder([said_so, said('{"action":"answer","answer":"It is sunny."}')], policy=policy)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, ladder.calls) == ("It is sunny.", [])
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:ok"
    assert "no_call" in ladder.ladder_run.attempts[0].repairs


def test_a_declared_tool_may_have_any_name() -> None:
    tool = {"type": "function", "function": {"name": "no_function", "parameters": {"type": "object"}}}
    ladder = ScriptedLadder([called(("no_function", "{}"))], policy=Policy(dialect="granite_20b_fc"), tools=[tool])
    assert isinstance(ladder.run(), Answer)
    assert ladder.calls == [("no_function", {})]


@pytest.mark.parametrize(("more", "shown"), [({"stop": ["all>"]}, "Hi"), ({}, "Hi <tool_c")])
def test_a_marker_that_a_clients_stop_string_cuts_is_not_shown(more: dict[str, Any], shown: str) -> None:
    ladder = ScriptedLadder([said("Hi <tool_c")], **more)
    assert isinstance(ladder.run(), Answer)
    assert ladder.text.rstrip() == shown
