from __future__ import annotations

import json
from pathlib import Path

import pytest
from toolgate_cli.explain import MAX_EXCERPT
from toolgate_cli.extract import Reader
from toolgate_core.schema import Toolset, parse_tools

from tests.cli.test_extract import TOOLS, give, lines, main

TOOLSET = Toolset.compile(parse_tools(Path(TOOLS).read_bytes()))
PING = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'


def explained(text: str, *, dialect: str = "auto", finish: str = "stop", step: int | None = None) -> list[str]:
    found, _ = Reader(dialect=dialect, finish=finish, step=step, explain=True).read(text, TOOLSET)
    assert isinstance(found.explain, tuple)
    return list(found.explain)


@pytest.mark.parametrize("step", [None, 1, 3])
def test_a_call_is_explained_with_its_place_its_rule_and_its_text(step: int | None) -> None:
    assert explained(f"One,\ntwo: {PING}", step=step) == [
        f"10 (2:6) call, read by hermes (envelope) {PING!r}",
        "36 (2:32) call 1, 'ping': valid",
    ]


def test_an_invalid_call_is_explained_with_its_repairs_and_its_fault() -> None:
    text = "<tool_call>{'name': 'get_weather', 'arguments': {'days': 2}}</tool_call>"
    call, outcome = explained(text)
    assert call.startswith("0 (1:1) call, read by hermes (envelope) ")
    assert outcome.partition(" call 1, ")[2].startswith("'get_weather': not valid: get_weather: ")
    assert outcome.endswith("; repairs: single_quotes")


def test_a_call_that_is_cut_is_explained() -> None:
    text = '<function_calls><invoke name="get_weather"><parameter name="city">Tok'
    assert explained(text, finish="length") == [
        f"0 (1:1) call, read by function_calls (tagged) {text!r}",
        "43 (1:44) call 1, 'get_weather': not valid: get_weather: the call is not complete",
    ]


def test_a_marker_that_is_text_is_explained_with_the_reason() -> None:
    assert explained("The tag `<tool_call>` opens, </tool_call> closes.\n```\n<tool_call>\n```") == [
        "9 (1:10) marker that is text: inside code '<tool_call'",
        "29 (1:30) marker that is text: no call before it '</tool_call>'",
        "54 (3:1) marker that is text: inside code '<tool_call'",
    ]


def test_a_marker_that_stands_in_the_wrong_place_is_explained() -> None:
    assert explained("An Action: ping\nAction Input: {}", dialect="react") == [
        "3 (1:4) marker that is text: not where it counts: at the start of a line or of the text 'Action:'"
    ]
    assert explained("He said </s> and left.", dialect="mistral") == [
        "8 (1:9) marker that is text: not at the end of the turn '</s>'"
    ]


def test_a_call_that_a_message_quotes_is_explained() -> None:
    text = '<|start|>assistant to=user<|message|>Write <atem:invoke name="ping"></atem:invoke>.<|eot|>'
    said = explained(text, dialect="muse")
    assert any("in a message that is not for a tool '<atem:invoke'" in line for line in said)
    assert not any("call 1" in line for line in said)


def test_dialects_that_were_tried_and_refused_are_named_together() -> None:
    [line] = explained("Some use <tool_call>words.")
    assert line.startswith("9 (1:10) tried and refused: hermes (envelope), qwen3_coder (tagged), glm (tagged)")
    assert line.count("\n") == 0


def test_a_dialect_that_refused_after_a_name_is_explained() -> None:
    text = '[TOOL_CALLS]no_one{"a": x and'
    assert explained(text) == [
        "0 (1:1) tried and refused: mistral (envelope) '[TOOL_CALLS]'",
        f"0 (1:1) tried, refused behind the name: mistral (named) {text!r}",
    ]


def test_what_is_dropped_is_explained_with_its_kind_however_it_came() -> None:
    call = "<|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
    text = f"<|tool_calls_section_begin|>{call}<|tool_calls_section_end|> and more"
    for step in (None, 1):
        said = explained(text, dialect="kimi_k2", step=step)
        assert [line for line in said if "dropped" in line] == [
            f"{len(text) - 9} (1:{len(text) - 8}) dropped: after_call ' and more'"
        ]
        assert "closing marker, vanishes: '<|tool_calls_section_end|>'" in "\n".join(said)


@pytest.mark.parametrize(
    ("text", "finish", "why"),
    [
        (f"<think>Maybe {PING}</think>{PING}", "stop", "is a draft: a call came outside of the reasoning"),
        (f"<think>So {PING}", "stop", "counts: no call came outside of the reasoning"),
        (f"<think>So {PING}", "length", "is a draft: the text was cut"),
    ],
)
def test_the_treatment_of_a_call_in_reasoning_is_explained(text: str, finish: str, why: str) -> None:
    said = explained(text, finish=finish)
    assert "0 (1:1) reasoning begins: '<think>'" in said
    assert [line for line in said if f"call in reasoning {why} {PING!r}" in line] != []
    calls = [line for line in said if " call 1, " in line]
    assert len(calls) == ("draft" not in why or PING + "</think>" in text)


def test_calls_beyond_the_limit_are_explained_as_dropped() -> None:
    said = explained(PING * 129)
    assert len([line for line in said if ": valid" in line]) == 128
    assert len([line for line in said if "call, read by" in line]) == 129


def test_a_long_text_is_cut_in_the_middle_and_escaped_where_invisible() -> None:
    call = f'<tool_call>{{"name": "get_weather", "arguments": {{"city": "\u200b{"x" * 200}"}}}}</tool_call>'
    line, _ = explained(call)
    quoted = line.partition("(envelope) ")[2]
    assert "\u200b" not in line
    assert " … " in quoted
    assert len(quoted) < MAX_EXCERPT + 16


def test_explanations_stand_beneath_the_output_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, PING)
    assert main(["extract", "--tools", TOOLS, "--explain"]) == 0
    captured = capsys.readouterr()
    assert "explain" not in json.loads(captured.out)
    assert [line.partition(": ")[0] for line in captured.err.splitlines()] == ["explain", "explain"]


def test_explanations_are_a_list_in_a_line_of_jsonl(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    give(monkeypatch, lines({"id": 1, "text": PING}, {"id": 2, "text": "Hello."}))
    assert main(["extract", "--jsonl", "--tools", TOOLS, "--explain"]) == 0
    first, second = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert list(first) == ["id", "calls", "content", "reasoning", "finish_reason", "repairs", "explain"]
    assert first["explain"] == explained(PING)
    assert second["explain"] == []
