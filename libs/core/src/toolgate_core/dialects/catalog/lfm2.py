"""`lfm2`: a list of calls in Python's syntax between tokens; older checkpoints write JSON there.

```
<|tool_call_start|>[f(a='x'), g()]<|tool_call_end|>
```
vLLM reads it with `--tool-call-parser lfm2`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, PythonGrammar, WrittenCall
from toolgate_core.dialects.catalog import pythonic
from toolgate_core.dialects.writing import definition_list, json_call_list, result_between, standard_writer

GRAMMAR = PythonGrammar(
    tokens=("<|tool_call_start|>",),
    close_tokens=("<|tool_call_end|>",),
    special=True,
    open=r"<\|tool_call_start\|>",
    close=r"<\|tool_call_end\|>",
)
JSON_FORM = EnvelopeGrammar(tokens=("<|tool_call_start|>",), close_tokens=("<|tool_call_end|>",), special=True)

_RESULT = result_between("<|tool_response_start|>", "<|tool_response_end|>")
_LIST = re.compile(r"^([ \t]*)\[(?=[A-Za-z_][\w.-]{0,255}\()", re.MULTILINE)

ECHO = PythonGrammar(
    begins=r"\[[A-Za-z_][\w.-]{0,255}\(",
    auto=False,
    plain_opener=True,
    close=r"<\|tool_call_end\|>",
    bare=True,
    echo=True,
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one list; calls that Python's syntax can't express are JSON, as older checkpoints write them."""
    body = pythonic.list_text(calls) if all(map(pythonic.expressible, calls)) else json_call_list(calls)
    return f"<|tool_call_start|>{body}<|tool_call_end|>"


def render_result(name: str, call_id: str, content: str) -> str:
    """Return a result between its tokens; no line of it begins like a list of calls."""
    return _RESULT(name, call_id, _LIST.sub(r"\1&#91;", content))


LFM2 = Dialect(
    name="lfm2",
    models="LFM2, LFM2.5",
    grammars=(JSON_FORM, GRAMMAR, ECHO, pythonic.GRAMMAR),
    writer=standard_writer(
        render_calls,
        intro="List of tools:",
        definitions=definition_list,
        note="Results come back between <|tool_response_start|> and <|tool_response_end|>.",
        result=render_result,
    ),
    ends=("<|im_end|>", "<|endoftext|>"),
)
