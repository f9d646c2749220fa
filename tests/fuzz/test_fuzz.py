"""The fuzzing itself: bytes become texts, broken laws are found, findings can be read again."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from toolgate_core.dialects import dialect_names
from toolgate_core.extraction.notes import Notes
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, TextDelta

from fuzz import findings
from fuzz.extraction import CASES, main, replay, sow
from fuzz.laws import Broken, LawError, Sample, broken, calls_are_whole, extract, no_text_is_lost
from fuzz.texts import bytes_of, mutated, sample_of, seeds

CALL = '<tool_call>\n{"name": "ping", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize("dialect", dialect_names())
def test_the_bytes_of_a_text_decode_to_it(dialect: str) -> None:
    text = f"Text with words. {CALL}`x`\n<tool_cal \ud83d \\u00"
    sample = sample_of(bytes_of(dialect, text, "cut"))
    assert (sample.dialect, sample.text, sample.end) == (dialect, text, "cut")


def test_any_bytes_decode_to_an_input() -> None:
    for seed in range(200):
        assert sample_of(mutated(os.urandom(seed), 500, seed)).sizes
    assert sample_of(b"").text == ""


def test_mutation_is_bounded_and_reproducible() -> None:
    data = bytes_of("hermes", CALL, "stop")
    assert mutated(data, 1000, 7) == mutated(data, 1000, 7)
    assert all(len(mutated(data, 12, seed)) <= 12 for seed in range(50))
    assert len({mutated(data, 1000, seed) for seed in range(50)}) > 25


def test_the_cases_of_the_tests_are_the_corpus(tmp_path: Path) -> None:
    assert sow(tmp_path, CASES) == len(list(seeds(CASES)))
    assert len(list(tmp_path.iterdir())) > 50


def test_the_laws_hold_for_a_call_between_texts() -> None:
    for dialect in ("hermes", "auto"):
        assert broken(Sample(dialect, f"a `b` {CALL} c", sizes=(3, 1))) is None


@pytest.mark.parametrize(
    "events",
    [
        [CallStart(1, "ping"), CallEnd(1)],
        [CallStart(0, "ping")],
        [CallEnd(0)],
        [CallStart(0, "ping"), ArgumentsDelta(0, "[]"), CallEnd(0)],
        [CallStart(0, "ping"), ArgumentsDelta(0, '{"a":NaN}'), CallEnd(0)],
        [CallStart(0, "ping"), CallStart(1, "ping")],
    ],
)
def test_incomplete_calls_break_a_law(events: list[Any]) -> None:
    with pytest.raises(LawError):
        calls_are_whole(events)


def test_lost_and_invented_text_breaks_a_law() -> None:
    sample = Sample("hermes", f"before {CALL} after")
    notes = Notes()
    events = extract(sample, [sample.text], notes=notes)
    no_text_is_lost(sample, events, notes)
    for wrong in ([TextDelta("before")], [TextDelta("before x after")], [TextDelta("after before")]):
        with pytest.raises(LawError):
            no_text_is_lost(sample, [*wrong, Drop("markup", "")], notes)


def test_a_finding_is_made_small_and_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def no_x(sample: Sample) -> Broken | None:
        return Broken("no x", "there is one", sample.dialect) if "x" in sample.text else None

    found = findings.Findings(tmp_path, no_x)
    path = found.add(Sample("hermes", "abc x def", "length", (1, 3)))
    assert path is not None
    assert findings.load(path) == Sample("hermes", "x")
    assert json.loads(path.read_text())["broken"]["law"] == "no x"
    assert [found.add(Sample("hermes", "x again")), found.add(Sample("hermes", "a"))] == [None, None]
    assert replay([path], no_x) == 1
    assert "no x (hermes)" in capsys.readouterr().out
    assert main(["--replay", str(path)]) == 0


def test_the_bytes_of_a_slow_input_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "timeout-0123"
    path.write_bytes(bytes_of("hermes", CALL, "stop"))
    assert findings.load(path).text == CALL
