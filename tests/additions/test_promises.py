"""Additions from outside of the packages: with their rows they work end to end, without them a line says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.additions.checkouts import holds, made, ran
from tests.additions.promises import PROMISES, Promise
from tests.additions.table import Addition, Edit

pytestmark = [pytest.mark.slow]

_NAMED = [each for each in PROMISES if each.fault]
_ONE_ROW_LESS = [
    (each, edit)
    for each in _NAMED
    for edit in each.rows
    if edit.path.endswith("table.py") and edit.text.startswith(" ")
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.what)
def test_an_addition_from_outside_works_end_to_end(promise: Promise, checkout: Path) -> None:
    with made(checkout, promise.rows):
        good, output = holds(checkout, Addition(promise.what, promise.rows, script=promise.script), ())
    assert good, output


def fails_at_start(promise: Promise, checkout: Path) -> None:
    done = ran(checkout, ["-m", "toolgate_gateway"], dict(promise.settings))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert promise.fault in line
    assert promise.settings[0][0] in line or promise.settings[0][0].removeprefix("TOOLGATE_").lower() in line


@pytest.mark.parametrize("promise", _NAMED, ids=lambda each: each.what)
def test_an_addition_without_any_row_fails_at_start_with_one_line(promise: Promise, checkout: Path) -> None:
    fails_at_start(promise, checkout)


@pytest.mark.parametrize(
    ("promise", "left_out"), _ONE_ROW_LESS, ids=lambda each: getattr(each, "what", getattr(each, "path", ""))
)
def test_a_missing_row_fails_at_start_with_one_line(promise: Promise, left_out: Edit, checkout: Path) -> None:
    with made(checkout, [edit for edit in promise.rows if edit != left_out]):
        fails_at_start(promise, checkout)


@pytest.mark.parametrize("promise", [each for each in PROMISES if each.missing], ids=lambda each: each.what)
def test_an_addition_that_no_setting_names_is_absent_without_its_row(promise: Promise, checkout: Path) -> None:
    good, output = holds(checkout, Addition(promise.what, (), script=promise.missing), ())
    assert good, output
