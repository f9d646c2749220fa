"""`step3`: elements between DeepSeek's tokens with plain underscores.

```
<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="F">
<steptml:parameter name="K">V</steptml:parameter>
</steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>
```
vLLM reads it with `--tool-call-parser step3`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.catalog.deepseek_v3 import CALL, CALL_CLOSE, SECTION, SECTION_CLOSE, SEPARATOR
from toolgate_core.dialects.patterns import close_tag, open_tag
from toolgate_core.dialects.tagging import tagged_or_json
from toolgate_core.dialects.writing import standard_writer

GRAMMAR = TaggedGrammar(
    tags=("steptml:invoke",),
    tokens=("<｜tool_calls_begin｜>", "<｜tool_call_begin｜>"),
    close_tags=("steptml:invoke", "steptml:parameter"),
    close_tokens=("<｜tool_calls_end｜>", "<｜tool_call_end｜>"),
    special=True,
    section=rf"{SECTION}|{CALL}|function\s{{0,4}}{SEPARATOR}",
    section_close=f"(?:{CALL_CLOSE}|{SECTION_CLOSE})",
    call=open_tag("steptml:invoke"),
    call_close=close_tag("steptml:invoke"),
    parameter=open_tag("steptml:parameter"),
    parameter_close=close_tag("steptml:parameter"),
    trim="strip",
)


FORM = "Call tools by writing one section like this:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; everything else is JSON. "
    "One section may hold several calls. Results come back in <tool_response> blocks."
)


def _element(key: str, text: str) -> str:
    return f'<steptml:parameter name="{key}">{text}</steptml:parameter>\n'


def _call(call: WrittenCall) -> str:
    arguments = tagged_or_json(call, GRAMMAR, _element)
    return (
        f'<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="{call.name}">\n'
        f"{arguments}</steptml:invoke><｜tool_call_end｜>\n"
    )


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls; arguments that can't be between tags are one JSON object."""
    return f"<｜tool_calls_begin｜>\n{''.join(map(_call, calls))}<｜tool_calls_end｜>"


STEP3 = Dialect(
    name="step3",
    models="Step-3",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, form=FORM, note=NOTE),
)
