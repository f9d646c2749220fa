"""`solar_open2`: name, keys and values between tokens.

```
<|tool_call:start|>F
<|tool_arg:start|>K<|tool_arg:value|>V<|tool_arg:end|>
<|tool_call:end|>
```
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, Reasoning, TaggedGrammar, WrittenCall
from toolgate_core.dialects.catalog import hermes
from toolgate_core.dialects.tagging import tagged_arguments
from toolgate_core.dialects.writing import result_between, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = TaggedGrammar(
    tokens=("<|tool_call:start|>",),
    close_tokens=("<|tool_call:end|>", "<|tool_arg:end|>"),
    special=True,
    section=r"<\|tool_call:start\|>(?=\s{0,16}<\|tool_call:end\|>)",
    section_close=r"<\|tool_call:end\|>",
    call=r"<\|tool_call:start\|>\s{0,16}(?P<name>[^\s<>]{1,256})\s{0,16}(?=<\|tool_)",
    call_close=r"<\|tool_call:end\|>",
    parameter=r"<\|tool_arg:start\|>(?P<key>[^<]{1,256})<\|tool_arg:value\|>",
    parameter_close=r"<\|tool_arg:end\|>",
)


INTRO = "## Tools\n- You may invoke one or more tools to assist with the user's query.\n\n### Available Tools"
FORM = "### Tool Call Instruction\n- Each tool call must use this format:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; all other values are JSON. "
    "Results come back between <|tool_response:start|> and <|tool_response:end|>."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions, a line each, between tokens."""
    return "\n".join(f"<|tool:start|>{prompt.definition_json(tool)}<|tool:end|>" for tool in tools)


def _element(key: str, text: str) -> str:
    return f"<|tool_arg:start|>{key}<|tool_arg:value|>{text}<|tool_arg:end|>\n"


def _call(call: WrittenCall) -> str:
    arguments = tagged_arguments(call, GRAMMAR, _element)
    if arguments is None:
        return hermes.render_calls([call])
    return f"<|tool_call:start|>{call.name}\n{arguments}<|tool_call:end|>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call; arguments that the tokens can't say make it an envelope, as `hermes` writes it."""
    return "".join(map(_call, calls))


SOLAR_OPEN2 = Dialect(
    name="solar_open2",
    models="Solar Open 2, Solar Pro 4",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=result_between("<|tool_response:start|>", "<|tool_response:end|>"),
    ),
    reasoning=(Reasoning(open="<|think:start|>", close="<|think:end|>", special=True, auto=True),),
    ends=("<|im:end|>",),
)
