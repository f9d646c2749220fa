"""Additions from outside of the packages: with their rows they work end to end, without them a line says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.additions.checkouts import holds, made, ran
from tests.additions.promises import PROMISES, Promise
from tests.additions.table import Addition

pytestmark = [pytest.mark.slow]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.what)
def test_an_addition_from_outside_works_end_to_end(promise: Promise, checkout: Path) -> None:
    with made(checkout, promise.rows):
        good, output = holds(checkout, Addition(promise.what, promise.rows, script=promise.script), ())
    assert good, output


@pytest.mark.parametrize("promise", [each for each in PROMISES if each.fault], ids=lambda each: each.what)
def test_a_missing_row_fails_at_start_with_one_line(promise: Promise, checkout: Path) -> None:
    done = ran(checkout, ["-m", "toolgate_gateway"], dict(promise.settings))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert promise.fault in line
    assert promise.settings[0][0] in line or promise.settings[0][0].removeprefix("TOOLGATE_").lower() in line


@pytest.mark.parametrize("promise", [each for each in PROMISES if each.missing], ids=lambda each: each.what)
def test_an_addition_that_no_setting_names_is_absent_without_its_row(promise: Promise, checkout: Path) -> None:
    good, output = holds(checkout, Addition(promise.what, (), script=promise.missing), ())
    assert good, output
