"""The drawing of the code: arrows that a longer path implies are left out, and a walk that left the code is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.drawing import DriftError, described, reduced, walk
from scripts.imports import modules
from scripts.walks import Step

ROOT = Path(__file__).resolve().parents[2]
SETTLE = "toolgate_core.schema.settle:settle"


def test_arrows_that_a_longer_path_implies_are_left_out() -> None:
    assert reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_a_circle_stays_whole() -> None:
    assert reduced({"a": {"b"}, "b": {"a"}}) == {"a": {"b"}, "b": {"a"}}


def test_a_step_is_described_by_its_docstring() -> None:
    assert described(Step(SETTLE), modules(ROOT)).startswith("Return the deliverable call")
    assert described(Step(SETTLE, says="Settle."), modules(ROOT)) == "Settle"


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Step("toolgate_core.gone:settle"), "there is no module toolgate_core.gone"),
        (Step("toolgate_core.schema.settle:gone"), "has no gone"),
        (Step(SETTLE, ("gone",)), "does not use gone"),
    ],
)
def test_a_walk_that_left_the_code_is_an_error(step: Step, fault: str) -> None:
    with pytest.raises(DriftError, match=fault):
        described(step, modules(ROOT))


def test_a_walk_numbers_its_steps_and_names_each_room_once() -> None:
    lines = walk([Step(SETTLE, says="Settle."), Step(SETTLE, says="Again.")]).splitlines()
    assert lines[2:4] == ['    v0["core · schema: 1, 2"]', "    v0"]
    assert lines[-2:] == [
        "| 1 | core · schema | `settle.settle` | Settle |",
        "| 2 |  | `settle.settle` | Again |",
    ]
