"""Signs of a model that can't stop."""

from __future__ import annotations

from toolgate_core.ladder.runaway import Blanks, too_many
from toolgate_core.limits import MAX_BLANK, MAX_CALLS, MAX_EQUAL_CALLS


def test_more_calls_than_an_answer_may_hold_are_a_fault() -> None:
    calls = [("f", f'{{"n":{n}}}') for n in range(MAX_CALLS + 1)]
    assert too_many(calls) == f"The answer held more than {MAX_CALLS} tool calls."
    assert too_many(calls[:-1]) == ""


def test_equal_calls_are_a_fault_beyond_a_few() -> None:
    calls = [("f", "{}")] * (MAX_EQUAL_CALLS + 1)
    assert too_many(calls) == f"The same call to f was repeated {MAX_EQUAL_CALLS + 1} times."
    assert too_many(calls[1:]) == ""


def test_white_space_runs_away_however_it_comes() -> None:
    blanks = Blanks()
    assert [blanks.feed(text) for text in ("a ", " " * (MAX_BLANK - 1), " ", "b", " " * MAX_BLANK, " ")] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
