"""`glm`: the name bare after the opening tag, key and value in separate elements.

```
<tool_call>F
<arg_key>K</arg_key>
<arg_value>V</arg_value>
</tool_call>
```
Later models write the same without line breaks. Strings are not escaped, everything else is JSON.
Source: the chat templates of GLM 4.5 and 4.7. vLLM reads them with `--tool-call-parser glm45` and `glm47`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.catalog import hermes
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES
from toolgate_core.dialects.tagging import keep_newlines, tagged_arguments
from toolgate_core.dialects.writing import SIGNATURES, result_between, standard_writer

_OPEN = rf"<tool_call{ANY_ATTRIBUTES}>\s{{0,16}}"
GRAMMAR = TaggedGrammar(
    tags=("tool_call",),
    close_tags=("tool_call", "arg_key", "arg_value"),
    call=rf"{_OPEN}(?P<name>[^\s<>{{}}\[\]()=,:\"']{{1,256}})\s{{0,16}}(?=<arg_key[\s>]|</tool_call>|\{{\s{{0,64}}[\"'}}])",
    call_close=r"</tool_call>",
    parameter=rf"<arg_key{ANY_ATTRIBUTES}>(?P<key>[^<]{{1,256}})(?:</arg_key>)?\s{{0,16}}"
    rf"(?:<arg_value{ANY_ATTRIBUTES}>|(?P<missing>(?=</tool_call>)))",
    parameter_close=r"</arg_value>",
    trim="layout",
    bare_name=True,
)
LINE = TaggedGrammar(
    tags=("tool_call",),
    close_tags=("tool_call",),
    call=rf"{_OPEN}(?P<name>[A-Za-z_][\w.\-]{{0,255}})\s{{1,16}}(?=<(?!arg_key|/)[A-Za-z_])",
    call_close=r"</{name}>|</tool_call>",
    parameter="",
    parameter_close="",
    trim="layout",
    property_tags=True,
    declared_only=True,
)
"""The name on a line, then an element for each argument."""

FORM = "For each function call, output the function name and arguments within the following XML format:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; all other values are JSON. "
    "Several calls are several <tool_call> blocks. Results come back in <tool_response> blocks."
)


def _element(key: str, text: str) -> str:
    return f"<arg_key>{key}</arg_key>\n<arg_value>{keep_newlines(text)}</arg_value>\n"


def _call(call: WrittenCall) -> str:
    arguments = tagged_arguments(call, GRAMMAR, _element)
    if arguments is None:
        return hermes.render_calls([call])
    return f"<tool_call>{call.name}\n{arguments}</tool_call>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call; a call whose arguments can't be between tags is an envelope of `hermes`."""
    return "\n".join(map(_call, calls))


GLM = Dialect(
    name="glm",
    models="GLM 4.5, 4.6, 4.7 and 5, poolside Laguna",
    grammars=(GRAMMAR, LINE),
    writer=standard_writer(
        render_calls,
        intro=f"# Tools\n\n{SIGNATURES}",
        form=FORM,
        note=NOTE,
        result=result_between("<tool_response>\n", "\n</tool_response>"),
    ),
    wrappers=("<|begin_of_box|>", "<|end_of_box|>"),
    ends=("<|user|>", "<|observation|>", "<|endoftext|>"),
    aliases=("glm45", "glm47", "glm4", "glm5", "poolside_v1"),
)
