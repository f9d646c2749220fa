"""Hostile and huge texts end bounded, and a text's halves come together again."""

import pytest
from msgspec.structs import replace
from toolgate_core.extraction import Extraction, MarkerScanner
from toolgate_core.events import CallEnd, Drop, TextDelta
from toolgate_core.plan import Plan
from toolgate_core.vocabulary import Strategy

from tests.core.dialects.reading import START, TOOLSET, Read, events, joined, pieces, plan, read

MEBIBYTE = 1 << 20
LONG = "x" * (MEBIBYTE + 10)
HUGE = "y" * (MEBIBYTE + 70_000)
PING = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'


def of(dialect: str, text: str, finish: str = "stop", size: int = 65_536) -> Read:
    return read(events(plan(dialect), pieces(text, size), finish))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("function_calls", f'<invoke name="save"><parameter name="html">{LONG}</parameter></invoke>ok'),
        ("function_calls", f'<invoke name="get_weather"><parameter name="opt">{LONG}</parameter></invoke>ok'),
        ("function_calls", f'<invoke name="save">{{"html": "{LONG}"}}</invoke>ok'),
        ("hermes", f'<tool_call>{{"name": "save", "arguments": {{"html": "{LONG}"}}}}</tool_call>ok'),
        ("hermes", f'<tool_call>{{"name": "save", "arguments": "{HUGE}"}}</tool_call>ok'),
        ("hermes", f'<tool_call>{{"name": "save", "x": "{HUGE}"}}</tool_call>ok'),
        ("harmony", f'<|channel|>commentary to=functions.save<|message|>{{"html": "{LONG}"}}<|call|>ok'),
    ],
)
def test_arguments_beyond_a_mebibyte_are_no_call(dialect, text):
    got = of(dialect, text)
    assert (got.calls, got.unfinished, got.repairs, got.content) == ([], 1, ["too_large"], "ok")


def test_arguments_without_a_name_are_bounded_too():
    got = of("hermes", f'<tool_call>{{"arguments": {{"html": "{LONG}"}}, "name": "save"}}</tool_call>ok')
    assert (got.calls, got.content, [drop.kind for drop in got.drops]) == ([], "ok", ["too_large"])


def test_a_decision_is_bounded():
    got = of("decision", f'{{"action": "call", "calls": [{{"name": "save", "arguments": {{"html": "{LONG}"}}}}]}}')
    assert (got.calls, got.unfinished, got.repairs) == ([], 1, ["too_large"])


def test_mended_arguments_are_bounded():
    got = of("hermes", f"<tool_call>{{'name': 'save', 'arguments': {{'html': '{LONG}'}}}}</tool_call>")
    assert (got.calls, got.unfinished) == ([], 1)


def test_a_broken_body_that_never_ends_is_given_up():
    got = of("hermes", "<tool_call>{'name': 'save', 'arguments': '" + HUGE + HUGE)
    assert (got.calls, [drop.kind for drop in got.drops if drop.kind != "prose"]) == ([], ["bad_json"])


def test_the_129th_call_is_dropped():
    got = of("hermes", PING * 130)
    assert len(got.calls) == 128
    assert got.drops == [Drop("too_many_calls", "ping")] * 2


def test_calls_of_a_thought_are_bounded():
    call = '<tool_call>{"name": "save", "arguments": {"html": "' + "z" * 1_000_000 + '"}}</tool_call>'
    got = of("hermes", f"<think>{call * 3}</think>")
    assert len(got.calls) == 2
    assert [drop.kind for drop in got.drops] == ["markup"]


def test_a_long_block_that_is_no_call_is_text_at_once():
    text = f'<invoke name="nope"><parameter name="a">{"b" * 5000}'
    assert of("function_calls", text).content == text


@pytest.mark.parametrize("deep", ['{"a":' * 10_000, "[" * 10_000, '{"opt":' * 200 + "1" + "}" * 200])
def test_deep_nesting_is_no_call(deep):
    got = of("hermes", f'<tool_call>{{"name": "get_weather", "arguments": {{"city": "x", "opt": {deep}')
    assert (got.calls, got.unfinished) == ([], 1)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_" * 5000, "<tool_call>{" * 3000, '<invoke name="save">' * 3000, '<invoke name="nope">' * 3000, "` <tool_call>" * 3000,
        '<tool_call>{"' + "<tool_call>{" * 3000, "```\n" * 3000, "<think>" * 3000, "</think>" * 3000, "{" * 5000, " " * 9000,
        '<invoke name="save"><parameter name="html">' + "\n" * 9000, '<invoke name="save"><parameter name="html">' + " " * 9000,
        '<invoke name="save"><parameter name="html">a' + " " * 9000 + "</parameter>", "<|channel|>" * 2000, " to=functions." * 2000,
        '<tool_call>{"name": "get_weather", "arguments": {"days": ' + "1" * 9000, "]" * 3000, "~" * 3000, '{"action": ' * 2000,
        "<invoke " + "a" * 9000, '<tool_call>{"' + "k" * 9000, "<tool_call" + " " * 9000,
    ],
)  # fmt: skip
def test_hostile_text_is_read_like_any_other(text):
    for dialect in ("hermes", "decision"):
        assert joined(events(plan(dialect), pieces(text, 997), "stop")) == joined(events(plan(dialect), [text], "stop"))


def test_halves_of_a_pair_come_together_and_lone_ones_are_replaced():
    extraction = Extraction(plan("hermes"), TOOLSET)
    assert extraction.feed("x\ud83d") == [TextDelta("x")]
    assert extraction.feed("\ude00b") == [TextDelta("😀b")]
    assert extraction.feed("\ude00c\ud83d") == [TextDelta("\ufffdc")]
    assert extraction.feed("é\ud83d") == [TextDelta("\ufffdé")]
    assert extraction.feed("d") == [TextDelta("\ufffdd")]
    assert extraction.feed("\ud83d") == []
    assert extraction.finish("stop") == [TextDelta("\ufffd")]


def test_an_unknown_dialect_is_an_error():
    with pytest.raises(ValueError, match="unknown dialect: x"):
        Extraction(plan("x"), TOOLSET)


def test_text_that_is_only_text_has_no_calls():
    text = Plan(strategy=Strategy.TWO_PASS, form="text")
    got = read(events(text, [f"<think>a</think>{PING}"], "stop"))
    assert (got.calls, got.reasoning, got.content) == ([], "a", PING)


def test_an_extraction_goes_on_in_the_middle_of_a_fence():
    state = type(START)(fence="```", line="", started=True)
    assert read(events(plan("auto"), [PING + "\n```\n" + PING], "stop", state=state)).calls == [["ping", {}]]


def test_names_are_mapped_back_to_the_declared_ones():
    mapped = Plan(strategy=Strategy.BRIDGE, form="dialect", dialect="hermes", names={"p1": "ping"})
    assert read(events(mapped, [PING.replace("ping", "p1")], "stop")).calls == [["ping", {}]]


def test_an_unbalanced_tick_reaches_no_further_than_a_kilobyte():
    text = "a ` b <tool_call> " + "c" * 2000
    assert of("hermes", text, size=300).content == text
    assert of("hermes", text + "`", size=300).content == text + "`"
    arguments = '{"name": "save", "arguments": {"html": "' + "c" * 2000 + '"}}'
    assert len(of("hermes", f"a ` b <tool_call>{arguments}</tool_call>", size=300).calls) == 1


def test_an_unknown_tool_is_held_in_any_pieces():
    text = '<tool_call>{"name": "nope", "arguments": {"a": "' + "b" * 3000 + '"}}</tool_call>'
    assert of("hermes", text, size=1).calls == [["nope", {"a": "b" * 3000}]]


def test_a_line_is_followed_by_its_first_characters_only():
    scanner = MarkerScanner()
    for _ in range(10):
        assert scanner.feed("word" * 10 + ",") == "word" * 10 + ","
    assert scanner.state == replace(START, line=(("word" * 10 + ",") * 10)[:256], started=True)


def test_an_unfinished_call_says_so():
    found = events(plan("hermes"), ['<tool_call>{"name": "ping", "arguments": {'], "length")
    assert found[-1] == CallEnd(0, complete=False, repairs=("cut",))
