"""What an upstream says beyond OpenAI's contract reaches the client with the answer that it belongs to."""

from typing import Any

import pytest
from toolgate_core.ladder import Answer
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import (
    ArgumentsDelta,
    CallEnd,
    CallStart,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Strategy

from tests.core.ladder.scripted import ScriptedLadder, called, failed, said

OSLO = '{"city":"Oslo"}'
SIGNED: dict[str, Any] = {"extra_content": {"google": {"thought_signature": "AbC="}}}


@pytest.mark.parametrize("stream", [False, True])
def test_the_fields_of_a_call_go_with_its_start(stream: bool) -> None:
    chunks = [
        ResponseChunk(calls=(CallDelta(0, "call_7", "get_weather", OSLO[:5], SIGNED),)),
        ResponseChunk(calls=(CallDelta(0, None, None, OSLO[5:], {"late": 1}),)),
        ResponseChunk(finish="tool_calls"),
    ]
    ladder = ScriptedLadder([chunks], stream=stream)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.events == [
        CallStart(0, "get_weather", "call_7", {**SIGNED, "late": 1}),
        ArgumentsDelta(0, OSLO),
        CallEnd(0),
    ]


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_the_fields_of_a_message_go_before_its_calls(choice: str) -> None:
    chunks = [
        ResponseChunk(reasoning="Hm.", fields={"reasoning_details": [1]}, text="Well."),
        ResponseChunk(calls=(CallDelta(0, "call_7", "get_weather", OSLO),), finish="tool_calls"),
    ]
    ladder = ScriptedLadder([chunks], tool_choice=choice, stream=True)
    ladder.run()
    text = [TextDelta("Well.")] if choice == "auto" else []
    assert ladder.events[: 2 + len(text)] == [ReasoningDelta("Hm."), MessageFields({"reasoning_details": [1]}), *text]


def test_fields_of_an_attempt_that_failed_are_not_sent() -> None:
    bad = [ResponseChunk(fields={"annotations": [1]}), *called(("get_weather", "{"))]
    ladder = ScriptedLadder(
        [bad, said("It rains.", fields={"annotations": [2]})], policy=Policy(retries={Strategy.NATIVE: 1})
    )
    ladder.run()
    assert MessageFields({"annotations": [1]}) not in ladder.events


def test_the_fields_of_choice_and_answer_are_the_serving_attempts() -> None:
    ladder = ScriptedLadder([said("Fine.", choice_fields={"stop_reason": 7}, answer_fields={"service_tier": "flex"})])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert (answer.choice_fields, answer.answer_fields) == ({"stop_reason": 7}, {"service_tier": "flex"})


def test_a_refusal_is_an_answer_where_no_call_is_demanded() -> None:
    chunks = [ResponseChunk(refusal="I can't "), ResponseChunk(refusal="help.", finish="stop")]
    ladder = ScriptedLadder([chunks], stream=True)
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert ladder.events == [RefusalDelta("I can't "), RefusalDelta("help.")]
    assert ladder.ladder_run.summary == "native:ok"


def test_a_refusal_is_not_a_call() -> None:
    ladder = ScriptedLadder(
        [[ResponseChunk(refusal="No.", finish="stop")]],
        tool_choice="required",
        policy=Policy(ladder=(Strategy.NATIVE,)),
    )
    assert isinstance(ladder.run(), Failure)
    assert ladder.events == []


def test_a_usage_keeps_what_the_upstream_reported_of_the_serving_attempt() -> None:
    reported: dict[str, Any] = {"prompt_tokens": 5, "cost": 0.1}
    ladder = ScriptedLadder([said("Fine.", usage=Usage(5, 2, reported=reported))])
    answer = ladder.run()
    assert isinstance(answer, Answer)
    assert answer.usage == Usage(5, 2, reported=reported)


def test_the_only_attempts_word_on_trying_again_reaches_the_client() -> None:
    for asked in (None, True, False):
        ladder = ScriptedLadder(
            [failed("error", origin="500", should_retry=asked)], policy=Policy(ladder=(Strategy.NATIVE,))
        )
        failure = ladder.run()
        assert isinstance(failure, Failure)
        assert failure.should_retry is asked
