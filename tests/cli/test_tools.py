from __future__ import annotations

import json

import pytest
from toolgate_cli.__main__ import main


def test_list_names_every_tool_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names[:3] == ["calculator", "time_now", "system_info"]


def test_list_as_json_has_the_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "list", "--json"]) == 0
    tools = json.loads(capsys.readouterr().out)
    assert all(set(tool) == {"name", "description", "parameters"} for tool in tools)
    assert tools[0]["parameters"]["type"] == "object"


def test_run_prints_the_tools_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "run", "calculator", '{"expression": "2^10"}']) == 0
    assert json.loads(capsys.readouterr().out)["value"] == 1024


def test_run_as_json_prints_the_whole_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "run", "calculator", '{"expression": "6 * 7"}', "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["structured"]["value"], outcome["error"]) == (42, None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["calculator", '{"expression": "1/0"}'], "division by zero"),
        (["calculator", "{}"], "expression"),
        (["launch"], "not_found"),
    ],
)
def test_what_goes_wrong_in_a_tool_is_said_with_exit_status_1(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tools", "run", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert word in captured.err


def test_a_failure_as_json_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "run", "launch", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "calculator", "{"], "not JSON"),
        (["list", "--gateway", "http://127.0.0.1:9"], "http://127.0.0.1:9/tools"),
        (["run", "x", "--gateway", "no url"], "no url"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_status_2(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tools", *arguments]) == 2
    captured = capsys.readouterr()
    assert word in captured.err
    assert captured.err.count("\n") == 1
