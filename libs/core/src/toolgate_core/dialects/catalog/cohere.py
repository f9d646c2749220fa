"""`cohere`: an array of envelopes between tokens; text and reasoning have tokens, too.

```
<|START_THINKING|>…<|END_THINKING|><|START_ACTION|>[
    {"tool_call_id": "0", "tool_name": "F", "parameters": {…}}
]<|END_ACTION|>
```
Source: the chat templates of Command R7B and Command A.
vLLM reads it with `--tool-call-parser cohere_command3` or `cohere_command4`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, NamedGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import escape_lt, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(
    tokens=("<|START_ACTION|>",),
    close_tokens=("<|END_ACTION|>",),
    special=True,
    name_keys=("tool_name", "name"),
    argument_keys=("parameters", "arguments"),
    id_keys=("tool_call_id", "id"),
)
EMPTY = NamedGrammar(
    tokens=("<|START_ACTION|>",),
    close_tokens=("<|END_ACTION|>",),
    special=True,
    call="(?!)",
    close=r"<\|END_ACTION\|>",
    empty=r"<\|START_ACTION\|>\s{0,16}(?:\[[^<{]{0,900})?<\|END_ACTION\|>",
)
"""A block without anything that could be a call: it is not an answer, either."""


INTRO = "## Available Tools\nHere is the list of tools that you have available to you, as JSON:\n"
FORM = "When you need tools, write your calls as a JSON list between <|START_ACTION|> and <|END_ACTION|>:"
NOTE = (
    "All calls stand in one list. The ids are numbers that count the calls of the conversation, from 0. "
    "Results come back between <|START_TOOL_RESULT|> and <|END_TOOL_RESULT|>, under these ids."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array in a code fence, a line for each."""
    lines = ",\n".join(f"    {prompt.definition_json(tool)}" for tool in tools)
    return f"```json\n[\n{lines}\n]\n```"


def _call(call: WrittenCall) -> str:
    return (
        f'    {{"tool_call_id": "{call.index}", "tool_name": {encode_str(call.name)}, '
        f'"parameters": {escape_lt(call.arguments)}}}'
    )


def call_id(call: WrittenCall) -> str:
    """Return the call's number in the conversation."""
    return str(call.index)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array."""
    items = ",\n".join(map(_call, calls))
    return f"<|START_ACTION|>[\n{items}\n]<|END_ACTION|>"


def render_result(_name: str, call_id: str, content: str) -> str:
    """Return a result as JSON, with markup in it escaped."""
    body = f'{{"tool_call_id": {encode_str(call_id)}, "results": {{"0": {encode_str(content)}}}, "is_error": null}}'
    return f"<|START_TOOL_RESULT|>[\n    {escape_markup(escape_lt(body))}\n]<|END_TOOL_RESULT|>"


COHERE = Dialect(
    name="cohere",
    models="Command R7B, Command A, Command A Reasoning and later",
    grammars=(GRAMMAR, EMPTY),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=render_result,
        call_id=call_id,
    ),
    reasoning=(Reasoning(open="<|START_THINKING|>", close="<|END_THINKING|>", special=True, auto=True),),
    wrappers=("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
    ends=("<|END_OF_TURN_TOKEN|>",),
    aliases=("cohere_command3", "cohere_command4", "command_r", "command_a"),
)
