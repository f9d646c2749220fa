from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toolgate_cli.__main__ import main

CASES = Path(__file__).parent / "cases"
TOOLS = str(CASES / "tools.json")
LINES = (CASES / "extract.jsonl").read_text(encoding="utf-8").splitlines()
PING = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'


class Input:
    """Standard input, as the command sees it."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def give(monkeypatch: pytest.MonkeyPatch, data: bytes | str) -> None:
    monkeypatch.setattr(sys, "stdin", Input(data.encode() if isinstance(data, str) else data))


def lines(*given: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in given)


def wanted(case: dict[str, Any]) -> dict[str, Any]:
    keys = ("id", "calls", "content", "finish_reason", *(key for key in ("reasoning", "repairs") if key in case))
    return {key: case[key] for key in keys}


@pytest.mark.parametrize("step", [None, 1, 3, 7])
@pytest.mark.parametrize("line", LINES, ids=[json.loads(line)["id"] for line in LINES])
def test_a_line_gives_its_calls_and_its_text_however_it_is_fed(
    line: str, step: int | None, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    case = json.loads(line)
    give(monkeypatch, line + "\n")
    stream = [] if step is None else ["--stream", str(step)]
    assert main(["extract", "--jsonl", "--tools", TOOLS, *stream]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert list(found) == ["id", "calls", "content", "reasoning", "finish_reason", "repairs"]
    assert {key: found[key] for key in wanted(case)} == wanted(case)


def test_an_unknown_dialect_fails_its_line_and_no_other(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = lines({"id": 1, "text": "x", "dialect": "klingon"}, {"id": 2, "text": PING}, {"id": 3})
    give(monkeypatch, given + "not json\n\n" + lines({"id": 4, "text": "hi", "finish": "bored"}))
    assert main(["extract", "--jsonl", "--tools", TOOLS]) == 1
    first, second, third, fourth, fifth = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert first["id"] == 1
    assert "klingon" in first["error"]
    assert second == {
        "id": 2,
        "calls": [["ping", {}]],
        "content": None,
        "reasoning": None,
        "finish_reason": "tool_calls",
        "repairs": [],
    }
    assert third == {"id": 3, "error": "`text` is missing or not a string"}
    assert fourth["id"] is None
    assert fourth["error"]
    assert "bored" in fifth["error"]


@pytest.mark.parametrize("name", ["auto", "Hermes", "qwen3", "kimi-k2", "deepseekv31"])
def test_a_dialect_goes_by_its_aliases_too(
    name: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    give(monkeypatch, lines({"id": 1, "text": PING, "dialect": name}, {"id": 2, "text": PING}))
    assert main(["extract", "--jsonl", "--tools", TOOLS, "--dialect", name]) == 0
    found = [json.loads(line)["calls"] for line in capsysbinary.readouterr().out.splitlines()]
    assert found == [[["ping", {}]], [["ping", {}]]]


@pytest.mark.parametrize("option", [("--reasoning-starts-open",), ("--reasoning", "open")], ids=["now", "former"])
def test_a_text_can_begin_inside_reasoning(
    option: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    give(monkeypatch, lines({"text": f"a ping</think>{PING}"}))
    assert main(["extract", "--jsonl", "--tools", TOOLS, *option]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert (found["calls"], found["content"], found["reasoning"]) == ([["ping", {}]], None, "a ping")


@pytest.mark.parametrize("option", [(), ("--reasoning", "marked")], ids=["now", "former"])
def test_a_text_begins_outside_reasoning_by_default(
    option: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    give(monkeypatch, lines({"text": f"a ping {PING}"}))
    assert main(["extract", "--jsonl", "--tools", TOOLS, *option]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert (found["calls"], found["content"], found["reasoning"]) == ([["ping", {}]], "a ping", None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--reasoning", "x"), "--reasoning must be marked or open, not 'x'; use --reasoning-starts-open"),
        (
            ("--reasoning", "open", "--reasoning-starts-open"),
            "--reasoning is the former name of --reasoning-starts-open",
        ),
    ],
)
def test_a_wrong_former_option_names_the_current_one(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", "--jsonl", "--tools", TOOLS, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_lines_own_tools_come_before_those_of_the_file(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    own = [{"type": "function", "function": {"name": "pong", "parameters": {"type": "object"}}}]
    give(
        monkeypatch,
        lines({"id": 1, "text": PING, "tools": own}, {"id": 2, "text": PING.replace("ping", "pong"), "tools": own}),
    )
    assert main(["extract", "--jsonl", "--tools", TOOLS]) == 0
    found = [json.loads(line)["calls"] for line in capsysbinary.readouterr().out.splitlines()]
    assert found == [[], [["pong", {}]]]


def test_tools_that_do_not_compile_are_an_error_of_their_line(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    broken = [{"type": "function", "function": {"name": "x", "parameters": {"type": "objekt"}}}]
    give(monkeypatch, lines({"id": 1, "text": PING, "tools": broken}, {"id": 2, "text": "hi"}))
    assert main(["extract", "--jsonl", "--tools", TOOLS]) == 1
    first, second = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert "error" in first
    assert second["content"] == "hi"


def test_integers_and_floats_are_written_as_the_model_wrote_them(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    huge = 2**200 + 1
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    text = f'<tool_call>{{"name": "f", "arguments": {{"z": {huge}, "a": 1.0}}}}</tool_call>'
    give(monkeypatch, lines({"id": "n", "text": text, "tools": tools}))
    assert main(["extract", "--jsonl"]) == 0
    assert f'[["f",{{"z":{huge},"a":1.0}}]]'.encode() in capsysbinary.readouterr().out


def test_plain_output_is_the_same_object_indented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_text("Well. " + PING, encoding="utf-8")
    assert main(["extract", "--tools", TOOLS, "--dialect", "hermes", "--stream", "2", str(text)]) == 0
    out = capsys.readouterr().out
    assert out.startswith('{\n  "calls": [')
    assert json.loads(out) == {
        "calls": [["ping", {}]],
        "content": "Well.",
        "reasoning": None,
        "finish_reason": "tool_calls",
        "repairs": [],
    }


def test_invalid_calls_are_reported_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, PING.replace("ping", "launch"))
    assert main(["extract", "--tools", TOOLS, "--dialect", "hermes"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["calls"] == []
    assert "note:" in captured.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--dialect", "klingon"], "klingon"),
        (["--tools", "/nowhere/tools.json"], "/nowhere/tools.json"),
        (["--finish", "bored"], "bored"),
        (["/nowhere/text"], "/nowhere/text"),
    ],
)
def test_what_cannot_be_started_is_one_line_and_exit_status_2(
    arguments: list[str], word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "x")
    assert main(["extract", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert word in captured.err
    assert captured.err.count("\n") == 1


def test_text_that_is_not_utf_8_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    give(monkeypatch, b"\xff\xfe")
    assert main(["extract"]) == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_a_step_must_be_a_whole_number_above_zero(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["extract", "--stream", "0"])
    assert "not a whole number above 0" in capsys.readouterr().err


def test_the_command_sits_in_a_pipe_and_answers_line_by_line() -> None:
    command = [sys.executable, "-m", "toolgate_cli", "extract", "--jsonl", "--tools", TOOLS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(lines({"id": number, "text": PING}).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_closed_pipe_causes_no_traceback() -> None:
    given = (lines({"id": 1, "text": PING}) * 20_000).encode()
    command = [sys.executable, "-m", "toolgate_cli", "extract", "--jsonl", "--tools", TOOLS]
    head = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    done = subprocess.run(command, input=given, stdout=head.stdin, stderr=subprocess.PIPE, timeout=60, check=False)
    out, _ = head.communicate()
    assert done.stderr == b""
    assert json.loads(out)["id"] == 1
