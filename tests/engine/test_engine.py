"""A real model on a real vLLM: the answers of vLLM alone, and of Toolgate in front of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.asking import WAYS, groups
from tests.engine.conftest import Measured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4000)]

# How many answers of a group may be missing; a small model under `auto` may prefer words once.
ALLOWED = {("auto", "auto"): 1, ("parallel", "auto"): 1, ("loops", "auto"): 1, ("loops", "emulate"): 1}
GROUPS = list(groups())


@pytest.mark.parametrize("way", ["auto", "emulate"])
@pytest.mark.parametrize("group", GROUPS)
def test_a_real_model_delivers_a_valid_call_or_legitimate_text(group: str, way: str, measured: Measured) -> None:
    answers = measured.run.answers[group, way]
    assert [(str(one), one.invalid) for one in answers if one.invalid] == []
    assert [(str(one), one.outcome.flaws) for one in answers if one.outcome.flaws] == []
    missed = [str(one) for one in answers if not one.good]
    assert len(missed) <= ALLOWED.get((group, way), 0), "\n".join(missed)


def test_every_row_is_at_least_as_good_as_bare_vllm(
    measured: Measured, record_property: Callable[[str, object], None]
) -> None:
    counts: dict[str, dict[str, int]] = {}
    for group in GROUPS:
        answers = {way: measured.run.answers[group, way] for way in WAYS}
        counts[group] = {way: sum(one.good for one in answers[way]) for way in WAYS}
        cells = " | ".join(
            f"{way} {counts[group][way]}/{len(answers[way])} ({sum(one.right for one in answers[way])} the fitting tool)"
            for way in WAYS
        )
        record_property("figures", f"{measured.model}, {group}: {cells}")
    record_property("figures", f"all questions: {measured.seconds:.0f} s")
    assert [group for group, row in counts.items() if min(row["auto"], row["emulate"]) < row["direct"]] == []


def test_the_reported_tokens_are_those_that_the_engine_counted(
    measured: Measured, record_property: Callable[[str, object], None]
) -> None:
    reported = measured.run.tokens()
    record_property(
        "figures", f"tokens reported by toolgate.usage {reported}, counted by the engine {measured.counted}"
    )
    assert reported == measured.counted


def test_a_schema_that_the_engine_refuses_affects_no_other_request(measured: Measured) -> None:
    for before, refused, after in (measured.isolated[:3], measured.isolated[3:]):
        assert (before.good, after.good) == (True, True), (str(before), str(after))
        assert refused.outcome.calls == [], str(refused)
        assert refused.outcome.error is not None
        assert after.outcome.attempts == before.outcome.attempts


def test_each_of_two_answers_at_once_has_its_call(measured: Measured) -> None:
    assert {way: [len(calls) > 0 for calls in choices] for way, choices in measured.choices.items()} == {
        "auto": [True, True],
        "emulate": [True, True],
    }


def test_no_request_of_the_gateway_causes_an_engine_error(
    measured: Measured, record_property: Callable[[str, object], None]
) -> None:
    # What it refuses with a 400 is an answer, and leads to the next strategy.
    failures = [line for line in measured.errors if "code=400" not in line]
    refused = len(measured.errors) - len(failures)
    record_property("figures", f"the engine's log of the gateway's requests: {refused} refused, {len(failures)} errors")
    assert failures == []
