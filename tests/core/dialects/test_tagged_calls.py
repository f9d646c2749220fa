"""Calls with tags of the same form in values, and calls with other text between their arguments."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.dialects.table import ENCLOSING_TAGS
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition
from toolgate_core.types.vocabulary import TextEnd

from tests.core.dialects.reading import Read, events, pieces, plan, read

STRING: JsonValue = {"type": "string"}
KEYS = ("title", "body", "lang")
TOOLS = Toolset.compile(
    (
        ToolDefinition("put_doc", "", {"type": "object", "properties": dict.fromkeys(KEYS, STRING)}),
        ToolDefinition("set_steps", "", {"type": "object", "properties": {"steps": {"type": "array"}}}),
        ToolDefinition("ping", "", {"type": "object", "properties": {}}),
    )
)

# Per dialect: what opens a call to NAME, one argument, what closes the call.
FORMS = {
    "function_calls": (
        '<function_calls>\n<invoke name="NAME">\n', '<parameter name="KEY">VALUE</parameter>', "\n</invoke>\n</function_calls>",
    ),
    "minimax_m2": (
        '<minimax:tool_call>\n<invoke name="NAME">', '<parameter name="KEY">VALUE</parameter>', "</invoke>\n</minimax:tool_call>",
    ),
    "qwen3_coder": ("<tool_call>\n<function=NAME>\n", "<parameter=KEY>VALUE</parameter>", "\n</function>\n</tool_call>"),
    "mimo": ("<tool_call><function=NAME>", "<parameter=KEY>VALUE</parameter>", "</function></tool_call>"),
    "seed_oss": ("<seed:tool_call><function=NAME>", "<parameter=KEY>VALUE</parameter>", "</function></seed:tool_call>"),
    "glm": ("<tool_call>NAME\n", "<arg_key>KEY</arg_key>\n<arg_value>VALUE</arg_value>", "\n</tool_call>"),
    "hy_v3": (
        "<tool_calls><tool_call>NAME<tool_sep>", "<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>", "</tool_call></tool_calls>",
    ),
    "minicpm5": ('<function name="NAME">', '<param name="KEY">VALUE</param>', "</function>"),
    "step3": (
        '<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="NAME">',
        '<steptml:parameter name="KEY">VALUE</steptml:parameter>',
        "</steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>",
    ),
    "solar_open2": (
        "<|tool_call:start|>NAME\n", "<|tool_arg:start|>KEY<|tool_arg:value|>VALUE<|tool_arg:end|>", "<|tool_call:end|>",
    ),
    "dsml": (
        '<｜DSML｜tool_calls><｜DSML｜invoke name="NAME">',
        '<｜DSML｜parameter name="KEY" string="true">VALUE</｜DSML｜parameter>',
        "</｜DSML｜invoke></｜DSML｜tool_calls>",
    ),
    "muse": (
        '<atem:function_calls><atem:invoke name="NAME">',
        '<atem:parameter name="KEY">VALUE</atem:parameter>',
        "</atem:invoke></atem:function_calls>",
    ),
    "kimi_k3": (
        '<|open|>tools<|sep|><|open|>call tool="NAME" index="1"<|sep|>',
        '<|open|>argument key="KEY" type="string"<|sep|>VALUE<|close|>argument<|sep|>',
        "<|close|>call<|sep|><|close|>tools<|sep|>",
    ),
    "morph_xml": ("<NAME>\n", "<KEY>VALUE</KEY>", "\n</NAME>"),
    "minimax_m3": (
        ']<]minimax[>[<tool_call>]<]minimax[>[<invoke name="NAME">',
        "]<]minimax[>[<KEY>VALUE]<]minimax[>[</KEY>",
        "]<]minimax[>[</invoke>]<]minimax[>[</tool_call>",
    ),
}  # fmt: skip
TAGGED = tuple(form for form in FORMS if form != "minimax_m3")
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SIZES = st.sampled_from((1, 2, 7, 1000))
WORDS = st.sampled_from(("use", "the tag", "a < b", "x", "é\n", "line\nline"))


def argument(form: str, key: str, value: str) -> str:
    return FORMS[form][1].replace("KEY", key).replace("VALUE", value)


def call(form: str, arguments: list[str], name: str = "put_doc", between: str = "") -> str:
    before, _, after = FORMS[form]
    return before.replace("NAME", name) + between.join(arguments) + after.replace("NAME", name)


def opener(form: str, key: str) -> str:
    return argument(form, key, "\0").split("\0")[0]


def closer(form: str, key: str) -> str:
    return argument(form, key, "\0").split("\0")[1]


def got(form: str, text: str, size: int = 1000, end: TextEnd = "stop") -> Read:
    return read(events(plan(form), pieces(text, size), end, TOOLS))


@st.composite
def inner(draw: st.DrawFn, form: str) -> str:
    """A text with whole elements in it, named after the call's own arguments, that begins and ends with words."""
    parts = [draw(WORDS)]
    for _ in range(draw(st.integers(1, 3))):
        parts += [argument(form, draw(st.sampled_from(KEYS)), draw(WORDS).strip()), " ", draw(WORDS)]
    return "".join(parts).strip()


@pytest.mark.parametrize("form", TAGGED)
@SLOW
@given(st.data(), SIZES, st.booleans())
def test_whole_elements_inside_a_value_are_its_text(form: str, data: st.DataObject, size: int, last: bool) -> None:
    value = data.draw(inner(form))
    arguments = {"title": "t", "body": value} if last else {"body": value, "title": "t", "lang": "en"}
    text = call(form, [argument(form, key, text) for key, text in arguments.items()])
    assert got(form, text, size).calls == [["put_doc", arguments]]


@pytest.mark.parametrize("form", TAGGED)
@pytest.mark.parametrize("later", [["lang"], ["title", "lang"]])
def test_an_open_tag_whose_argument_comes_after_the_value_is_text(form: str, later: list[str]) -> None:
    value = f"use {opener(form, 'lang')} here"
    arguments = {"body": value, **dict.fromkeys(later, "v")}
    text = call(form, [argument(form, key, text) for key, text in arguments.items()])
    for size in (1, 7, 1000):
        assert got(form, text, size).calls == [["put_doc", arguments]]


@pytest.mark.parametrize("form", TAGGED)
def test_a_sibling_after_a_value_that_is_not_closed_is_an_argument(form: str) -> None:
    parts = [opener(form, "body") + "text", argument(form, "title", "t"), argument(form, "lang", "en")]
    for count in (1, 2, 3):
        wanted = dict([("body", "text"), ("title", "t"), ("lang", "en")][:count])
        for size in (1, 7, 1000):
            read_back = got(form, call(form, parts[:count]), size)
            assert read_back.calls == [["put_doc", wanted]]
            assert read_back.repairs == ["missing_close"]


@pytest.mark.parametrize("form", TAGGED)
def test_more_closing_tags_than_values_are_strays(form: str) -> None:
    stray = closer(form, "title")
    for arguments in (["t" + stray, "b"], ["t", "b" + stray.replace("title", "body")]):
        text = call(form, [argument(form, key, value) for key, value in zip(KEYS, arguments, strict=False)])
        assert got(form, text).calls == [["put_doc", {"title": "t", "body": "b"}]]


@pytest.mark.parametrize("form", FORMS)
@SLOW
@given(st.sampled_from(("junk", "and then", "<x>1</x>", "\"'", "3")), st.integers(1, 3), SIZES)
def test_a_call_with_unread_text_is_incomplete(form: str, junk: str, place: int, size: int) -> None:
    if form == "morph_xml" and junk.startswith("<"):
        return  # there any element is an argument
    arguments = [argument(form, key, "v") for key in KEYS]
    arguments.insert(place, f"\n{junk}\n")
    read_back = got(form, call(form, arguments), size)
    assert read_back.calls == []
    assert read_back.unfinished == 1
    assert "lost_text" in read_back.repairs


@pytest.mark.parametrize("form", [form for form in TAGGED if form not in ("dsml", "kimi_k3")])
def test_escaped_json_is_read_as_a_list(form: str) -> None:
    text = call(form, [argument(form, "steps", '[{\\"id\\": 1, \\"do\\": \\"lift\\"}]')], name="set_steps")
    assert got(form, text).calls == [["set_steps", {"steps": [{"id": 1, "do": "lift"}]}]]


@pytest.mark.parametrize("form", [form for form in TAGGED if form != "morph_xml"])
@pytest.mark.parametrize("key", ["properties", "arguments", "data"])
def test_a_single_argument_may_hold_all_of_them_under_any_name(form: str, key: str) -> None:
    text = call(form, [argument(form, key, '{"body": "b", "lang": "en"}')])
    assert got(form, text).calls == [["put_doc", {"body": "b", "lang": "en"}]]
    for other in ('{"body": "b", "other": 1}', "{}" if key == "data" else "[]", "words"):
        assert got(form, call(form, [argument(form, key, other)])).calls[0][1].keys() == {key}
    two = call(form, [argument(form, key, '{"body": "b"}'), argument(form, "lang", "en")])
    assert got(form, two).calls[0][1].keys() == {key, "lang"}


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("solar_open2", "kimi_k3")])
@pytest.mark.parametrize("more", [' kind="main"', " a='>' b", ' x="1" '])
def test_any_element_may_have_attributes(form: str, more: str) -> None:
    text = call(form, [argument(form, key, "v") for key in KEYS])
    for tag in ("title", "arg_value", "parameter", "param", "function_calls", "tool_call", "put_doc"):
        text = text.replace(f"<{tag}>", f"<{tag}{more}>").replace(f"<{tag}=title>", f"<{tag}=title{more}>")
    text = text.replace(' name="title"', f' name="title"{more}').replace(' name="put_doc"', f'{more} name="put_doc"')
    assert got(form, text).calls == [["put_doc", dict.fromkeys(KEYS, "v")]]


@pytest.mark.parametrize("form", TAGGED)
@SLOW
@given(st.data(), SIZES)
def test_written_calls_are_read_back_whatever_tags_they_hold(form: str, data: st.DataObject, size: int) -> None:
    tags = [opener(form, key) for key in KEYS] + [closer(form, key) for key in KEYS] + ["<![CDATA[", "&lt;", "]]>"]
    tags += [FORMS[form][0].replace("NAME", "ping"), FORMS[form][2].replace("NAME", "put_doc"), "words", " ", "\n"]
    texts = st.lists(st.sampled_from(tags), max_size=5).map("".join)
    arguments = {key: data.draw(texts) for key in data.draw(st.permutations(KEYS))}
    text = DIALECTS[form].render_calls([WrittenCall("put_doc", json.dumps(arguments))])
    assert got(form, text, size).calls == [["put_doc", arguments]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ENCLOSING_TAGS)
def test_a_foreign_tag_around_a_call_vanishes_with_it(form: str, name: str) -> None:
    text = f"One.\n<{name}>\n{call(form, [argument(form, 'body', 'b')])}\n</{name}>"
    for size in (1, 7, 1000):
        read_back = got(form, text, size)
        assert (read_back.calls, read_back.content) == ([["put_doc", {"body": "b"}]], "One.")


@pytest.mark.parametrize("name", ENCLOSING_TAGS)
@pytest.mark.parametrize("rest", ["", " wraps calls.", "<b>bold</b>", "<x", "\n\n", "><"])
def test_an_enclosing_tag_without_a_call_is_text(name: str, rest: str) -> None:
    text = f"The <{name}>{rest}"
    for size in (1, 7, 1000):
        assert got("auto", text, size).content == text


def test_beyond_some_doubts_a_siblings_tag_ends_the_value() -> None:
    keys = [f"k{number}" for number in range(30)]
    toolset = Toolset.compile(
        (ToolDefinition("many", "", {"type": "object", "properties": dict.fromkeys(keys, STRING)}),)
    )
    text = f"<function=many>{''.join(f'<parameter={key}>v' for key in keys)}</function>"
    for size in (1, 1000):
        read_back = read(events(plan("qwen3_coder"), pieces(text, size), "stop", toolset))
        assert read_back.calls == [["many", dict.fromkeys(keys, "v")]]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("a</parameter> <![CDATA[<b>]]> &lt; c", "a</parameter> <b> &lt; c".replace("&lt;", "<")),
        ("a </invoke> b", "a </invoke> b"),
        ('a </invoke> <parameter name="x"> b', 'a </invoke> <parameter name="x"> b'),
    ],
)
def test_held_text_is_read_like_any_other_text(value: str, wanted: str) -> None:
    for size in (1, 1000):
        text = call("function_calls", [argument("function_calls", "body", value)])
        assert got("function_calls", text, size).calls == [["put_doc", {"body": wanted}]]


def test_a_closing_tag_of_the_call_inside_a_value_hides_no_sibling() -> None:
    text = "<function=put_doc><parameter=body>a </function> b\n<parameter=lang>en</parameter></function>"
    for size in (1, 1000):
        assert got("qwen3_coder", text, size).calls == [["put_doc", {"body": "a </function> b", "lang": "en"}]]


def test_a_section_of_text_that_never_ends_is_not_a_call() -> None:
    text = call("qwen3_coder", [argument("qwen3_coder", "body", "<![CDATA[a]")])
    for size in (1, 1000):
        assert got("qwen3_coder", text, size).calls == []
