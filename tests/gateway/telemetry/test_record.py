"""A record is collected while a request is served, and frozen when it ends."""

from __future__ import annotations

import itertools

import pytest
from toolgate_core.ladder import Attempt
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome, RequestOutcome, Strategy
from toolgate_gateway.telemetry.record import (
    Abort,
    LadderRecord,
    RecordBuilder,
    RecordedRoute,
    RequestKind,
    RequestRecord,
    Stopwatch,
)

CHAT = RecordedRoute(RequestKind.CHAT, "chat")


def builder() -> RecordBuilder:
    """A builder whose clock advances by a second at each look."""
    seconds = itertools.count(10.0)
    return RecordBuilder(CHAT, Stopwatch(lambda: next(seconds), lambda: 1_800_000_000.0))


def attempt(strategy: Strategy, outcome: AttemptOutcome, *, retry: int = 0, spent: int = 0) -> Attempt:
    usage = Usage(prompt_tokens=spent) if spent else None
    return Attempt(strategy=strategy, outcome=outcome, retry=retry, spent=usage, duration_s=1.0)


def finished(outcome: RequestOutcome, *attempts: Attempt) -> RequestRecord:
    record = builder()
    record.outcome = outcome
    frozen = record.finish("r1", 200)
    ladder = LadderRecord(attempts=(attempts,), summaries=("",))
    return RequestRecord(**{**{name: getattr(frozen, name) for name in frozen.__struct_fields__}, "ladder": ladder})


def test_times_are_relative_to_the_requests_head() -> None:
    record = builder()
    record.first_token()
    record.first_token()
    times = record.finish("r1", 200).times
    assert (times.started_at, times.first_token_s, times.seconds, times.admission_wait_s) == (
        1_800_000_000.0,
        1.0,
        2.0,
        None,
    )


def test_a_finished_record_does_not_change() -> None:
    record = builder()
    frozen = record.finish("r1", 200)
    record.stream = True
    assert (frozen.stream, frozen.request_id, frozen.status) == (False, "r1", 200)
    with pytest.raises(AttributeError):
        frozen.status = 500  # type: ignore[misc]


def test_a_failure_sets_code_and_outcome() -> None:
    record = builder()
    record.fail(Failure(kind=FailureKind.DEADLINE, message="late"))
    frozen = record.finish("r1", 504)
    assert (frozen.code, frozen.outcome, record.failed) == ("timeout", RequestOutcome.TIMEOUT, True)


def test_only_the_first_abort_counts() -> None:
    record = builder()
    record.abort("client")
    record.first_token()
    record.abort("upstream")
    assert record.finish("r1", 200).aborted == Abort("client", "before_first")


def test_an_abort_after_content_is_in_the_middle() -> None:
    record = builder()
    record.first_token()
    record.abort("upstream")
    assert record.finish("r1", 200).aborted == Abort("upstream", "mid")


def test_steps_are_the_retries_and_fallbacks() -> None:
    first = attempt(Strategy.NATIVE, AttemptOutcome.PARSE_ERROR)
    second = attempt(Strategy.NATIVE, AttemptOutcome.NO_TOOL_CALL, retry=1)
    third = attempt(Strategy.BRIDGE, AttemptOutcome.SUCCESS_TOOL)
    steps = list(finished(RequestOutcome.SUCCESS, first, second, third).steps())
    assert [(step.failed, step.next, step.is_retry) for step in steps] == [
        (first, second, True),
        (second, third, False),
    ]


def test_an_exhausted_ladder_ends_with_a_step_to_nothing() -> None:
    only = attempt(Strategy.BRIDGE, AttemptOutcome.PARSE_ERROR)
    assert [step.next for step in finished(RequestOutcome.EXHAUSTED, only).steps()] == [None]
    assert list(finished(RequestOutcome.CANCELLED, only).steps()) == []


def test_spent_tokens_are_the_sum_of_all_attempts() -> None:
    record = finished(
        RequestOutcome.SUCCESS,
        attempt(Strategy.NATIVE, AttemptOutcome.PARSE_ERROR, spent=3),
        attempt(Strategy.BRIDGE, AttemptOutcome.SUCCESS_TOOL, spent=4),
    )
    assert (record.ladder.spent, LadderRecord().spent) == (Usage(prompt_tokens=7), None)
