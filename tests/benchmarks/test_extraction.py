"""The measuring of extraction: it runs, it prints, and what it compares with reads what it should."""

import json
from pathlib import Path

import pytest
from toolgate_core.dialects import dialect_names

from benchmarks.engine import WrongError, call_text, check_call, code, read
from benchmarks.extraction import Linear, Wrong, main, verdict
from benchmarks.hostile import hostile
from benchmarks.prose import prose
from benchmarks.reparse import Reparse, extrapolated


def test_a_short_run_prints_every_table_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    sizes = ["--size", "200", "--reparse-size", "50", "--prose-size", "500", "--hostile-size", "100", "--runs", "1"]
    assert main(["--dialect", "hermes", "glm", *sizes, "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert [printed.count(f"\n| {name} |") for name in ("hermes", "glm")] == [2, 2]
    rows = json.loads(path.read_text())
    made = hostile("hermes", 100)
    assert {row["kind"] for row in rows} == {"linear", "plain", "hostile"}
    assert [row["made"] for row in rows if row["kind"] == "hostile" and row["dialect"] == "hermes"] == [
        name for name in made for _ in range(2)
    ]


def test_a_part_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "prose", "--dialect", "hermes", "--prose-size", "200", "--runs", "1"]) == 0
    assert "one character at a time" not in capsys.readouterr().out


def test_superlinear_or_wrong_readings_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    fine, slow = Linear("fine", 100, 1.0, 2.5, 9.0, 50), Linear("slow", 100, 1.0, 2.6, 9.0, 50)
    assert [verdict([fine, slow], check=check) for check in (False, True)] == [0, 1]
    assert verdict([fine], check=True) == 0
    assert verdict([Wrong("hermes", "a call: none")], check=False) == 1
    assert capsys.readouterr().out.count("- slow, a call: 2.60\n") == 2


def test_ordinary_text_is_the_same_every_time_and_repeats_no_paragraph() -> None:
    text = prose(20_000)
    assert text == prose(20_000)
    paragraphs = [part for part in text.split("\n\n") if len(part) > 120]
    assert len(set(paragraphs)) == len(paragraphs)


@pytest.mark.parametrize("dialect", dialect_names())
def test_the_yardstick_reads_the_string_of_every_dialect(dialect: str) -> None:
    form = call_text(dialect, "a \"b\" \\ {c}\n[d] 'é'")
    parser = Reparse(form)
    for delta in form.text:
        parser.feed(delta)
    assert json.loads(parser.sent + '"}')["html"] in ("a \"b\" \\ {c}\n[d] 'é'", form.written)


def test_a_wrong_reading_is_reported() -> None:
    form = call_text("hermes", code(300))
    check_call(read("hermes", [form.text]), code(300))
    with pytest.raises(WrongError, match="not those"):
        check_call(read("hermes", [form.text]), code(301))
    with pytest.raises(WrongError, match="0 calls began"):
        check_call(read("hermes", ["no call"]), "")


def test_a_parabola_is_extrapolated_as_one() -> None:
    assert extrapolated(2 * 10 + 3 * 100, 2 * 20 + 3 * 400, 10, 100) == pytest.approx(2 * 100 + 3 * 10_000)


@pytest.mark.parametrize("dialect", dialect_names())
def test_hard_texts_are_as_long_as_they_say(dialect: str) -> None:
    texts = hostile(dialect, 2000)
    assert all(abs(len(text) - 2000) < 700 for text in texts.values())
