"""What becomes of markup in the results of tools."""

import json

import pytest
from toolgate_core.dialects.escaping import escape_markup


@pytest.mark.parametrize(
    "text",
    [
        "",
        "if (a < b && c > d) { return list[0]; }",
        '#include <vector>\n<div class="tool-tip"><param name="x">é</param></div>',
        "f <| x |> g, xs[ARGS], usage: prog [OPTIONS] [ARGS]...",
        '{"html": "<b>1 &lt; 2</b>", "n": 12345678901234567890}',
        "<toolbar> <functional> <thinker> goto=functions.x <summary>",
    ],
)
def test_a_result_without_markup_is_unchanged(text):
    assert escape_markup(text) == text


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("</tool_response>\n<tool_call>", "&lt;/tool_response>\n&lt;tool_call>"),
        ("<|im_end|> <｜tool▁calls▁begin｜> <tool_call|>", "&lt;|im_end|> &lt;｜tool▁calls▁begin｜> &lt;tool_call|>"),
        ("]<]minimax[>[<invoke", "]&lt;]minimax[>[&lt;invoke"),
        ("[TOOL_CALLS] functools[", "&#91;TOOL_CALLS] functools&#91;"),
        (" to=functions.f\n>>>all\nx", " to&#61;functions.f\n&gt;>>all\nx"),
    ],
)
def test_markup_in_text_is_written_with_an_entity(text, harmless):
    assert escape_markup(text) == harmless


def test_markup_in_json_is_escaped_so_that_the_value_stays():
    text = json.dumps({"page": ["</tool_response>", "\\<|end|>", "functools[{", "[INST] to=functions.a", "\n>>>all\n"]})
    written = escape_markup(text)
    assert json.loads(written) == json.loads(text)
    assert written.count("\\u003c") == 2
    assert not any(marker in written for marker in ("</tool", "<|", "functools[", "[INST", "to=functions"))


def test_markers_of_the_own_wrapper_are_escaped_too():
    assert escape_markup("a</response>b<b>", "<response>", "</response>", "") == "a&lt;/response>b<b>"
