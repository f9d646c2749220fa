"""`longcat`: hermes' envelope, or GLM's elements, in its own tags.

```
<longcat_tool_call>
{"name": "F", "arguments": {…}}
</longcat_tool_call>
<longcat_tool_call>F
<longcat_arg_key>K</longcat_arg_key>
<longcat_arg_value>V</longcat_arg_value>
</longcat_tool_call>
```
vLLM reads it with `--tool-call-parser longcat`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, Reasoning, TaggedGrammar, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import json_call, result_between, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

JSON_FORM = EnvelopeGrammar(tags=("longcat_tool_call",), close_tags=("longcat_tool_call",))
TAGGED_FORM = TaggedGrammar(
    tags=("longcat_tool_call",),
    close_tags=("longcat_tool_call", "longcat_arg_key", "longcat_arg_value"),
    call=r"<longcat_tool_call>\s{0,16}(?P<name>[^\s<>{}\[\]()=,:\"']{1,256})\s{0,16}(?=<longcat_arg_key>|</longcat_tool_call>)",
    call_close=r"</longcat_tool_call>",
    parameter=r"<longcat_arg_key>(?P<key>[^<]{1,256})(?:</longcat_arg_key>)?\s{0,16}<longcat_arg_value>",
    parameter_close=r"</longcat_arg_value>",
    trim="layout",
    bare_name=True,
)


def _definition(tool: ToolDefinition) -> str:
    schema = escape_markup(encode_str(tool.parameters))
    return f"#### Tool name: {tool.name}\n\nDescription: {escape_markup(tool.description)}\n\nInputSchema:\n{schema}"


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions under headings."""
    return "\n\n".join(("### Tool namespace: function", *map(_definition, tools)))


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "".join(f"<longcat_tool_call>\n{json_call(call)}\n</longcat_tool_call>" for call in calls)


LONGCAT = Dialect(
    name="longcat",
    models="LongCat Flash, LongCat 2",
    grammars=(JSON_FORM, TAGGED_FORM),
    writer=standard_writer(
        render_calls,
        intro="## Tools\nYou have access to the following tools:\n",
        definitions=definitions,
        form="**Note**: For each function call, return a JSON object with the function's name and arguments in tags:",
        note="Each of several calls stands in tags of its own. Results come back in <longcat_tool_response> blocks.",
        result=result_between("<longcat_tool_response>\n", "\n</longcat_tool_response>"),
    ),
    reasoning=(Reasoning(open="<longcat_think>", close="</longcat_think>", auto=True),),
    ends=("</longcat_s>",),
)
