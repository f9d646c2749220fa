"""`phi4mini`: an array of envelopes after a word, or between tokens.

```
functools[{"name": "F", "arguments": {…}}]
<|tool_call|>[{"name": "F", "arguments": {…}}]<|/tool_call|>
```
vLLM reads it with `--tool-call-parser phi4_mini_json`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, WrittenCall
from toolgate_core.dialects.catalog import granite3
from toolgate_core.dialects.writing import definition_list, json_call_list, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(tokens=("functools[",), open=r"functools(?=\[)")


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one array."""
    return f"<|tool|>{definition_list(tools)}<|/tool|>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array between tokens, as the model's own template has it."""
    return f"<|tool_call|>{json_call_list(calls)}<|/tool_call|>"


PHI4MINI = Dialect(
    name="phi4mini",
    models="Phi-4-mini",
    grammars=(GRAMMAR, granite3.GRAMMAR),
    writer=standard_writer(render_calls, intro="You are a helpful assistant with some tools.", definitions=definitions),
    ends=("<|end|>",),
    aliases=("phi4_mini_json", "phi4_mini"),
)
