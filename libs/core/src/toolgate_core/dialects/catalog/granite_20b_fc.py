"""`granite_20b_fc`: an envelope after every opening tag, and no closing one.

```
<function_call> {"name": "F", "arguments": {…}}
```
vLLM reads it with `--tool-call-parser granite-20b-fc`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, WrittenCall
from toolgate_core.dialects.writing import definition_lines, json_call, result_between, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(tags=("function_call",), close_tags=("function_call",))
INTRO = (
    "You are a helpful assistant with access to the following function calls. Your task is to produce a sequence of "
    "function calls necessary to generate a response to the user. Use the following function calls as required."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions, a line of JSON each, after the token of the library."""
    return f"<|function_call_library|>\n{definition_lines(tools)}"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one tag per call."""
    return "\n".join(f"<function_call> {json_call(call)}" for call in calls)


GRANITE_20B_FC = Dialect(
    name="granite_20b_fc",
    models="Granite 20B Function Calling",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        note="Results come back behind <function_response>.",
        result=result_between("<function_response> ", ""),
    ),
    ends=("<|endoftext|>",),
    no_call=("no_function",),
)
