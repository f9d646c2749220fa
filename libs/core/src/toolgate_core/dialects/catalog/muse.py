"""`muse`: messages to a recipient (`self`, `user`, or a tool), calls as elements with the namespace `atem`.

```
<|start|>assistant to=self<|message|>thoughts<|eom|><|start|>assistant to=F<|message|><atem:function_calls>
<atem:invoke name="F">
<atem:parameter name="K">V</atem:parameter>
</atem:invoke>
</atem:function_calls><|eot|>
```
Calls in messages to others than a tool are quotations, unless such a message to the user begins with them.
vLLM reads it with `--tool-call-parser muse_glimmer`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, MessageGrammar, TaggedGrammar, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.patterns import bare_tag, close_tag, open_tag
from toolgate_core.dialects.tagging import tagged_or_json
from toolgate_core.dialects.writing import definition_lines, standard_writer

MESSAGES = MessageGrammar(
    tokens=("<|start|>",),
    close_tokens=("<|eom|>", "<|eot|>"),
    special=True,
    begins=r"(?:to=[^\s<{]{1,256}\s{0,4})?<\|message\|>",
    reasoning=frozenset(("self",)),
    content=frozenset(("user",)),
    ends=("<|eom|>", "<|eot|>"),
    body="block",
)
CALLS = TaggedGrammar(
    tags=("atem:function_calls", "atem:invoke"),
    close_tags=("atem:function_calls", "atem:invoke", "atem:parameter"),
    section=bare_tag("atem:function_calls"),
    section_close=close_tag("atem:function_calls"),
    call=open_tag("atem:invoke"),
    call_close=close_tag("atem:invoke"),
    parameter=open_tag("atem:parameter"),
    parameter_close=close_tag("atem:parameter"),
)


INTRO = (
    "In this environment you have access to a set of tools you can use to answer the user's question.\n\n"
    "// Function schemas"
)
FORM = 'You can invoke a function by writing a "<atem:function_calls>" block like the following:'
NOTE = (
    "String and scalar parameters are specified as they are, spaces included; lists and objects are JSON. "
    "Several calls are several blocks. Results come back in <tool_output> blocks with the tool's name."
)


def _element(key: str, text: str) -> str:
    return f'<atem:parameter name="{key}">{text}</atem:parameter>\n'


def _call(call: WrittenCall) -> str:
    arguments = tagged_or_json(call, CALLS, _element)
    return f'<atem:function_calls>\n<atem:invoke name="{call.name}">\n{arguments}</atem:invoke>\n</atem:function_calls>'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call, in the form inside a message; the headers of messages are the server's.

    Arguments that can't be between tags are one JSON object.
    """
    return "\n".join(map(_call, calls))


def render_result(name: str, _call_id: str, content: str) -> str:
    """Return a result under the tool's name."""
    return f'<tool_output name="{escape_markup(name)}">\n{escape_markup(content, "</tool_output>")}\n</tool_output>'


MUSE = Dialect(
    name="muse",
    models="Muse Glimmer",
    grammars=(MESSAGES, CALLS),
    writer=standard_writer(
        render_calls, intro=INTRO, definitions=definition_lines, form=FORM, note=NOTE, result=render_result
    ),
    ends=("<|eot|>",),
    aliases=("muse_glimmer", "atem"),
)
