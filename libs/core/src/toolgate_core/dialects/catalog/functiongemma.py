"""`functiongemma`: Gemma 4's form with other tokens.

```
<start_function_call>call:F{k:<escape>text<escape>,n:3}<end_function_call>
```
vLLM reads it with `--tool-call-parser functiongemma`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import BraceGrammar, Dialect, WrittenCall
from toolgate_core.dialects.catalog.gemma4 import TOOL_CODE, arguments, braces, declaration
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import standard_writer
from toolgate_core.types.requests import ToolDefinition

QUOTE = "<escape>"
GRAMMAR = BraceGrammar(
    tokens=("<start_function_call>", "<start_function_response>"),
    close_tokens=("<end_function_call>",),
    special=True,
    call=r"<start_function_(?:call|response)>\s{0,8}call:\s{0,8}(?P<name>[A-Za-z_][\w.\-]{0,255})(?=[\s{(<])\s{0,8}",
    close=r"<end_function_call>",
    another=r"(?:[,;]\s{0,8})?call:\s{0,8}(?P<name>[A-Za-z_][\w.\-]{0,255})(?=[{(])",
    quote=QUOTE,
)


INTRO = "You are a model that can do function calling with the following functions"
NOTE = (
    f"Keys stand without quotes, strings stand between {QUOTE} without escapes, everything else as in JSON. "
    "For several calls, write them one behind the other. "
    "Results come back in <start_function_response> blocks with the function's name."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one block each."""
    return "".join(
        f"<start_function_declaration>{declaration(tool, QUOTE)}<end_function_declaration>" for tool in tools
    )


def _call(call: WrittenCall) -> str:
    return f"<start_function_call>call:{call.name}{arguments(call, QUOTE)}<end_function_call>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "".join(map(_call, calls))


def render_result(name: str, _call_id: str, content: str) -> str:
    """Return a result under the function's name."""
    body = braces({"value": escape_markup(content)}, QUOTE)
    return f"<start_function_response>response:{escape_markup(name)}{body}<end_function_response>"


FUNCTIONGEMMA = Dialect(
    name="functiongemma",
    models="FunctionGemma",
    grammars=(GRAMMAR, TOOL_CODE),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definitions, note=NOTE, result=render_result),
    ends=("<end_of_turn>", "<start_function_response>", "<eos>"),
)
