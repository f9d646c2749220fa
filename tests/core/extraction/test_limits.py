"""Hostile and huge texts end bounded, and a text's halves come together again."""

import pytest
from msgspec.structs import replace
from toolgate_core.extraction import Extraction, MarkerScanner
from toolgate_core.types.events import CallEnd, Drop, TextDelta
from toolgate_core.types.plan import Plan
from toolgate_core.types.vocabulary import Strategy, TextEnd

from tests.core.dialects.reading import START, TOOLSET, Read, events, joined, pieces, plan, read

MEBIBYTE = 1 << 20
LONG = "x" * (MEBIBYTE + 10)
HUGE = "y" * (MEBIBYTE + 70_000)
MARK = "]<]minimax[>["
PING = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'


def of(dialect: str, text: str, finish: TextEnd = "stop", size: int = 65_536) -> Read:
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
        ("qwen3_coder", f"<function=save>\n<parameter=html>\n{LONG}\n</parameter>\n</function>ok"),
        ("qwen3_coder", f"<function=save>\n<parameter=html>\na</parameter>{LONG}\n</parameter>\n</function>ok"),
        ("glm", f"<tool_call>get_weather<arg_key>opt</arg_key><arg_value>{LONG}</arg_value></tool_call>ok"),
        (
            "dsml",
            f'<｜DSML｜invoke name="save"><｜DSML｜parameter name="html" string="true">{LONG}</｜DSML｜parameter></｜DSML｜invoke>ok',
        ),
        ("mistral", f'[TOOL_CALLS]save[ARGS]{{"html": "{LONG}"}}[/TOOL_CALLS]ok'),
    ],
)
def test_arguments_beyond_a_mebibyte_are_no_call(dialect, text):
    got = of(dialect, text)
    assert (got.calls, got.unfinished, got.repairs, got.content) == ([], 1, ["too_large"], "ok")


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("lfm2", f"<|tool_call_start|>[save(html='{LONG}')]<|tool_call_end|>ok"),
        ("lfm2", f"<|tool_call_start|>[get_weather(opt={'[' * 200}1{']' * 200})]<|tool_call_end|>ok"),
        ("gemma4", f'<|tool_call>call:save{{html:<|"|>{LONG}<|"|>}}<tool_call|>ok'),
        ("gemma4", f"<|tool_call>call:get_weather{{opt:{'[' * 200}1{']' * 200}}}<tool_call|>ok"),
    ],
    ids=range(4),
)
def test_literals_are_bounded_in_size_and_depth(dialect, text):
    got = of(dialect, text)
    assert (got.calls, got.unfinished, got.content) == ([], 1, "ok")


MANY = "a" * 1000


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("gemma4", f'<|tool_call>call:save{{html:<|"|>{LONG}'),
        ("gemma4", "<|tool_call>call:get_weather{tags:[" + f'<|"|>{MANY}<|"|>,' * 1100),
        ("lfm2", "<|tool_call_start|>[get_weather(tags=[" + f"'{MANY}'," * 1100),
        ("qwen3_coder", f"<function=save>\n<parameter=html>\n{LONG}</func"),
    ],
    ids=range(4),
)
def test_an_endless_construct_is_given_up(dialect, text):
    got = of(dialect, text)
    assert (got.calls, got.unfinished, got.content) == ([], 1, "")


@pytest.mark.parametrize("body", [f"{MARK}<html>{LONG}{MARK}</html>", f"{MARK}<a>" * 200])
def test_elements_are_bounded_in_size_and_depth(body):
    got = of("minimax_m3", f'{MARK}<invoke name="save">{body}{MARK}</invoke>')
    assert (got.calls, got.unfinished, got.content) == ([], 1, "")


def test_yaml_is_bounded_in_size_and_depth():
    for text in (
        f"<save>\nhtml: {'a' * 70_000}\n</save>",
        f"<save>\nhtml: {'[' * 40}{']' * 40}\n</save>",
        f"<save>\nhtml: {'[]' * 300}\n</save>",
    ):
        got = of("yaml_xml", text)
        assert (got.calls, got.content) == ([], text)


def test_a_payload_that_is_too_long_is_text():
    text = '{"name": "save", "arguments": {"html": "' + "a" * 20_000 + '"}}'
    assert of("generic", text).content == text


def test_arguments_without_a_name_are_bounded_too():
    got = of("hermes", f'<tool_call>{{"arguments": {{"html": "{LONG}"}}, "name": "save"}}</tool_call>ok')
    assert (got.calls, got.content, [drop.kind for drop in got.drops]) == ([], "ok", ["too_large"])


def test_a_decision_is_bounded():
    got = of("decision", f'{{"action": "call", "calls": [{{"name": "save", "arguments": {{"html": "{LONG}"}}}}]}}')
    assert (got.calls, got.unfinished, got.repairs) == ([], 1, ["too_large"])


def test_repaired_arguments_are_bounded():
    got = of("hermes", f"<tool_call>{{'name': 'save', 'arguments': {{'html': '{LONG}'}}}}</tool_call>")
    assert (got.calls, got.unfinished) == ([], 1)


def test_a_broken_body_that_never_ends_is_given_up():
    got = of("hermes", "<tool_call>{'name': 'save', 'arguments': '" + HUGE + HUGE)
    assert (got.calls, [drop.kind for drop in got.drops if drop.kind != "prose"]) == ([], ["bad_json"])


def test_an_array_may_hold_more_than_a_call_may():
    call = '{"name": "save", "arguments": {"html": "' + "z" * 60_000 + '"}}'
    assert len(of("hermes", f"<tool_call>[{', '.join([call] * 25)}]</tool_call>").calls) == 25


def test_the_129th_call_is_dropped():
    got = of("hermes", PING * 130)
    assert len(got.calls) == 128
    assert got.drops == [Drop("too_many_calls", "ping")] * 2


def test_calls_in_reasoning_are_bounded():
    call = '<tool_call>{"name": "save", "arguments": {"html": "' + "z" * 1_000_000 + '"}}</tool_call>'
    got = of("hermes", f"<think>{call * 3}</think>")
    assert len(got.calls) == 2
    assert [drop.kind for drop in got.drops] == ["markup"]


def test_a_long_block_without_a_call_is_text_at_once():
    text = f'<invoke name="nope"><parameter name="a">{"b" * 5000}'
    assert of("function_calls", text).content == text


@pytest.mark.parametrize("deep", ['{"a":' * 10_000, "[" * 10_000, '{"opt":' * 200 + "1" + "}" * 200])
def test_deep_nesting_is_not_a_call(deep):
    got = of("hermes", f'<tool_call>{{"name": "get_weather", "arguments": {{"city": "x", "opt": {deep}')
    assert (got.calls, got.unfinished) == ([], 1)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_" * 900, "<tool_call>{" * 500, '<invoke name="save">' * 500, '<invoke name="nope">' * 500, "` <tool_call>" * 500,
        '<tool_call>{"' + "<tool_call>{" * 500, "```\n" * 500, "<think>" * 500, "</think>" * 500, "{" * 900, " " * 9000,
        '<invoke name="save"><parameter name="html">' + "\n" * 9000, '<invoke name="save"><parameter name="html">' + " " * 9000,
        '<invoke name="save"><parameter name="html">a' + " " * 9000 + "</parameter>", "<|channel|>" * 500, " to=functions." * 500,
        '<tool_call>{"name": "get_weather", "arguments": {"days": ' + "1" * 9000, "]" * 500, "~" * 500, '{"action": ' * 500,
        "<invoke " + "a" * 9000, '<tool_call>{"' + "k" * 9000, "<tool_call" + " " * 9000,
    ],
)  # fmt: skip
def test_hostile_text_is_read_like_any_other(text):
    for dialect in ("hermes", "decision", "qwen3_coder", "pythonic", "gemma4", "minimax_m3", "yaml_xml", "generic"):
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


def test_an_empty_piece_changes_nothing():
    extraction = Extraction(plan("hermes"), TOOLSET)
    assert extraction.feed("x\ud83d") == [TextDelta("x")]
    assert extraction.feed("") == []
    assert extraction.feed("\ude00") == [TextDelta("😀")]


def test_half_a_pair_after_an_escaped_backslash_is_text():
    text = '<tool_call>{"name":"save","arguments":"{\\"html\\": \\"' + "\\" * 60 + 'ud83dx\\"}"}</tool_call>'
    whole = joined(events(plan("hermes"), [text], "stop"))
    assert all(joined(events(plan("hermes"), [text[:at], text[at:]], "stop")) == whole for at in range(len(text)))


def test_repaired_arguments_beyond_a_mebibyte_are_no_call():
    got = of("mistral", "[TOOL_CALLS]save[ARGS]{'html': '" + "\x01" * 300_000 + "'}[/TOOL_CALLS]ok")
    assert (got.calls, got.unfinished, got.content) == ([], 1, "ok")


def test_elements_that_grow_beyond_a_mebibyte_are_no_call():
    got = of(
        "minimax_m3", f'{MARK}<invoke name="save">{MARK}<html>' + "\x01" * 300_000 + f"{MARK}</html>{MARK}</invoke>"
    )
    assert (got.calls, got.unfinished, got.repairs) == ([], 1, ["too_large"])


def test_an_edge_is_found_in_any_pieces():
    for text in (
        f"<invoke name=\"save\">{{'html': 'x'}} <invoke name=\"{'a' * 90}\">{{}}</invoke>",
        "<invoke name=\"save\">{'html': 'x'</invoke" + " " * 12 + ">ok",
        '{"name": "save", "parameters": {"html": \'x\'}}\n' + " " * 100 + "\nmore",
    ):
        for dialect in ("function_calls", "llama3_json"):
            whole = joined(events(plan(dialect), [text], "stop"))
            assert joined(events(plan(dialect), list(text), "stop")) == whole


def test_many_lines_that_are_no_payload_hide_no_later_one():
    lines = "".join(f'{{"name": "Bob {line}", "id": 1}}\n' for line in range(300))
    assert of("generic", lines + '{"name": "ping", "arguments": {}}').calls == [["ping", {}]]


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


def test_an_unfinished_call_is_marked_incomplete():
    found = events(plan("hermes"), ['<tool_call>{"name": "ping", "arguments": {'], "length")
    assert found[-1] == CallEnd(0, complete=False, repairs=("cut",))
