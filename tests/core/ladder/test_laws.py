"""Laws of a ladder run, over random upstreams: it ends in one of the table's ends, and takes nothing back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import decode
from toolgate_core.ladder import Answer
from toolgate_core.ladder.decisions import LastResort, last_resorts
from toolgate_core.schema.settle import settle
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, TextDelta
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome, FinishReason, Mode, Strategy

from tests.core.ladder.scripted import OSLO, ScriptedLadder

LAWS = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
CALL = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'
TEXTS = (
    *("", "  \n", "Hello there.", "{", "<think>Hm.</think>Hi", "So: <tool_c", "x" + " " * 1200),
    *(
        CALL,
        f"Look.\n{CALL}",
        f"{CALL} Done.",
        f"So: {CALL * 7}",
        'Wait.\n<tool_call>{"name": "ping", "arguments": {"a" c',
    ),
    *('{"name": "search", "arguments": {"q": 1}}', 'Hm\n{"name": "search", "arguments": {"q": 1}}', '{"n": "x"}'),
    *('{"action":"call","calls":[{"name":"ping","arguments":{}}]}', '{"action":"answer","answer":"Good day"}'),
    *('{"action":"answer","answer":"Good', '{"action":"call","calls":[{"name":"nope","arguments":{}}]}'),
)
CALLS = (OSLO, ("ping", "{}"), ("nope", "{}"), ("get_weather", '{"city":3}'), ("get_weather", '{"city":"Os'))
FINISHES: tuple[FinishReason, ...] = ("stop", "stop", "tool_calls", "length", "content_filter")

failures = st.one_of(
    st.builds(
        Failure,
        kind=st.sampled_from([FailureKind.ERROR, FailureKind.CUT, FailureKind.TIMEOUT, FailureKind.LIMITED]),
        message=st.sampled_from(["It failed.", "It failed again."]),
    ),
    st.builds(
        Failure,
        kind=st.sampled_from([FailureKind.INVALID, FailureKind.TOO_LARGE]),
        message=st.sampled_from(["Refused.", "Refused, too."]),
        refused=st.sampled_from(RefusedPart),
    ),
)


@st.composite
def answers(draw: st.DrawFn) -> list[ResponseChunk | Failure]:
    """What one call of an upstream brings: a failure, or chunks up to their end or to a failure."""
    if draw(st.integers(0, 4)) == 0:
        return [draw(failures)]
    text = draw(st.sampled_from(TEXTS))
    calls = draw(st.lists(st.sampled_from(CALLS), max_size=2))
    size = draw(st.sampled_from([1, 5, 2000]))
    chunks: list[ResponseChunk | Failure] = [
        ResponseChunk(text=text[at : at + size]) for at in range(0, len(text), size)
    ]
    for index, (name, arguments) in enumerate(calls):
        chunks.append(ResponseChunk(calls=(CallDelta(index, f"id{index}", name, arguments[:3]),)))
        chunks.append(ResponseChunk(calls=(CallDelta(index, None, None, arguments[3:]),)))
    if draw(st.integers(0, 9)) == 0:
        return [*chunks, draw(failures)]
    finish = draw(st.sampled_from(FINISHES))
    return [*chunks, ResponseChunk(finish=finish, usage=draw(st.sampled_from([None, Usage(10, 5)])))]


policies = st.builds(
    Policy,
    ladder=st.sampled_from([tuple(Strategy), (Strategy.NATIVE, Strategy.BRIDGE), (Strategy.BRIDGE, Strategy.TWO_PASS)]),
    retries=st.sampled_from([{}, {Strategy.BRIDGE: 1}, {Strategy.NATIVE: 2}]),
    confirm_plain_text=st.booleans(),
    stream_arguments=st.sampled_from(["when_valid", "immediately"]),
    capabilities=st.builds(Capabilities, json_schema=st.booleans(), strict=st.booleans()),
    max_attempts=st.sampled_from([1, 3, 10]),
)


@st.composite
def ladders(draw: st.DrawFn) -> ScriptedLadder:
    """A request and everything that its upstreams will say, however often they are asked."""
    fields: dict[str, Any] = {"tool_choice": draw(st.sampled_from(["auto", "none", "required"]))}
    if draw(st.integers(0, 5)) == 0:
        fields["response_format"] = {"type": "json_object"}
    return ScriptedLadder(
        draw(st.lists(answers(), min_size=1, max_size=6)) * 20,
        policy=draw(policies),
        mode=draw(st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.EMULATE])),
        inward=draw(st.sampled_from([frozenset[str](), frozenset({"ping"})])),
        stream=draw(st.booleans()),
        **fields,
    )


def sent_before_the_end(ladder: ScriptedLadder) -> bool:
    """Whether text or a call was sent before the last thing that did."""
    return any(isinstance(event, TextDelta | CallStart) for emit in ladder.emits[:-1] for event in emit)


@LAWS
@given(ladders())
def test_a_run_ends_in_exactly_one_of_the_ends_that_the_table_has(ladder: ScriptedLadder) -> None:
    result = ladder.run()
    attempts = ladder.ladder_run.attempts
    assert len(attempts) <= ladder.policy.max_attempts
    resorts = last_resorts(ladder.request.tool_choice.mode, sent=sent_before_the_end(ladder))
    if isinstance(result, Failure):
        kinds = {failure.kind for answer in ladder.scripted for failure in answer if isinstance(failure, Failure)}
        assert result.kind in kinds | {FailureKind.EXHAUSTED, FailureKind.INVALID}
    elif not result.degraded:
        served = [attempt for attempt in attempts if attempt.strategy is result.strategy]
        assert served[-1].succeeded or served[-1].outcome is AttemptOutcome.TRUNCATED
    elif result.finish_reason == "length":
        assert LastResort.TRUNCATED in resorts
        assert (ladder.text, ladder.calls) == ("", [])
    else:
        assert LastResort.BEST_TEXT in resorts
        assert ladder.text
        assert not ladder.calls


@LAWS
@given(ladders())
def test_what_a_client_was_sent_stays_right(ladder: ScriptedLadder) -> None:
    result = ladder.run()
    events = ladder.events
    starts = [event for event in events if isinstance(event, CallStart)]
    assert [start.index for start in starts] == list(range(len(starts)))
    assert len({start.id for start in starts}) == len(starts)
    first = next((at for at, event in enumerate(events) if isinstance(event, CallStart)), len(events))
    # Text after a call would be content that clients refuse, or a second answer.
    assert not any(isinstance(event, TextDelta) for event in events[first:])
    for start in starts:
        arguments = "".join(e.json for e in events if isinstance(e, ArgumentsDelta) and e.index == start.index)
        if CallEnd(start.index) in events:
            settled = settle(start.name, arguments, ladder.toolset, ladder.request.tool_choice, close=False)
            assert decode(settled.arguments) == decode(arguments)  # type: ignore[union-attr]
        else:
            # Only a call that streamed before it was valid may stay open, and never with the reason of a good end.
            assert ladder.policy.stream_arguments == "immediately"
            assert isinstance(result, Failure) or result.finish_reason in ("length", "content_filter")


@LAWS
@given(ladders())
def test_a_demanded_call_comes_or_the_answer_says_why_not(ladder: ScriptedLadder) -> None:
    result = ladder.run()
    started = any(isinstance(event, CallStart) for event in ladder.events)
    called = started or (isinstance(result, Answer) and bool(result.calls))
    if isinstance(result, Answer) and ladder.request.tool_choice.forced and not called:
        assert result.finish_reason in ("length", "content_filter")
    if ladder.request.tool_choice.mode == "none":
        assert not called
    if isinstance(result, Answer) and result.finish_reason == "tool_calls":
        assert called


@pytest.mark.parametrize("stream", [False, True])
@LAWS
@given(st.data())
def test_calls_of_inward_tools_never_reach_the_client(stream: bool, data: st.DataObject) -> None:
    script = data.draw(st.lists(answers(), min_size=1, max_size=6)) * 20
    ladder = ScriptedLadder(
        script, inward=frozenset({"ping", "get_weather"}), policy=data.draw(policies), stream=stream
    )
    result = ladder.run()
    assert not any(isinstance(event, CallStart) for event in ladder.events)
    if isinstance(result, Answer):
        assert len({call.id for call in result.calls}) == len(result.calls)
        assert (result.finish_reason == "tool_calls") <= bool(result.calls)
