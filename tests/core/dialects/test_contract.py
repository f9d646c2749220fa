"""The laws that hold for every dialect and every text."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolgate_core.dialects import DIALECTS, dialect_names
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction import Extraction, MarkerScanner
from toolgate_core.extraction.marker_index import marker_index
from toolgate_core.extraction.notes import Notes
from toolgate_core.jsontext import JsonObject
from toolgate_core.schema import Toolset
from toolgate_core.types.events import ReasoningDelta, TextDelta
from toolgate_core.types.plan import ScannerState
from toolgate_core.types.requests import ToolDefinition

from tests.core.dialects.reading import TOOLSET, cases, events, joined, pieces, plan, read

CASES = cases()
PIECES = (
    '<invoke name="ping">', '<invoke name="save">', '<parameter name="html">', "<![CDATA[", "]]>", "<function=ping>",
    "<function=save>", "<parameter=html>", "<arg_key>html</arg_key><arg_value>", "ping", "save(html=", "ping()", "[ping()]",
    '{"name":"ping","arguments":{}}', '{"name":', '"arguments":', "{", "}", "[", "]", '"', "'", ",", ":", "\\", "\\ud83d",
    "assistant", "analysis", "final", "commentary", " to=functions.ping", "<|message|>", "to=user", "<|sep|>", "[ARGS]",
    "`", "```", "```json\n", "~~~", "\n", "\n\n", " ", "a", "é", "&lt;", "&", "<", "null", "True", "1", "(", ")", "=", "/",
    '{"action":"call","calls":[', '{"action":"answer","answer":', '"ping"', '"html"', "call:ping{", '<|"|>', "<escape>",
    "name: ping", "Action Input:", ">>>", "<ping>", "</ping>", "<save>", "<html>", "</html>", "｜tool▁sep｜", "\u2581",
    "ſ", "ı", "\\\\", " " * 90, "\n" * 90, "<tool_sep>", "thought\n", ' name="ping"', ' name="html"', ' string="true"', ' tool="ping"', ' key="html"',
)  # fmt: skip
MARKERS = tuple(
    sorted({marker for name in dialect_names() for marker in marker_index(active_grammars(name)).markers} | set(PIECES))
)
SPECIAL = tuple(marker for marker in MARKERS if marker.startswith(("<|", "<｜", "]<]", "[TOOL", "</｜")))
MIXED = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(MARKERS), st.text(max_size=3)), max_size=24).map(
    "".join
)
END = st.sampled_from(("stop", "length", "cut"))
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_do_not_depend_on_how_the_text_is_split(case):
    whole = joined(events(case.plan, [case.text], case.finish, case.toolset))
    for size in (1, 2, 3, 7):
        assert joined(events(case.plan, pieces(case.text, size), case.finish, case.toolset)) == whole
    for at in range(1, len(case.text)):
        assert joined(events(case.plan, [case.text[:at], case.text[at:]], case.finish, case.toolset)) == whole


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_cut_text_gives_only_the_calls_before_the_cut(case):
    drafts = case.reasoning or case.reasoning_open or "think" in case.text.lower()
    for at in range(len(case.text)):
        got = read(events(case.plan, [case.text[:at]], "length", case.toolset))
        assert got.calls == case.calls[: len(got.calls)] or drafts
        if not any(grammar.plain_opener for grammar in DIALECTS[case.dialect].grammars):
            assert [marker for marker in SPECIAL if marker in got.content and marker not in case.content] == []
        read(events(case.plan, [case.text[:at]], "stop", case.toolset))


@pytest.mark.parametrize("case", [case for case in CASES if case.dialect != "decision"], ids=str)
def test_scanner_then_extraction_equals_one_extraction(case):
    if case.reasoning_open:
        return
    auto = plan("auto")
    whole = read(events(auto, [case.text], case.finish, case.toolset))
    for size in (1, 2, 7, 1000):
        assert scanned(case.text, size, case.finish, case.toolset) == whole


def scanned(text, size, finish, toolset=TOOLSET):
    scanner = MarkerScanner()
    passed = "".join(scanner.feed(part) for part in pieces(text, size))
    passed += scanner.finish()
    if not scanner.hit:
        got = read([])
        got.content = passed
        return got
    got = read(events(plan("auto"), [scanner.held], finish, toolset, scanner.state))
    got.content = passed + got.content
    return got


@pytest.mark.parametrize("dialect", dialect_names())
@settings(FUZZ, max_examples=60)
@given(MIXED, END, st.integers(1, 9))
def test_any_text_splits_alike_and_loses_nothing(dialect, text, end, size):
    whole = joined(events(plan(dialect), [text], end))
    assert joined(events(plan(dialect), pieces(text, size), end)) == whole
    read(whole)
    assert dialect == "decision" or lost(plan(dialect), text, end) == ""


@pytest.mark.parametrize("case", [case for case in CASES if case.dialect != "decision"], ids=str)
def test_nothing_of_a_text_is_lost(case):
    assert lost(case.plan, case.text, case.finish, case.toolset) == ""


CONSUMED = frozenset(
    ("call", "markup", "think", "think_end", "close", "wrapper", "end", "dropped", "draft", "promoted")
)


def lost(plan, text, end, toolset=TOOLSET):
    """What neither came out as text or reasoning nor was taken for something, or what came out and was not there."""
    notes = Notes()
    extraction = Extraction(plan, toolset, notes=notes)
    found = [*extraction.feed(text), *extraction.finish(end)]
    left = list(text)
    for note in notes.all:
        if note.what in CONSUMED:
            left[note.start : note.stop] = [" "] * (note.stop - note.start)
    rest = "".join("".join(left).split())
    out = "".join("".join(event.text for event in found if isinstance(event, TextDelta | ReasoningDelta)).split())
    return "" if rest == out else f"{rest!r} is not {out!r}"


@FUZZ
@given(MIXED, END, st.integers(1, 9))
def test_a_scanner_agrees_with_an_extraction_on_any_text(text, end, size):
    assert scanned(text, size, end) == read(events(plan("auto"), [text], end))


@FUZZ
@given(st.text(alphabet=st.characters(exclude_characters="<`~{=[>:|/(助", exclude_categories=["Cs"])))
def test_text_without_a_marker_is_the_content(text):
    assert scanned(text, 3, "stop").content == text
    for dialect in dialect_names():
        if dialect != "decision":
            assert read(events(plan(dialect), [text], "stop")).content == text


STRINGS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12),
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


@pytest.mark.parametrize("dialect", dialect_names())
@settings(FUZZ, max_examples=40)
@given(st.lists(st.dictionaries(STRINGS, VALUES, max_size=3), min_size=1, max_size=3), st.integers(1, 9))
def test_calls_that_are_written_are_read_back(dialect, arguments, size):
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
    text = DIALECTS[dialect].render_calls([WrittenCall(*pair) for pair in zip(names, texts, strict=True)])
    got = read(events(plan(dialect), pieces(text, size), "stop", toolset))
    assert got.calls == [list(pair) for pair in zip(names, arguments, strict=True)]
    dropped = [drop for drop in got.drops if drop.kind != "markup" and not drop.raw.isspace()]
    assert (got.content, got.reasoning, dropped, got.unfinished) == ("", "", [], 0)


PARTICULAR: tuple[JsonObject, ...] = (
    {"rows": ["a", ["b", "c"]], "more": {"k": "v", "l": ["x"]}},
    {"text": "one\n\nthree", "other": " \nx\n ", "third": "a: b\n- c"},
    {"text": "x\n \ny"},
    {"k" * 130: "a"},
    {"text": "</parameter></invoke></function></tool_call>"},
    {"none": None, "yes": True, "big": 2**70, "small": 1e-7, "empty": {}, "list": []},
)


@pytest.mark.parametrize("dialect", dialect_names())
@pytest.mark.parametrize("arguments", PARTICULAR, ids=range(len(PARTICULAR)))
def test_particular_calls_are_written_and_read_back(dialect, arguments):
    properties = {key: schema_of(item) for key, item in arguments.items()}
    toolset = Toolset.compile((ToolDefinition("tool", "", {"type": "object", "properties": properties}),))
    text = DIALECTS[dialect].render_calls([WrittenCall("tool", json.dumps(arguments, ensure_ascii=False))])
    assert read(events(plan(dialect), [text], "stop", toolset)).calls == [["tool", arguments]]


def test_a_scanner_passes_text_without_a_marker_whole():
    text = "A list:\n- `code` with a < b\n- ~~gone~~ to = 5\n\n```py\nx = '<a>'\n```\n \n"
    for size in (1, 2, 5, 1000):
        scanner = MarkerScanner()
        assert "".join(scanner.feed(part) for part in pieces(text, size)) + scanner.finish() == text
        assert not scanner.hit
        assert scanner.held == ""


def test_scanner_state_describes_the_place_of_the_marker():
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


@pytest.mark.parametrize(
    ("text", "shown"), [("Hi <tool_c", "Hi"), ("Hi [TOOL_", "Hi"), ("a <", "a <"), ("a [1", "a [1")]
)
def test_scanner_hides_a_marker_that_a_stop_string_has_cut(text, shown):
    for size in (1, 100):
        scanner = MarkerScanner()
        passed = "".join(scanner.feed(part) for part in pieces(text, size)) + scanner.finish(stopped=True)
        assert passed.rstrip() == shown
