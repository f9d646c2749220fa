"""`gigachat3`: an envelope after a role or a token; 3.5 writes a twin of `dsml` with its own token.

```
function call<|role_sep|>
{"name": "F", "arguments": {…}}<|message_sep|>
<|function_call|>{"name": "F", "arguments": {…}}
```
vLLM reads it with `--tool-call-parser gigachat3`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, WrittenCall
from toolgate_core.dialects.catalog.dsml import tagged
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.typescript import functions_namespace
from toolgate_core.dialects.writing import json_call, standard_writer

GRAMMAR = EnvelopeGrammar(
    tokens=("function call<|role_sep|>", "<|function_call|>", "<|message_sep|>"),
    close_tokens=("<|message_sep|>",),
    special=True,
    open=r"(?:<\|message_sep\|>\s{0,16})?(?:function call<\|role_sep\|>|<\|function_call\|>)",
)
_NAMES = ("tool_calls", "invoke", "parameter")
GCML = tagged(r"(?:[｜|]\s?GCML\s?[｜|]\s?)", ("<｜GCML｜", "<|GCML|"), tuple(f"</｜GCML｜{name}>" for name in _NAMES))


NOTE = (
    "For several calls, write them one behind the other. "
    "Results come back in <function_response> blocks with the function's name."
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one token per call."""
    return "".join(f"<|function_call|>{json_call(call)}" for call in calls)


def render_result(name: str, _call_id: str, content: str) -> str:
    """Return a result under the function's name."""
    return f'<function_response name="{escape_markup(name)}">{escape_markup(content)}</function_response>'


GIGACHAT3 = Dialect(
    name="gigachat3",
    models="GigaChat 3, 3.1 and 3.5",
    grammars=(GRAMMAR, GCML),
    writer=standard_writer(
        render_calls,
        intro="You may call these functions:\n",
        definitions=functions_namespace,
        note=NOTE,
        result=render_result,
    ),
    ends=("<|message_sep|>", "</s>"),
    aliases=("gigachat35", "gigachat"),
)
