"""`olmo3`: calls in Python's syntax, one a line, in the tag of `function_calls`.

```
<function_calls>
f(a=1)
g(b=true)
</function_calls>
```
The opener is that of `function_calls`; what follows it decides. vLLM reads it with `--tool-call-parser olmo3`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, PythonGrammar, WrittenCall
from toolgate_core.dialects.catalog import function_calls, pythonic
from toolgate_core.dialects.writing import argument_items, definition_list, escape_lt, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = PythonGrammar(
    tags=("function_calls",),
    close_tags=("function_calls",),
    open=r"<function_calls>",
    close=r"</function_calls>",
)


INTRO = (
    "You are provided with function signatures within <functions></functions> XML tags. You may call one or more "
    "functions to assist with the user query. Do not make assumptions about what values to plug into functions."
)
FORM = "Output any function calls within XML tags, a line for each:"
NOTE = "Values are JSON, behind the names of their arguments. Results come back in <tool_response> blocks."


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one array."""
    return f"<functions>{definition_list(tools)}</functions>"


def _call(call: WrittenCall) -> str:
    items = (f"{key}={escape_lt(encode_str(value))}" for key, value in argument_items(call.arguments))
    return f"{call.name}({', '.join(items)})"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block, a line per call; calls that Python can't express are written as in `function_calls`."""
    if not all(map(pythonic.expressible, calls)):
        return function_calls.render_calls(calls)
    return f"<function_calls>{chr(10).join(map(_call, calls))}</function_calls>"


OLMO3 = Dialect(
    name="olmo3",
    models="Olmo 3 and 3.1",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definitions, form=FORM, note=NOTE),
    ends=("<|im_end|>", "<|endoftext|>"),
    aliases=("olmo",),
)
