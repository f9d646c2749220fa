"""Strings with unescaped quotes are read whole or not at all, and never cut."""

import ast
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition

from tests.core.dialects.reading import events, joined, pieces, plan, read

PROPERTIES: JsonObject = {"cmd": {"type": "string"}, "dir": {"type": "string"}, "argv": {"type": "array"}}
TOOLSET = Toolset.compile((ToolDefinition("run", "", {"type": "object", "properties": PROPERTIES}),))
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
MARKS = st.sampled_from([*"QQQQxy ,()[]{}-.;|1", "Qx", "xQ", "(Q", "Q)", "Q}", ", Q", "Q, ", " Q", "Q "])
TEXTS = st.lists(MARKS, min_size=1, max_size=12).map("".join).filter(lambda text: not text.startswith("QQ"))
CALL = '{{"name": "run", "arguments": {}}}'
JSON_FORMS = {
    "hermes": "<tool_call>{call}</tool_call>",
    "mistral": "[TOOL_CALLS] [{call}]",
    "kimi_k2": "<|tool_calls_section_begin|><|tool_call_begin|>functions.run:0<|tool_call_argument_begin|>{arguments}"
    "<|tool_call_end|><|tool_calls_section_end|>",
    "deepseek_v31": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>run<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜>"
    "<｜tool▁calls▁end｜>",
    "functionary31": "<function=run>{arguments}</function>",
    "harmony": "<|channel|>commentary to=functions.run <|constrain|>json<|message|>{arguments}<|call|>",
    "qwen3_coder": "<tool_call>{call}</tool_call>",
    "cohere": "<|START_ACTION|>[{call}]<|END_ACTION|>",
    "llama3_json": "<|python_tag|>{call}",
}
SHAPES = ('{{"cmd": "{}", "dir": "/srv"}}', '{{"dir": "/srv", "cmd": "{}"}}', '{{"cmd": "{}"}}')
PYTHON_SHAPES = ("cmd='{}'", "cmd='{}', dir='/srv'", "dir='/srv', cmd='{}'")
PYTHON_FORMS = {
    "lfm2": "<|tool_call_start|>[run({})]<|tool_call_end|>",
    "olmo3": "<function_calls>run({})</function_calls>",
    "llama4_pythonic": "<|python_start|>[run({})]<|python_end|>",
    "pythonic": "[run({})]",
}


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def calls(dialect, text, size):
    whole = joined(events(plan(dialect), [text], "stop", TOOLSET))
    assert joined(events(plan(dialect), pieces(text, size), "stop", TOOLSET)) == whole
    return read(whole).calls


@pytest.mark.parametrize("dialect", JSON_FORMS)
@FUZZ
@given(TEXTS, st.sampled_from(SHAPES), st.integers(1, 9))
@example("close it with Q}Q please", SHAPES[2], 1)
@example("end with Q}}Q please", SHAPES[2], 7)
@example("cut -dQ,Q -f2 data.csv", SHAPES[0], 1)
@example("say QyesQ, then go", SHAPES[1], 2)
@example("xQ}}{Q", SHAPES[0], 1)
def test_a_json_string_with_bare_quotes_is_read_whole_or_not_at_all(dialect, said, shape, size):
    said = said.replace("Q", '"')
    arguments = shape.format(said)
    wanted = {**({"dir": "/srv"} if "dir" in shape else {}), "cmd": said}
    text = JSON_FORMS[dialect].format(arguments=arguments, call=CALL.format(arguments))
    for _, got in calls(dialect, text, size):
        assert got == wanted or is_json(arguments)


@pytest.mark.parametrize("dialect", PYTHON_FORMS)
@FUZZ
@given(TEXTS, st.sampled_from(PYTHON_SHAPES), st.integers(1, 9))
@example("a(QbQ) then c", PYTHON_SHAPES[1], 1)
@example("echo f(x=Q1Q) done", PYTHON_SHAPES[0], 7)
@example('node -e "p(q(2, sep=Q-Q))"', PYTHON_SHAPES[0], 1)
@example("cut -dQ,Q -f2 data.csv", PYTHON_SHAPES[1], 2)
@example("f(QxQ), g(QyQ)", PYTHON_SHAPES[0], 1)
def test_a_python_string_with_bare_quotes_is_read_whole_or_not_at_all(dialect, said, shape, size):
    said = said.replace("Q", "'")
    arguments = shape.format(said)
    wanted = {"cmd": said} | ({"dir": "/srv"} if "dir" in shape else {})
    for _, got in calls(dialect, PYTHON_FORMS[dialect].format(arguments), size):
        assert got == wanted or is_python(f"[run({arguments})]")


CODE = (
    "a('b') then c", "echo f(x='1') done", "cut -d',' -f2 data.csv", "cut -d' ' -f2 x", "awk -F',' '{print $1}' x.csv",
    "f('x'), g('y')", "echo 'a', b=1", "x[f('a')] b", "print({'a': 'b'})", "['a']",
    "say 'yes', then go", "tr ' ' '_'", "sort -t':' -k2", "echo ')'", "echo ')]'", "x = ''", "', '.join(y)",
    "a.split(' ')", "if (x) { return 'a'} else { return 'b'}", "close it with '}' please", "see '#1' ok", "5' by 6'",
)  # fmt: skip
PYTHON_CODE = ("it's", "the dogs' bowl", "print({'a': 'b', 'c': ['d']})", "print('a', sep='-')")


@pytest.mark.parametrize("code", CODE)
@pytest.mark.parametrize("dialect", JSON_FORMS)
def test_code_in_a_json_string_with_bare_quotes_is_read(dialect, code):
    said = code.replace("'", '"')
    for size in (1, 7, 1000):
        for shape in SHAPES:
            arguments = shape.format(said)
            text = JSON_FORMS[dialect].format(arguments=arguments, call=CALL.format(arguments))
            assert [got["cmd"] for _, got in calls(dialect, text, size)] == [said], shape


@pytest.mark.parametrize("code", [*CODE, *PYTHON_CODE])
@pytest.mark.parametrize("dialect", PYTHON_FORMS)
def test_code_in_a_python_string_with_bare_quotes_is_read(dialect, code):
    for size in (1, 7, 1000):
        for form in PYTHON_SHAPES:
            text = PYTHON_FORMS[dialect].format(form.format(code))
            assert [got["cmd"] for _, got in calls(dialect, text, size)] == [code], form


TWO_READINGS = ("say 'yes', dir='no", "print('a', dir='b')", "a[b')] c", "rock 'n roll")


@pytest.mark.parametrize("code", TWO_READINGS)
@pytest.mark.parametrize("dialect", PYTHON_FORMS)
def test_a_python_string_that_may_end_in_two_places_is_not_read(dialect, code):
    assert calls(dialect, PYTHON_FORMS[dialect].format(f"cmd='{code}', dir='/srv'"), 1) == []


def test_strings_without_names_are_the_required_arguments():
    schema: JsonObject = {"type": "object", "properties": PROPERTIES, "required": ["cmd", "dir"]}
    toolset = Toolset.compile((ToolDefinition("run", "", schema),))
    got = read(events(plan("pythonic"), pieces("[run('a('b')', '/srv')]", 1), "stop", toolset))
    assert got.calls == [["run", {"cmd": "a('b')", "dir": "/srv"}]]
