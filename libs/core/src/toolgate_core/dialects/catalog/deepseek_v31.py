"""`deepseek_v31`: the tokens of `deepseek_v3` without type and fence.

```
<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>F<｜tool▁sep｜>{…}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
```
vLLM reads it with `--tool-call-parser deepseek_v31`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.catalog import deepseek_v3
from toolgate_core.dialects.catalog.deepseek_v3 import CALL, CALL_CLOSE, OUTPUTS, SECTION, SECTION_CLOSE, SEPARATOR
from toolgate_core.dialects.writing import escape_lt, result_between, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = NamedGrammar(
    tokens=deepseek_v3.TOKENS,
    close_tokens=deepseek_v3.CLOSE_TOKENS,
    special=True,
    call=rf"(?:{SECTION}\s{{0,16}})?{CALL}\s{{0,16}}(?P<name>[^\n<{{`]{{1,256}}?)\s{{0,16}}{SEPARATOR}",
    close=rf"(?:```\s*)?(?:{CALL_CLOSE}|{SECTION_CLOSE})",
    empty=rf"{SECTION}\s{{0,64}}{SECTION_CLOSE}",
)


INTRO = "## Tools\nYou have access to the following tools:\n"
FORM = "IMPORTANT: ALWAYS adhere to this exact format for tool use:"
NOTE = (
    "The name must be an exact match to one of the available tools, the arguments must be valid JSON that strictly "
    "follows the tool's parameters schema. For several calls, chain them directly without separators or spaces, before "
    "<｜tool▁calls▁end｜>. Results come back in the order of the calls, each between <｜tool▁output▁begin｜> and "
    "<｜tool▁output▁end｜>."
)


def _definition(tool: ToolDefinition) -> str:
    return f"### {tool.name}\nDescription: {tool.description}\n\nParameters: {encode_str(tool.parameters)}\n"


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one section each."""
    return "\n".join(map(_definition, tools))


def _call(call: WrittenCall) -> str:
    return f"<｜tool▁call▁begin｜>{call.name}<｜tool▁sep｜>{escape_lt(call.arguments)}<｜tool▁call▁end｜>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls."""
    return f"<｜tool▁calls▁begin｜>{''.join(map(_call, calls))}<｜tool▁calls▁end｜>"


DEEPSEEK_V31 = Dialect(
    name="deepseek_v31",
    models="DeepSeek V3.1",
    grammars=(deepseek_v3.GRAMMAR, GRAMMAR),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=result_between("<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"),
    ),
    wrappers=OUTPUTS,
    ends=("<｜end▁of▁sentence｜>",),
    aliases=("deepseekv31",),
)
