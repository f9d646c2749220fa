"""`generic`: JSON that no marker announces, of any envelope that is in use, and a bare call in Python's syntax.

```
{"tool": "F", "parameters": {…}}
{"tool_calls": [{"function": {"name": "F", "arguments": "{…}"}}]}
F(k=1)
```
It must be the whole text or its last paragraph, bare or in a code fence, and name a declared tool.
Source: no specification; these are the keys that models use in practice.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, PayloadGrammar, PythonGrammar, WrittenCall
from toolgate_core.dialects.writing import json_call, json_call_list, standard_writer

NAME_KEYS = ("name", "function", "function_name", "tool", "tool_name")
ARGUMENT_KEYS = ("arguments", "args", "parameters", "params", "input")
WRAPPERS = ("tool_calls", "toolcalls", "tool_call", "toolcall", "function_call", "calls")
_OTHERS = ("type", "id", "call_id", "tool_call_id", "content", "role")
FENCE = (
    r"(?:`{3,16}|~{3,16})(?i:json\w{0,2}|tools?|tool_\w{1,16}|functions?|function_calls?|text)?[ \t]{0,16}\r?\n\s{0,64}"
)
OBJECT = r"(?:\[\s{0,64})?\{\s{0,64}"
BEGINS = rf"""{OBJECT}["']?(?:{"|".join((*NAME_KEYS, *ARGUMENT_KEYS, *WRAPPERS, *_OTHERS))})["']?\s{{0,16}}:"""

ALONE = PayloadGrammar(begins=BEGINS, plain_opener=True)
PAYLOAD = PayloadGrammar(
    tokens=("{", "["), where="line", auto=False, plain_opener=True, fenced=True, arguments_only=True
)
FENCED = PayloadGrammar(begins=rf"{FENCE}{BEGINS}", auto=False, plain_opener=True, settled=True)
EXPRESSION = PythonGrammar(
    begins=r"[A-Za-z_][\w.-]{0,255}\(", auto=False, plain_opener=True, bare=True, nothing_after=True, keywords=True
)


INTRO = "You may call tools, by writing JSON. Here they are, with JSON Schemas of their parameters:"
FORM = "To call a tool, answer with nothing but a JSON object like this one:"
NOTE = "Several calls are one JSON array of such objects. Results come back in <tool_response> blocks."


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one envelope, or an array of them."""
    return json_call(calls[0]) if len(calls) == 1 else json_call_list(calls)


GENERIC = Dialect(
    name="generic",
    models="any model that writes JSON unasked",
    grammars=(PAYLOAD, ALONE, EXPRESSION),
    writer=standard_writer(render_calls, intro=INTRO, form=FORM, note=NOTE),
    aliases=("json",),
)
