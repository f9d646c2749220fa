"""`llama3_json`: envelopes after a token, or bare; nothing closes them.

```
<|python_tag|>{"name": "F", "parameters": {…}}; {"name": "G", "parameters": {…}}
```
A bare object counts where a line begins, with a declared name and with arguments. The block ends the turn.
vLLM reads it with `--tool-call-parser llama3_json` or `llama4_json`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, PythonGrammar, WrittenCall
from toolgate_core.dialects.catalog import pythonic
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import escape_lt, json_call, openai_definition, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = EnvelopeGrammar(tokens=("<|python_tag|>",), special=True, after="drop")
BARE = EnvelopeGrammar(tokens=("{",), where="line", auto=False, after="drop", open=r"(?=\{)", bare=True)
CALL = PythonGrammar(tokens=("<|python_tag|>",), special=True, after="drop", open=r"<\|python_tag\|>", call_method=True)


INTRO = (
    "Given the following functions, please respond with a JSON for a function call with its proper arguments that best "
    "answers the given prompt.\n"
)
FORM = (
    'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}. '
    "Do not use variables:"
)
NOTE = 'For several calls, put "; " between the objects. Results come back as {"output": …}.'


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as indented JSON."""
    return "\n\n".join(msgspec.json.format(openai_definition(tool), indent=4) for tool in tools)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return the envelopes, after each other."""
    return "; ".join(json_call(call, arguments="parameters") for call in calls)


def render_result(_name: str, _call_id: str, content: str) -> str:
    """Return a result as JSON, with markup in it escaped."""
    return escape_markup(f'{{"output": {escape_lt(encode_str(content))}}}')


LLAMA3_JSON = Dialect(
    name="llama3_json",
    models="Llama 3.1, 3.2, 3.3 and 4",
    grammars=(GRAMMAR, CALL, BARE, pythonic.GRAMMAR),
    writer=standard_writer(
        render_calls, intro=INTRO, definitions=definitions, form=FORM, note=NOTE, result=render_result
    ),
    ends=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|eot|>", "<|eom|>"),
    aliases=("llama4_json", "llama3", "llama4"),
)
