"""Several runs for one choice, and calls that are delivered inwards: what server-side tools are built on."""

from __future__ import annotations

from typing import Any, assert_type

import pytest
from toolgate_core.ladder import Answer, Choice
from toolgate_core.ladder.confirm import ConfirmPlainText, TryStrategy, steps_for
from toolgate_core.ladder.delivery import DeliveryPolicy, delivery_policy
from toolgate_core.ladder.effects import EffectGenerator, Emit, Opened, ReadChunk, ask
from toolgate_core.ladder.knowledge import Form, FormAccepted, FormRefused, HistorySimplified, Knowledge
from toolgate_core.ladder.outbox import SettledCall
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, TextDelta
from toolgate_core.types.failures import Failure
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import ModelRequest, Usage
from toolgate_core.types.vocabulary import AnswerForm, AttemptOutcome, Strategy

from tests.core.ladder.scripted import OSLO, USAGE, ScriptedLadder, called, decided, failed, refused, said

INWARD = frozenset({"get_weather"})
BOTH = Policy(ladder=(Strategy.NATIVE, Strategy.BRIDGE), retries={})
LEAKED = 'Let me look.\n<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>'


# inward calls


@pytest.mark.parametrize("stream", [False, True])
def test_an_inward_call_is_returned_and_not_emitted(stream: bool) -> None:
    ladder = ScriptedLadder([called(OSLO, text="Let me look.")], inward=INWARD, stream=stream)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.calls == (SettledCall("get_weather", "id0", '{"city":"Oslo"}'),)
    assert (answer.finish_reason, ladder.events) == ("tool_calls", [TextDelta("Let me look.")])
    assert ladder.ladder_run.attempts[0].outcome is AttemptOutcome.SUCCESS_TOOL


@pytest.mark.parametrize("stream", [False, True])
def test_calls_to_both_kinds_of_tools_go_their_own_ways(stream: bool) -> None:
    ladder = ScriptedLadder([called(("ping", "{}"), OSLO, ("ping", '{"n":1}'))], inward=INWARD, stream=stream)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert [call.name for call in answer.calls] == ["get_weather"]
    assert ladder.calls == [("ping", {}), ("ping", {"n": 1})]
    assert [event.index for event in ladder.events if isinstance(event, CallStart)] == [0, 1]


def test_an_inward_call_found_in_text_is_settled_like_any_other() -> None:
    ladder = ScriptedLadder([said(LEAKED)], inward=INWARD)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.calls == (SettledCall("get_weather", "call_0", '{"city": "Oslo"}'),)
    assert (ladder.text, ladder.calls) == ("Let me look.", [])


def test_an_inward_call_never_streams_its_arguments() -> None:
    policy = Policy(stream_arguments="immediately")
    chunks = [
        ResponseChunk(calls=(CallDelta(0, "a", "get_weather", '{"city":'),)),
        ResponseChunk(calls=(CallDelta(0, None, None, '"Oslo"}'),)),
        ResponseChunk(finish="tool_calls"),
    ]
    ladder = ScriptedLadder([chunks], inward=INWARD, policy=policy, stream=True)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (len(answer.calls), ladder.events) == (1, [])


def test_a_bad_inward_call_fails_the_attempt_like_any_other() -> None:
    ladder = ScriptedLadder([called(("get_weather", "{}")), decided(OSLO_DECIDED)], inward=INWARD, policy=BOTH)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.ladder_run.summary == "native:schema_invalid,bridge:ok"
    assert [call.arguments for call in answer.calls] == ['{"city":"Oslo"}']


OSLO_DECIDED = ("get_weather", {"city": "Oslo"})


def test_a_run_that_repeats_an_inward_call_without_end_has_run_away() -> None:
    ladder = ScriptedLadder([said(LEAKED * 7), said("Cold.")], inward=INWARD, policy=BOTH, stream=True)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.finish_reason, answer.calls) == ("length", ())


# several runs


def test_a_second_run_continues_indexes_ids_and_tokens() -> None:
    ladder = ScriptedLadder([called(("ping", "{}"), OSLO), called(("ping", "{}"))], inward=INWARD, stream=True)
    first = ladder.run()
    ladder.ladder_run = ladder.new_run()
    second = ladder.run()
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    starts = [event for event in ladder.events if isinstance(event, CallStart)]
    # The model's second answer has the id of the first one's call again.
    assert starts == [CallStart(0, "ping", "id0"), CallStart(1, "ping", "call_0")]
    assert (second.usage, second.total_usage) == (USAGE, Usage(20, 10))
    assert (ladder.ladder_run.summary, len(ladder.ladder_run.attempts)) == ("native:ok", 1)


@pytest.mark.parametrize("stream", [False, True])
def test_text_of_an_earlier_run_does_not_silence_the_next_one(stream: bool) -> None:
    ladder = ScriptedLadder([called(OSLO, text="Let me look. "), said("It is cold.")], inward=INWARD, stream=stream)
    ladder.run()
    ladder.ladder_run = ladder.new_run()
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.finish_reason, answer.calls) == ("Let me look. It is cold.", "stop", ())


def test_a_second_run_may_fall_back_after_the_first_has_sent_a_call() -> None:
    answers = [called(("ping", "{}"), OSLO), failed("error"), decided(("ping", {}))]
    ladder = ScriptedLadder(answers, inward=INWARD, policy=BOTH, stream=True)
    ladder.run()
    ladder.ladder_run = ladder.new_run()
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.ladder_run.summary == "native:upstream_error,bridge:ok"
    assert ladder.calls == [("ping", {}), ("ping", {})]


def test_the_choices_of_an_answer_share_the_ids_of_calls() -> None:
    ids: set[str] = set()
    first, second = Choice(lambda: "new0", ids), Choice(lambda: "new1", ids)
    assert [first.outbox.unique_id("a"), second.outbox.unique_id("a"), second.outbox.unique_id(None)] == [
        "a",
        "new1",
        "new1",
    ]


def test_a_choice_without_known_tokens_has_no_usage() -> None:
    ladder = ScriptedLadder([said("Hello.", usage=None)])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.usage, answer.total_usage) == (None, None)


# knowledge in, observations out


def test_a_run_observes_the_form_that_was_accepted() -> None:
    ladder = ScriptedLadder([called(OSLO)])
    ladder.run()
    assert ladder.ladder_run.observations == (FormAccepted((Strategy.NATIVE, False, "auto", frozenset())),)


def test_a_refusal_is_observed_once_another_form_was_accepted() -> None:
    ladder = ScriptedLadder([refused(part="feature"), decided(("ping", {}))], policy=BOTH)
    ladder.run()
    native: Form = (Strategy.NATIVE, False, "auto", frozenset())
    bridge: Form = (Strategy.BRIDGE, True, "auto", frozenset())
    assert ladder.ladder_run.observations == (FormRefused(form=native, feature=True), FormAccepted(bridge))


def test_a_run_without_an_answer_observes_nothing() -> None:
    ladder = ScriptedLadder([refused(part="feature")] * 9, policy=BOTH)
    assert isinstance(ladder.run(), Failure)
    assert ladder.ladder_run.observations == ()


def test_a_history_that_had_to_be_simplified_is_observed() -> None:
    history = [{"role": "user", "content": "And"}, {"role": "user", "content": "Rome?"}]
    ladder = ScriptedLadder([refused(), called(OSLO)], messages=history)
    ladder.run()
    assert ladder.ladder_run.observations[-1] == HistorySimplified()


def test_a_form_that_is_known_to_be_refused_is_not_tried() -> None:
    native: Form = (Strategy.NATIVE, False, "auto", frozenset())
    ladder = ScriptedLadder([decided(("ping", {}))], policy=BOTH, knowledge=Knowledge(unsupported=frozenset({native})))
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "bridge:ok"


def test_knowledge_that_leaves_nothing_to_try_is_ignored() -> None:
    unsupported: frozenset[Form] = frozenset(
        (strategy, constrained, "auto", frozenset()) for strategy in Strategy for constrained in (False, True)
    )
    ladder = ScriptedLadder([called(OSLO)], knowledge=Knowledge(unsupported=unsupported))
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:ok"


# steps


def test_only_native_text_under_auto_needs_a_confirmation() -> None:
    ladder = ScriptedLadder([])
    confirms = Policy(confirm_plain_text=True)
    steps = steps_for(confirms.ladder, ladder.request, confirms)
    assert [type(step) for step in steps] == [ConfirmPlainText, TryStrategy, TryStrategy, TryStrategy]
    for request, policy, strategies in (
        (ScriptedLadder([], tool_choice="required").request, confirms, confirms.ladder),
        (ladder.request, Policy(), confirms.ladder),
        (ladder.request, confirms, (Strategy.NATIVE, Strategy.TWO_PASS)),
    ):
        assert {type(step) for step in steps_for(strategies, request, policy)} == {TryStrategy}


def test_text_that_no_strategy_confirms_is_offered_to_each_once() -> None:
    policy = Policy(confirm_plain_text=True, retries={})
    ladder = ScriptedLadder([said("Hello."), said("{"), said("A draft."), said("{")], policy=policy)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.degraded) == ("Hello.", True)
    assert ladder.ladder_run.summary == "native:no_tool_call,bridge:parse_error,two_pass:parse_error"


def test_a_budget_that_is_used_up_ends_the_confirmation() -> None:
    ladder = ScriptedLadder([said("Hello.")], policy=Policy(confirm_plain_text=True, max_attempts=1))
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (ladder.text, answer.degraded, ladder.ladder_run.summary) == ("Hello.", True, "native:no_tool_call")


def test_a_strategy_that_fails_without_text_has_nothing_to_confirm() -> None:
    ladder = ScriptedLadder([failed("error"), decided(("ping", {}))], policy=Policy(confirm_plain_text=True))
    assert isinstance(ladder.run(), Answer)
    assert ladder.ladder_run.summary == "native:upstream_error,guided:ok"


# delivery

FORMAT = {"type": "json_object"}


@pytest.mark.parametrize(
    ("fields", "form", "constrained", "options", "expected"),
    [
        ({"stream": True}, "native", False, {}, DeliveryPolicy.LIVE),
        ({"stream": True}, "decision", True, {}, DeliveryPolicy.LIVE),
        ({}, "native", False, {}, DeliveryPolicy.UNTIL_END),
        ({"tool_choice": "required"}, "native", False, {}, DeliveryPolicy.UNTIL_END),
        ({"stream": True, "tool_choice": "required"}, "native", False, {}, DeliveryPolicy.UNTIL_CALL),
        ({"stream": True}, "native", False, {"unconfirmed": True}, DeliveryPolicy.UNTIL_CALL),
        ({"stream": True, "response_format": FORMAT}, "native", False, {}, DeliveryPolicy.UNTIL_CALL),
        ({"stream": True, "response_format": FORMAT}, "decision", True, {}, DeliveryPolicy.LIVE),
        ({"stream": True}, "native", False, {"call_only": True}, DeliveryPolicy.CALL_ONLY),
        ({}, "decision", True, {"call_only": True}, DeliveryPolicy.CALL_ONLY),
        ({"stream": True}, "text", False, {}, DeliveryPolicy.CALL_ONLY),
    ],
)
def test_one_policy_says_when_content_reaches_the_client(
    fields: dict[str, Any],
    form: AnswerForm,
    constrained: bool,
    options: dict[str, bool],
    expected: DeliveryPolicy,
) -> None:
    request = ScriptedLadder([], **fields).request
    plan = Plan(strategy=Strategy.NATIVE, form=form, constrained=constrained)
    assert delivery_policy(request, plan, **{"call_only": False, "unconfirmed": False, **options}) is expected


def test_a_draft_shows_the_client_nothing() -> None:
    draft = ResponseChunk(
        text="Oslo.",
        reasoning="Hm.",
        refusal="No.",
        fields={"x": 1},
        calls=(CallDelta(0, "a", *OSLO),),
        finish="stop",
    )
    ladder = ScriptedLadder([[draft], decided(("ping", {}))], policy=Policy(ladder=(Strategy.TWO_PASS,)), stream=True)
    assert isinstance(ladder.run(), Answer)
    assert ladder.events == [CallStart(0, "ping", "call_0"), ArgumentsDelta(0, "{}"), CallEnd(0)]


# effects


def test_each_effect_names_the_type_of_its_reply() -> None:
    def part(transform: Transform) -> EffectGenerator[str]:
        assert_type((yield from ask(transform)), Transformed)
        assert_type((yield from ask(ReadChunk())), ResponseChunk | Failure)
        yield from ask(Emit(()))
        return "ended"

    effect = Transform(
        request=ScriptedLadder([]).request,
        strategy=Strategy.NATIVE,
        dialect="auto",
        constrained=False,
        capabilities=Capabilities(),
    )
    steps = part(effect)
    assert next(steps) is effect
    assert (
        steps.send(Transformed(ModelRequest(model="m", messages=()), Plan(strategy=Strategy.NATIVE, form="native")))
        == ReadChunk()
    )
    assert steps.send(ResponseChunk()) == Emit(())
    with pytest.raises(StopIteration, match="ended"):
        steps.send(None)
    assert Opened() == Opened()
