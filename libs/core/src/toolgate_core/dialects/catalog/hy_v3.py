"""`hy_v3`: GLM's elements in a section, with a separator after the name; every tag may carry a suffix.

```
<tool_calls>
<tool_call>F<tool_sep>
<arg_key>K</arg_key>
<arg_value>V</arg_value>
</tool_call>
</tool_calls>
```
Quantised models write a wrong closing tag after a name or a key, which is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, Reasoning, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES
from toolgate_core.dialects.tagging import keep_newlines, tagged_or_json
from toolgate_core.dialects.writing import SIGNATURES, result_between, standard_writer

SUFFIX = r"(?::[\w-]{1,32})?"
_OPEN = SUFFIX + ANY_ATTRIBUTES
_TAGS = "tool_calls|tool_call|tool_sep|arg_key|arg_value"
_NAME = r"(?P<name>[^\s<>{}\[\]()=,:\"']{1,256})"
_ANY_CLOSE = rf"</(?:arg_key|arg_value){SUFFIX}>"

GRAMMAR = TaggedGrammar(
    tags=("tool_calls", "tool_call"),
    tokens=("<tool_calls:", "<tool_call:"),
    close_tags=("tool_calls", "tool_call"),
    section=rf"<tool_calls{_OPEN}>|<tool_call{_OPEN}>\s{{0,16}}</tool_call{SUFFIX}>",
    section_close=rf"</tool_calls{SUFFIX}>",
    call=rf"<tool_call{_OPEN}>\s{{0,16}}{_NAME}\s{{0,16}}(?:{_ANY_CLOSE}\s{{0,16}})?(?:<tool_sep{SUFFIX}>|(?=<arg_key{_OPEN}>|</tool_call{SUFFIX}>))",
    call_close=rf"</tool_call{SUFFIX}>",
    parameter=rf"<arg_key{_OPEN}>(?P<key>[^<]{{1,256}})(?:{_ANY_CLOSE})?\s{{0,16}}<arg_value{_OPEN}>",
    parameter_close=rf"</arg_value{SUFFIX}>",
    trim="layout",
    bare_name=True,
)
JSON_BODY = NamedGrammar(
    tags=("tool_calls", "tool_call"),
    tokens=("<tool_calls:", "<tool_call:"),
    call=rf"(?:<tool_calls{_OPEN}>\s{{0,16}})?(?:<tool_call{_OPEN}>\s{{0,16}})?{_NAME}\s{{0,16}}<tool_sep{SUFFIX}>\s{{0,16}}(?=\{{)",
    close=rf"(?:</arg_value{SUFFIX}>\s*)?</tool_calls?{SUFFIX}>",
)

INTRO = f"# Tools\n\n{SIGNATURES}"
FORM = "For each function call, output the function name and arguments within the following XML format:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; all other values are JSON. "
    "Several calls stand in the same block. Results come back in <tool_responses> blocks."
)


def _element(key: str, text: str) -> str:
    return f"<arg_key>{key}</arg_key>\n<arg_value>{keep_newlines(text)}</arg_value>\n"


def _call(call: WrittenCall) -> str:
    return f"<tool_call>{call.name}<tool_sep>\n{tagged_or_json(call, GRAMMAR, _element)}</tool_call>\n"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls; arguments that can't be between tags are one JSON object."""
    return f"<tool_calls>\n{''.join(map(_call, calls))}</tool_calls>"


HY_V3 = Dialect(
    name="hy_v3",
    models="Tencent Hy3",
    grammars=(GRAMMAR, JSON_BODY),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        form=FORM,
        note=NOTE,
        result=result_between("<tool_responses>\n<tool_response>\n", "\n</tool_response>\n</tool_responses>"),
    ),
    reasoning=(Reasoning(open="<think:opensource>", close="</think:opensource>", auto=True),),
    ends=("<｜hy_eos｜>", "<｜hy_eos:opensource｜>"),
    aliases=("hunyuan", "hunyuan_v3"),
)
