"""`nemotron_v2`: an array of envelopes in `<TOOLCALL>`.

```
<TOOLCALL>[{"name": "F", "arguments": {…}}]</TOOLCALL>
```
The name may be in front of the object instead, as llama.cpp documents.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, NamedGrammar, WrittenCall
from toolgate_core.dialects.writing import definition_list, json_call_list, result_as_json, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(tags=("TOOLCALL",), close_tags=("TOOLCALL",))
NAMED = NamedGrammar(
    tags=("TOOLCALL",),
    call=r"<TOOLCALL>\s{0,16}(?P<name>[^\s<>{}\[\]\"']{1,256})\s{0,16}(?=\{)",
    close=r"</TOOLCALL>",
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one array."""
    return f"<AVAILABLE_TOOLS>{definition_list(tools)}</AVAILABLE_TOOLS>"


def render_result(_name: str, _call_id: str, content: str) -> str:
    """Return a result as the only item of an array."""
    return f"<TOOL_RESPONSE>[{result_as_json(content)}]</TOOL_RESPONSE>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array."""
    return f"<TOOLCALL>{json_call_list(calls)}</TOOLCALL>"


NEMOTRON_V2 = Dialect(
    name="nemotron_v2",
    models="Nemotron Nano 9B v2, Nemotron-H",
    grammars=(GRAMMAR, NAMED),
    writer=standard_writer(
        render_calls,
        intro="You can use the following tools to assist the user if required:",
        definitions=definitions,
        form="If you decide to call any tools, use the following format:",
        note="Results come back in <TOOL_RESPONSE> blocks.",
        result=render_result,
    ),
    ends=("<SPECIAL_12>",),
    aliases=("nemotron_json", "nemotron"),
)
