"""The laws that hold for every dialect and every text."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolgate_core.dialects import DIALECTS, dialect_names
from toolgate_core.extraction import MarkerScanner
from toolgate_core.messages import ToolDefinition
from toolgate_core.plan import ScannerState
from toolgate_core.schema import Toolset

from tests.core.dialects.reading import TOOLSET, cases, events, joined, pieces, plan, read

CASES = cases()
MARKERS = (
    "<function_calls>", "</function_calls>", '<invoke name="ping">', '<invoke name="save">', "</invoke>", "<invoke",
    '<parameter name="html">', "</parameter>", "<![CDATA[", "]]>", "<tool_call>", "</tool_call>", "<think>", "</think>",
    '{"name":"ping","arguments":{}}', '{"name":', '"arguments":', "{", "}", "[", "]", '"', "'", ",", ":", "\\", "\\ud83d",
    "<|channel|>", "<|start|>", "assistant", "analysis", "final", "commentary", " to=functions.ping", "<|message|>",
    "<|call|>", "<|end|>", "`", "```", "```json\n", "~~~", "\n", "\n\n", " ", "a", "é", "&lt;", "&", "<", "null", "True", "1",
    '{"action":"call","calls":[', '{"action":"answer","answer":', '"ping"', '"html"',
)  # fmt: skip
MIXED = st.lists(st.one_of(st.sampled_from(MARKERS), st.text(max_size=3)), max_size=24).map("".join)
DIALECT = st.sampled_from(dialect_names())
END = st.sampled_from(("stop", "length", "cut"))
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_text_says_the_same_however_it_is_cut_into_pieces(case):
    whole = joined(events(case.plan, [case.text], case.finish))
    for size in (1, 2, 3, 7):
        assert joined(events(case.plan, pieces(case.text, size), case.finish)) == whole
    for at in range(1, len(case.text)):
        assert joined(events(case.plan, [case.text[:at], case.text[at:]], case.finish)) == whole


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_text_that_is_cut_anywhere_gives_only_what_it_had_said(case):
    drafts = "<think>" in case.text or case.reasoning_open
    for at in range(len(case.text)):
        got = read(events(case.plan, [case.text[:at]], "length"))
        assert got.calls == case.calls[: len(got.calls)] or drafts
        for marker in ('<invoke name="get_weather"', '<tool_call>{"name', "<|message|>"):
            assert marker not in got.content or marker in case.content
        read(events(case.plan, [case.text[:at]], "stop"))


@pytest.mark.parametrize("case", [case for case in CASES if case.dialect != "decision"], ids=str)
def test_a_scanner_and_an_extraction_from_its_state_say_what_an_extraction_says(case):
    if case.reasoning_open:
        return
    auto = plan("auto")
    whole = read(events(auto, [case.text], case.finish))
    for size in (1, 2, 7, 1000):
        assert scanned(case.text, size, case.finish) == whole


def scanned(text, size, finish):
    scanner = MarkerScanner()
    passed = "".join(scanner.feed(part) for part in pieces(text, size))
    passed += scanner.finish()
    if not scanner.hit:
        got = read([])
        got.content = passed
        return got
    got = read(events(plan("auto"), [scanner.held], finish, state=scanner.state))
    got.content = passed + got.content
    return got


@FUZZ
@given(DIALECT, MIXED, END, st.integers(1, 9))
def test_any_text_is_read_the_same_in_pieces_and_never_raises(dialect, text, end, size):
    whole = joined(events(plan(dialect), [text], end))
    assert joined(events(plan(dialect), pieces(text, size), end)) == whole
    read(whole)


@FUZZ
@given(MIXED, END, st.integers(1, 9))
def test_a_scanner_agrees_with_an_extraction_on_any_text(text, end, size):
    assert scanned(text, size, end) == read(events(plan("auto"), [text], end))


@FUZZ
@given(st.text(alphabet=st.characters(blacklist_characters="<`~{=", blacklist_categories=("Cs",))))
def test_text_without_a_marker_is_the_content(text):
    assert scanned(text, 3, "stop").content == text
    for dialect in dialect_names():
        if dialect != "decision":
            assert read(events(plan(dialect), [text], "stop")).content == text


STRINGS = st.one_of(
    st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=12),
    st.lists(st.sampled_from(MARKERS), max_size=4).map("".join),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        STRINGS,
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(STRINGS, inner, max_size=3)),
    max_leaves=6,
)


def schema_of(value):
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return {"type": names.get(type(value), "null")}


@FUZZ
@given(st.lists(st.dictionaries(STRINGS, VALUES, max_size=3), min_size=1, max_size=3), st.integers(1, 9))
def test_calls_that_are_written_are_read_back(arguments, size):
    names = [f"tool-{index}.x" for index in range(len(arguments))]
    toolset = Toolset.compile(
        tuple(
            ToolDefinition(
                name, "", {"type": "object", "properties": {key: schema_of(item) for key, item in value.items()}}
            )
            for name, value in zip(names, arguments, strict=True)
        )
    )
    texts = [json.dumps(value, ensure_ascii=False) for value in arguments]
    for dialect in dialect_names():
        text = DIALECTS[dialect].render_calls(list(zip(names, texts, strict=True)))
        got = read(events(plan(dialect), pieces(text, size), "stop", toolset))
        assert got.calls == [list(pair) for pair in zip(names, arguments, strict=True)], dialect
        assert (got.content, got.reasoning, got.drops, got.unfinished) == ("", "", [], 0)


def test_a_scanner_passes_text_without_a_marker_whole():
    text = "A list:\n- `code` with a < b\n- ~~gone~~ to = 5\n\n```py\nx = '<a>'\n```\n \n"
    for size in (1, 2, 5, 1000):
        scanner = MarkerScanner()
        assert "".join(scanner.feed(part) for part in pieces(text, size)) + scanner.finish() == text
        assert not scanner.hit
        assert scanner.held == ""


def test_a_scanner_says_where_it_stood():
    scanner = MarkerScanner()
    assert scanner.feed('Look at `this`:  <tool_call>{"name"') == "Look at `this`:"
    assert scanner.hit
    assert scanner.feed(": 1") == ""
    assert scanner.held == '  <tool_call>{"name": 1'
    assert scanner.state == ScannerState(line="Look at `this`:  ", started=True)


def test_every_dialect_is_in_the_table_by_its_name_and_has_cases():
    assert {case.dialect for case in CASES} == set(DIALECTS)
    assert tuple(DIALECTS) == dialect_names() == tuple(dialect.name for dialect in DIALECTS.values())
    assert TOOLSET.names
