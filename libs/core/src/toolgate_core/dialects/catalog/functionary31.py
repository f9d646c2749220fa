"""`functionary31`: the name in the opening tag, the arguments as JSON.

```
<function=F>{…}</function>
```
Source: the chat template of MeetKai's Functionary v3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.writing import escape_lt, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = NamedGrammar(
    tokens=("<function=",),
    close_tags=("function",),
    call=r"""<function=\s{0,4}["']?(?P<name>[^\s"'<>/]{1,256})["']?\s{0,4}>\s{0,16}(?=[\{<])""",
    close=r"</\s{0,4}function\s{0,4}>",
)


INTRO = "You have access to the following functions:\n"
FORM = (
    "Think very carefully before calling functions.\n"
    "If you choose to call a function, ONLY reply in the following format, the parameters as a JSON object:"
)
NOTE = (
    "Put each function call on one line; for several calls, write them one behind the other. "
    "Results come back in <tool_response> blocks."
)


def _definition(tool: ToolDefinition) -> str:
    return f"Use the function '{tool.name}' to '{tool.description}'\n{prompt.definition_json(tool)}\n"


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as a sentence and a line of JSON each."""
    return "\n".join(map(_definition, tools))


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one tag per call."""
    return "".join(f"<function={call.name}>{escape_lt(call.arguments)}</function>" for call in calls)


FUNCTIONARY31 = Dialect(
    name="functionary31",
    models="Functionary 3.1, Llama 3.1 in its custom form",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definitions, form=FORM, note=NOTE),
    ends=("<|eom_id|>", "<|eot_id|>"),
    aliases=("functionary_v3_1", "functionary_3_1"),
)
