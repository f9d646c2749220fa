"""`mimo`: the name and the arguments as two assignments; later models write `qwen3_coder`'s form, verbatim.

```
<tool_call>name=F, arguments={…}</tool_call>
<tool_call>
<function=F>
<parameter=K>V</parameter>
</function>
</tool_call>
```
vLLM reads it with `--tool-call-parser mimo`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.catalog import qwen3_coder
from toolgate_core.dialects.tagging import as_python_text, tagged_or_json
from toolgate_core.dialects.writing import SIGNATURES, result_between, standard_writer

ASSIGNED = NamedGrammar(
    tags=("tool_call",),
    close_tags=("tool_call",),
    call=r"""<tool_call>\s{0,16}name\s{0,4}=\s{0,4}["']?(?P<name>[^\s,"'<>{}]{1,256})["']?\s{0,8},\s{0,16}arguments\s{0,4}=\s{0,8}""",
    close=r"</tool_call>",
)
COMPACT = replace(qwen3_coder.GRAMMAR, trim="none", auto=False)


def _element(key: str, text: str) -> str:
    return f"<parameter={key}>{text}</parameter>\n"


def _call(call: WrittenCall) -> str:
    arguments = tagged_or_json(call, COMPACT, _element, to_text=as_python_text)
    return f"<tool_call>\n<function={call.name}>\n{arguments}</function>\n</tool_call>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call; arguments that can't be between tags are one JSON object."""
    return "\n".join(map(_call, calls))


MIMO = Dialect(
    name="mimo",
    models="MiMo V2 (compact form), MiMo 7B as others describe it",
    grammars=(ASSIGNED, COMPACT),
    writer=standard_writer(
        render_calls,
        intro=f"# Tools\n\n{SIGNATURES}",
        form="For each function call, output the function name and arguments in the following format:",
        note=qwen3_coder.NOTE,
        result=result_between("<tool_response>\n", "\n</tool_response>"),
    ),
    ends=("<|im_end|>",),
)
