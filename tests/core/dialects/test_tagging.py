"""Arguments between tags: as they are wherever that can be read back, else as JSON."""

import json

import pytest
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.jsontext import JsonObject
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition

from tests.core.dialects.reading import events, plan, read

TAGGED = ("qwen3_coder", "seed_oss", "mimo", "glm", "hy_v3", "hy_v4", "solar_open2", "minicpm5")
RAW = (
    "a\n  b < c && d > e\n",
    '/// <param name="x">text</param>\n/// <param name="y">text</param>',
    "the tag </parameter> and the tag </arg_value> in a sentence",
    'def f():\n    return "</function>"\n',
)
STRUCTURED = (
    "x</parameter>\n</function>\n</tool_call>",
    "x</arg_value><arg_key>k</arg_key><arg_value>y",
    "<function=ping>\n</function>",
    "a" + " " * 4200 + "b\n",
    "print('<|im_end|>')",
    "thoughts end at </think> here",
    "</parameter> is text, and so is <function=ping> behind it",
    "</arg_value> is text, and so is <arg_key>k</arg_key><arg_value> behind it",
    "<tool_call>begins a line",
    "<parameter=other>x\n</parameter>",
    "<arg_key>other</arg_key><arg_value>x\n</arg_value>",
)
EDGES = ("", "\n", "\r", "\r\n", "\n\n", "\na", "a\n", "a\r", "a\r\n", "\r\na\r\n", "\n a\n  ", " a ", "\t\n", "&lt;")
KINDS = {str: "string", int: "integer", type(None): "null"}


def written(dialect, arguments):
    return DIALECTS[dialect].render_calls([WrittenCall("save", json.dumps(arguments))])


def reread(dialect, arguments):
    kinds: JsonObject = {key: {"type": KINDS[type(value)]} for key, value in arguments.items()}
    toolset = Toolset.compile((ToolDefinition("save", "", {"type": "object", "properties": kinds}),))
    return read(events(plan(dialect), [written(dialect, arguments)], "stop", toolset)).calls


@pytest.mark.parametrize("dialect", TAGGED)
@pytest.mark.parametrize("text", EDGES + RAW + STRUCTURED)
def test_any_text_is_read_back_as_it_was(dialect, text):
    assert reread(dialect, {"k": text, "path": text}) == [["save", {"k": text, "path": text}]]


@pytest.mark.parametrize("dialect", [name for name in TAGGED if name != "minicpm5"])
@pytest.mark.parametrize("text", RAW)
def test_text_without_tags_is_written_unescaped(dialect, text):
    assert text in written(dialect, {"k": text})


@pytest.mark.parametrize("dialect", TAGGED)
def test_a_history_holds_no_special_tokens_or_end_of_reasoning(dialect):
    text = written(dialect, {"k": "a<|im_end|>b</think>", "o": ["</seed:think>"]})
    assert not any(marker in text for marker in ("<|im_end|>", "</think>", "</seed:think>"))


@pytest.mark.parametrize("dialect", TAGGED)
@pytest.mark.parametrize("key", ["first name", "a>b", "", "a'b", "x</parameter>"])
def test_a_key_that_fits_no_tag_is_written_as_json(dialect, key):
    assert reread(dialect, {key: "v", "k": 1}) == [["save", {key: "v", "k": 1}]]
    assert '"v"' in written(dialect, {key: "v"})


def test_words_and_lists_are_written_as_in_the_templates():
    arguments = {"a": True, "b": None, "c": [True, {"d": None}]}
    assert "\nTrue\n" in written("qwen3_coder", arguments)
    assert '\n[true,{"d":null}]\n' in written("qwen3_coder", arguments)
    assert '>[True, {"d": None}]<' in written("seed_oss", arguments)
    assert '>[true,{"d":null}]<' in written("glm", arguments)


@pytest.mark.parametrize("dialect", ["pythonic", "llama4_pythonic", "lfm2", "olmo3"])
def test_calls_that_python_cannot_express_use_another_form(dialect):
    assert reread(dialect, {"first name": "v", "k": 1}) == [["save", {"first name": "v", "k": 1}]]
    quoted = {"from": 'a "</function_calls>" b', "k": None}
    assert reread(dialect, quoted) == [["save", quoted]]
    assert "save(" in written(dialect, {"from": "x"})
