"""`pythonic`: the whole message is a list of calls in Python's syntax.

```
[f(a="x", b=1), g()]
```
Source: Meta's prompt format for Llama 3.2. vLLM reads it with `--tool-call-parser pythonic`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, PythonGrammar, WrittenCall
from toolgate_core.dialects.catalog import hermes
from toolgate_core.dialects.writing import argument_items, definition_list, escape_lt, standard_writer
from toolgate_core.jsontext import JsonValue, encode_str

GRAMMAR = PythonGrammar(tokens=("[",), where="word", auto=False, plain_opener=True, bare=True)
FIRST = PythonGrammar(begins=r"\[[A-Za-z_][\w.-]{0,255}\(", auto=False, plain_opener=True, bare=True)
"""The same at the beginning of a text, where it is not a link even if it is one call without arguments."""
TAGGED = PythonGrammar(tags=("tool_call",), close_tags=("tool_call",), open=r"<tool_call>", close=r"</tool_call>")
_WORDS = {"true": "True", "false": "False", "null": "None"}
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,255}")
_KEY = re.compile(r"[A-Za-z_][\w-]{0,255}")
INTRO = (
    "You have access to the following functions. To call functions, respond with a Python list of the calls, in the "
    "format [func_name1(params_name1=params_value1, params_name2=params_value2), func_name2(params)]. "
    "Do not use variables.\n"
)
NOTE = "Write strings in quotes, and the name of every argument. Results come back in <tool_response> blocks."


def literal(value: JsonValue) -> str:
    """Return a value as a Python literal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{encode_str(key)}: {literal(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    text = encode_str(value)
    return _WORDS.get(text, text)


def expressible(call: WrittenCall) -> bool:
    """Whether a call can be written in this syntax: its name and those of its arguments are names in it."""
    return bool(_NAME.fullmatch(call.name)) and all(_KEY.fullmatch(key) for key, _ in argument_items(call.arguments))


def call_text(call: WrittenCall) -> str:
    """Return one call."""
    arguments = ", ".join(f"{key}={escape_lt(literal(value))}" for key, value in argument_items(call.arguments))
    return f"{call.name}({arguments})"


def list_text(calls: Sequence[WrittenCall]) -> str:
    """Return one list."""
    return f"[{', '.join(map(call_text, calls))}]"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one list; calls that this syntax can't express are written as in `hermes`."""
    return list_text(calls) if all(map(expressible, calls)) else hermes.render_calls(calls)


PYTHONIC = Dialect(
    name="pythonic",
    models="Llama 3.2 1B and 3B, ToolACE",
    grammars=(FIRST, GRAMMAR, TAGGED),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definition_list, note=NOTE),
    ends=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
    aliases=("toolace",),
)
