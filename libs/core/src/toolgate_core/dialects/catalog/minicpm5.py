"""`minicpm5`: one element per call, bare, with CDATA for values that need it.

```
<function name="F"><param name="K">V</param></function>
```
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import close_tag
from toolgate_core.dialects.tagging import KEY, is_safe
from toolgate_core.dialects.writing import (
    SIGNATURES,
    argument_items,
    escape_lt,
    result_between,
    standard_writer,
    string_or_json,
)

_INSIDE = r"""(?:[^<>"']|"[^"]*"|'[^']*')*"""

GRAMMAR = TaggedGrammar(
    tags=("function",),
    tokens=("<functionname=",),
    close_tags=("function", "param"),
    call=rf"<function(?=name=|\s)(?P<inside>{_INSIDE})(?<!/)>",
    call_close=r"(?:</arguments>\s{0,16})?</\s{0,4}function\s{0,4}>",
    parameter=rf"(?:<arguments>\s{{0,16}})?<param(?=name=|[\s/])(?P<inside>{_INSIDE})>",
    parameter_close=close_tag("param"),
    entities="always",
    trim="layout",
)
EMPTY = replace(GRAMMAR, call=r"<function(?=\s)(?P<inside>[^<>]{1,512}/)>", auto=False)
"""A call without arguments; in other texts such a tag belongs to some XML."""


NOTE = (
    "Values may have several lines; one that contains `<`, `&` or a line break stands in a CDATA section. "
    "Strings stand without quotes, all other values are JSON. Results come back in <tool_response> blocks."
)


def _element(key: str, text: str) -> str:
    if any(char in text for char in "<&\n"):
        text = "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f'<param name="{key}">{text}</param>'


def _call(call: WrittenCall) -> str:
    found = [(key, string_or_json(value)) for key, value in argument_items(call.arguments)]
    expressible = all(KEY.fullmatch(key) and is_safe(text) for key, text in found)
    body = "".join(_element(key, text) for key, text in found) if expressible else escape_lt(call.arguments)
    return f'<function name="{call.name}">{body}</function>'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one element per call; arguments that elements can't say are one JSON object."""
    return "\n".join(map(_call, calls))


MINICPM5 = Dialect(
    name="minicpm5",
    models="MiniCPM 5",
    grammars=(GRAMMAR, EMPTY),
    writer=standard_writer(
        render_calls,
        intro=f"# Tools\n\n{SIGNATURES}",
        form="When calling a function, return an XML element:",
        note=NOTE,
        result=result_between("<tool_response>\n", "\n</tool_response>"),
    ),
    ends=("<|im_end|>",),
)
