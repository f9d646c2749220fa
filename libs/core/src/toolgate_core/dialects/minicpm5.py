"""`minicpm5`: one element per call, bare, with CDATA for values that need it.

```
<function name="F"><param name="K">V</param></function>
```
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import close_tag
from toolgate_core.dialects.tagging import KEY, innocent
from toolgate_core.dialects.writing import SIGNATURES, harmless, members, plain, wrapped, writer

GRAMMAR = TaggedGrammar(
    tokens=("<function name=", "<functionname="),
    close_tags=("function", "param"),
    call=r"""<function\s{0,4}name\s{0,4}=\s{0,4}["']?(?P<name>[^"'<>\s]{1,256})["']?\s{0,4}>""",
    call_close=r"(?:</arguments>\s{0,16})?</\s{0,4}function\s{0,4}>",
    parameter=r"""(?:<arguments>\s{0,16})?<param\s{0,4}name\s{0,4}=\s{0,4}["']?(?P<key>[^"'<>\s]{1,256})["']?\s{0,4}>""",
    parameter_close=close_tag("param"),
    entities=True,
    trim="layout",
)


NOTE = (
    "Values may have several lines; one that contains `<`, `&` or a line break stands in a CDATA section. "
    "Strings stand without quotes, all other values are JSON. Results come back in <tool_response> blocks."
)


def _element(key: str, text: str) -> str:
    if any(char in text for char in "<&\n"):
        text = "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f'<param name="{key}">{text}</param>'


def _call(call: WrittenCall) -> str:
    found = [(key, plain(value)) for key, value in members(call.arguments)]
    sayable = all(KEY.fullmatch(key) and innocent(text) for key, text in found)
    body = "".join(_element(key, text) for key, text in found) if sayable else harmless(call.arguments)
    return f'<function name="{call.name}">{body}</function>'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one element per call; arguments that elements can't say are one JSON object."""
    return "\n".join(map(_call, calls))


MINICPM5 = Dialect(
    name="minicpm5",
    models="MiniCPM 5",
    grammars=(GRAMMAR,),
    writer=writer(
        render_calls,
        intro=f"# Tools\n\n{SIGNATURES}",
        form="When calling a function, return an XML element:",
        note=NOTE,
        result=wrapped("<tool_response>\n", "\n</tool_response>"),
    ),
    ends=("<|im_end|>",),
)
