"""`minimax_m2`: elements in a separate section; names with any quotes, or none.

```
<minimax:tool_call>
<invoke name="F">
<parameter name="K">V</parameter>
</invoke>
</minimax:tool_call>
```
White space around values is layout.
vLLM reads it with `--tool-call-parser minimax_m2`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import bare_tag, close_tag, open_tag
from toolgate_core.dialects.tagging import tagged_or_json
from toolgate_core.dialects.writing import result_between, standard_writer
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = TaggedGrammar(
    tags=("minimax:tool_call", "invoke"),
    close_tags=("minimax:tool_call", "invoke", "parameter"),
    section=bare_tag("minimax:tool_call"),
    section_close=close_tag("minimax:tool_call"),
    call=open_tag("invoke", namespace="minimax:"),
    call_close=close_tag("invoke", namespace="minimax:"),
    parameter=open_tag("parameter", namespace="minimax:"),
    parameter_close=close_tag("parameter", namespace="minimax:"),
    trim="strip",
)


INTRO = (
    "# Tools\nYou may call one or more tools to assist with the user query.\n"
    "Here are the tools available in JSONSchema format:\n"
)
FORM = "When making tool calls, use XML format to invoke tools and pass parameters:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; lists and objects are JSON. One block may hold several "
    "<invoke> elements. Results come back in <response> blocks, in the order of the calls."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one element of JSON each."""
    lines = "".join(f"<tool>{prompt.definition_json(tool)}</tool>\n" for tool in tools)
    return f"<tools>\n{lines}</tools>"


def _element(key: str, text: str) -> str:
    return f'<parameter name="{key}">{text}</parameter>\n'


def _call(call: WrittenCall) -> str:
    return f'<invoke name="{call.name}">\n{tagged_or_json(call, GRAMMAR, _element)}</invoke>\n'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls; arguments that can't be between tags are one JSON object."""
    return f"<minimax:tool_call>\n{''.join(map(_call, calls))}</minimax:tool_call>"


MINIMAX_M2 = Dialect(
    name="minimax_m2",
    models="MiniMax M2, M2.1, M2.5, M2.7",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=result_between("<response>", "</response>"),
    ),
    ends=("[e~[",),
    aliases=("minimax",),
)
