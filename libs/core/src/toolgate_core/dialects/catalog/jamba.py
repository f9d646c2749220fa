"""`jamba`: an array of envelopes in `<tool_calls>`.

```
<tool_calls>[
    {"name": "F", "arguments": {…}}
]</tool_calls>
```
vLLM reads it with `--tool-call-parser jamba`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, WrittenCall
from toolgate_core.dialects.writing import definition_list, json_call, json_call_list, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(tags=("tool_calls",), close_tags=("tool_calls",))


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one array."""
    return f"<tool_definitions>\n{definition_list(tools)}\n</tool_definitions>"


def render_array(calls: Sequence[WrittenCall]) -> str:
    """Return one array in one line, as others write it."""
    return f"<tool_calls>{json_call_list(calls)}</tool_calls>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array, a line for each call."""
    lines = ",\n".join(f"    {json_call(call)}" for call in calls)
    return f"<tool_calls>[\n{lines}\n]</tool_calls>"


JAMBA = Dialect(
    name="jamba",
    models="Jamba",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, definitions=definitions),
    ends=("<|eom|>",),
)
