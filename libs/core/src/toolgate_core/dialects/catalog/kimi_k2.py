"""`kimi_k2`: the id as header, which holds the name and counts the calls of the conversation.

```
<|tool_calls_section_begin|><|tool_call_begin|>functions.F:0<|tool_call_argument_begin|>{…}<|tool_call_end|>
<|tool_calls_section_end|>
```
Text between the opener of the section and the first call is dropped. vLLM reads it with
`--tool-call-parser kimi_k2`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import escape_lt, openai_definition, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = NamedGrammar(
    tokens=("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", "<|tool_call_begin|>"),
    close_tokens=("<|tool_calls_section_end|>", "<|tool_call_section_end|>", "<|tool_call_end|>"),
    special=True,
    after="drop",
    call=r"(?:<\|tool_calls?_section_begin\|>(?:[^<]|<(?!\|)){0,512})?<\|tool_call_begin\|>\s{0,16}"
    r"(?P<id>(?:functions\.)?(?P<name>[^\s<>{}:]{1,256})(?::\d{1,6})?)\s{0,16}"
    r"<\|tool(?:_call)?_arguments?_begin\|>",
    close=r"<\|tool_call_end\|>",
    numbered=True,
    empty=r"<\|tool_calls?_section_begin\|>\s{0,64}<\|tool_calls?_section_end\|>",
)


NOTE = (
    "One section holds all calls. The number behind a tool's name counts the calls of the conversation, from 0. "
    "Results come back under '## Return of ' and this id."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array."""
    return "[" + ",".join(map(openai_definition, tools)) + "]"


def _call(call: WrittenCall) -> str:
    return f"<|tool_call_begin|>{call_id(call)}<|tool_call_argument_begin|>{escape_lt(call.arguments)}<|tool_call_end|>"


def call_id(call: WrittenCall) -> str:
    """Return the id of a call, by which the model counts."""
    return f"functions.{call.name}:{call.index}"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls."""
    return f"<|tool_calls_section_begin|>{''.join(map(_call, calls))}<|tool_calls_section_end|>"


def render_result(_name: str, call_id: str, content: str) -> str:
    """Return a result under a heading with the call's id."""
    return f"## Return of {escape_markup(' '.join(call_id.split()))}\n{escape_markup(content)}"


KIMI_K2 = Dialect(
    name="kimi_k2",
    models="Kimi K2, K2 Thinking, K2.5 and later",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls, intro="# Tools\n", definitions=definitions, note=NOTE, result=render_result, call_id=call_id
    ),
    ends=("<|im_end|>",),
    aliases=("kimi",),
)
