"""`apertus`: an array of objects with the tool's name as their only key.

```
<|tools_prefix|>[{"F": {…}}, {"G": {}}]<|tools_suffix|>
```
The array has one object per call. Definitions are TypeScript, as in the model's chat template.
vLLM reads it with `--tool-call-parser apertus`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.typescript import function_types
from toolgate_core.dialects.writing import escape_lt, standard_writer
from toolgate_core.jsontext import encode_str

GRAMMAR = EnvelopeGrammar(tokens=("<|tools_prefix|>",), close_tokens=("<|tools_suffix|>",), special=True, keyed=True)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array."""
    items = ", ".join(f"{{{encode_str(call.name)}: {escape_lt(call.arguments)}}}" for call in calls)
    return f"<|tools_prefix|>[{items}]<|tools_suffix|>"


APERTUS = Dialect(
    name="apertus",
    models="Apertus",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, intro="Tool Capabilities:", definitions=function_types),
    reasoning=(Reasoning(open="<|inner_prefix|>", close="<|inner_suffix|>", special=True, auto=True),),
    ends=("<|assistant_end|>",),
    aliases=("apertus2509",),
)
