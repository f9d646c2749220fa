"""`hy_v4`: the form of `hy_v3` without the separator and without white space, every tag with a suffix.

```
<tool_calls:S><tool_call:S>F<arg_key:S>K</arg_key:S><arg_value:S>V</arg_value:S></tool_call:S></tool_calls:S>
```
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, WrittenCall
from toolgate_core.dialects.catalog import hy_v3
from toolgate_core.dialects.tagging import keep_newlines, tagged_arguments
from toolgate_core.dialects.writing import escape_lt, result_between, standard_writer

_S = "opensource"
NOTE = hy_v3.NOTE.replace("<tool_responses>", f"<tool_responses:{_S}>")


def _element(key: str, text: str) -> str:
    return f"<arg_key:{_S}>{key}</arg_key:{_S}><arg_value:{_S}>{keep_newlines(text)}</arg_value:{_S}>"


def _call(call: WrittenCall) -> str:
    arguments = tagged_arguments(call, hy_v3.GRAMMAR, _element)
    if arguments is None:
        arguments = f"<tool_sep:{_S}>{escape_lt(call.arguments)}"
    return f"<tool_call:{_S}>{call.name}{arguments}</tool_call:{_S}>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section; arguments that can't be between tags are JSON after the separator of `hy_v3`."""
    return f"<tool_calls:{_S}>{''.join(map(_call, calls))}</tool_calls:{_S}>"


HY_V4 = Dialect(
    name="hy_v4",
    models="Tencent Hy4",
    grammars=hy_v3.HY_V3.grammars,
    writer=standard_writer(
        render_calls,
        intro=hy_v3.INTRO,
        form=hy_v3.FORM,
        note=NOTE,
        result=result_between(
            f"<tool_responses:{_S}><tool_response:{_S}>", f"</tool_response:{_S}></tool_responses:{_S}>"
        ),
    ),
    reasoning=hy_v3.HY_V3.reasoning,
    ends=hy_v3.HY_V3.ends,
)
