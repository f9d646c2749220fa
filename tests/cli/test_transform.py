from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from toolgate_cli.__main__ import main

TOOLS = json.loads((Path(__file__).parent / "cases" / "tools.json").read_text(encoding="utf-8"))
REQUEST = {
    "model": "m",
    "messages": [{"role": "user", "content": "Weather in Oslo?"}],
    "tools": TOOLS,
    "tool_choice": "required",
    "top_k": 5,
}


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(REQUEST), encoding="utf-8")
    return str(file)


def transformed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["transform", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(found) == ["body", "plan"]
    return found


def test_native_sends_what_the_client_sent(request_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = transformed(capsys, request_file)
    assert found["body"] == REQUEST
    assert found["plan"]["form"] == "native"


@pytest.mark.parametrize("strategy", ["guided", "bridge"])
def test_constrained_strategies_send_the_decision_schema(
    strategy: str, request_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = transformed(capsys, "--strategy", strategy, request_file)
    assert found["body"]["response_format"]["type"] == "json_schema"
    assert ("tools" in found["body"]) == (strategy == "guided")
    assert found["body"]["top_k"] == 5
    assert (found["plan"]["form"], found["plan"]["constrained"]) == ("decision", True)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [("function_calls", "function_calls"), ("hermes", "hermes"), ("Qwen3", "hermes"), ("GLM45", "glm")],
)
def test_an_unconstrained_bridge_writes_its_dialect(
    name: str, dialect: str, request_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = transformed(capsys, "--strategy", "bridge", "--no-constrained", "--dialect", name, request_file)
    assert "response_format" not in found["body"]
    assert (found["plan"]["form"], found["plan"]["dialect"]) == ("dialect", dialect)


def test_two_pass_shows_its_second_pass_for_a_draft(request_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = transformed(capsys, "--strategy", "two_pass", request_file)
    second = transformed(capsys, "--strategy", "two_pass", "--draft", "Look at Oslo.", request_file)
    assert first["plan"]["form"] == "text"
    assert second["plan"]["form"] == "decision"
    assert "Look at Oslo." in json.dumps(second["body"]["messages"])


def test_a_bad_request_is_one_line_that_names_the_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"model": "m", "messages": []}')))
    assert main(["transform"]) == 2
    captured = capsys.readouterr()
    assert "(param messages)" in captured.err
    assert captured.err.count("\n") == 1


def test_an_unknown_dialect_is_refused(request_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transform", "--dialect", "klingon", request_file]) == 2
    said = capsys.readouterr().err
    assert "klingon" in said
    assert "function_calls" in said
