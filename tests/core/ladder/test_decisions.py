"""What follows the end of an attempt: every row of the table, and what a run does where it is reached."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from toolgate_core.ladder.decisions import (
    AT_THE_END,
    FOLLOW,
    OUTCOMES,
    Ending,
    Follow,
    LastResort,
    Row,
    Sent,
    follow,
    last_resorts,
)
from toolgate_core.types.requests import ToolChoiceMode
from toolgate_core.types.vocabulary import FALLBACK_REASONS, SUCCESSES, AttemptOutcome

CHOICES: tuple[ToolChoiceMode, ...] = get_args(ToolChoiceMode)
FREE: tuple[ToolChoiceMode, ...] = ("auto", "none")
FORCED: tuple[ToolChoiceMode, ...] = ("required", "named")
FAULTS = (Ending.NO_TOOL_CALL, Ending.PARSE_ERROR, Ending.SCHEMA_INVALID, Ending.UNKNOWN_TOOL)
FAILURES = (Ending.REFUSED, Ending.REFUSED_FOR_GOOD, Ending.UPSTREAM_ERROR, Ending.UPSTREAM_DOWN, Ending.TIMEOUT)


@pytest.mark.parametrize(("choice", "ending", "sent"), list(product(CHOICES, Ending, Sent)))
def test_something_follows_every_end_of_an_attempt(choice: ToolChoiceMode, ending: Ending, sent: Sent) -> None:
    assert follow(choice, ending, sent) in Follow


def test_the_table_has_a_row_for_every_ending_and_nothing_else() -> None:
    assert list(FOLLOW) == ["auto", "none", "required", "named"]
    assert set(FOLLOW) == set(CHOICES) == set(AT_THE_END)
    assert all(list(rows) == list(Ending) for rows in FOLLOW.values())
    assert Row._fields == tuple(Sent)


def test_every_next_step_and_every_outcome_has_a_row() -> None:
    assert {result for rows in FOLLOW.values() for row in rows.values() for result in row} == set(Follow)
    assert list(OUTCOMES) == list(Ending)
    assert set(OUTCOMES.values()) == {*SUCCESSES, *FALLBACK_REASONS} == set(AttemptOutcome) - {AttemptOutcome.CANCELLED}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("sent", Sent)
def test_a_valid_call_is_always_the_answer(choice: ToolChoiceMode, sent: Sent) -> None:
    assert follow(choice, Ending.TOOL, sent) is Follow.ANSWER


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("ending", [Ending.TEXT, Ending.UNCONFIRMED_TEXT, Ending.CONFIRMING_TEXT])
def test_text_never_follows_text_of_an_earlier_attempt(choice: ToolChoiceMode, ending: Ending) -> None:
    assert follow(choice, ending, Sent.EARLIER_TEXT) is Follow.RETRY


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("ending", FAULTS)
def test_a_fault_is_retried_until_what_was_sent_forbids_it(choice: ToolChoiceMode, ending: Ending) -> None:
    row = [follow(choice, ending, sent) for sent in Sent]
    assert row == [Follow.RETRY, Follow.RETRY, Follow.RETRY, Follow.FAIL, Follow.FAIL]


@pytest.mark.parametrize("sent", Sent)
@pytest.mark.parametrize("choice", FREE)
def test_a_cut_answer_is_the_answer_where_no_call_is_demanded(choice: ToolChoiceMode, sent: Sent) -> None:
    assert follow(choice, Ending.TRUNCATED, sent) is Follow.ANSWER


@pytest.mark.parametrize("choice", FORCED)
def test_a_cut_answer_leads_to_the_next_strategy_where_a_call_is_demanded(choice: ToolChoiceMode) -> None:
    row = [follow(choice, Ending.TRUNCATED, sent) for sent in Sent]
    assert row == [*[Follow.NEXT_STRATEGY] * 3, Follow.FAIL, Follow.ANSWER]


@pytest.mark.parametrize("choice", CHOICES)
def test_upstream_failures_go_on_only_where_nothing_was_sent(choice: ToolChoiceMode) -> None:
    first = {ending: follow(choice, ending, Sent.NOTHING) for ending in FAILURES}
    assert first == {
        Ending.REFUSED: Follow.WEAKER_FORM,
        Ending.REFUSED_FOR_GOOD: Follow.NO_OTHER,
        Ending.UPSTREAM_ERROR: Follow.RETRY,
        Ending.UPSTREAM_DOWN: Follow.FAIL_UPSTREAM,
        Ending.TIMEOUT: Follow.NEXT_STRATEGY,
    }
    later = {(ending, sent): follow(choice, ending, sent) for ending in FAILURES for sent in Sent if sent != "nothing"}
    # A refused request was not answered: another form of it may still add the call that the client waits for.
    assert later.pop((Ending.REFUSED, Sent.EARLIER_TEXT)) is Follow.WEAKER_FORM
    assert set(later.values()) == {Follow.FAIL_UPSTREAM}


def test_the_last_resorts_end_with_the_one_that_is_always_possible() -> None:
    for choice, sent in product(CHOICES, (False, True)):
        assert last_resorts(choice, sent=sent)[-1] is LastResort.UNAVAILABLE


def test_after_something_was_sent_only_an_error_is_left() -> None:
    assert [last_resorts(choice, sent=True) for choice in CHOICES] == [(LastResort.UNAVAILABLE,)] * 4


def test_text_is_a_last_resort_only_where_no_call_is_demanded() -> None:
    for choice in CHOICES:
        resorts = last_resorts(choice, sent=False)
        assert (LastResort.BEST_TEXT in resorts, LastResort.TRUNCATED in resorts) == (choice in FREE, choice in FORCED)
