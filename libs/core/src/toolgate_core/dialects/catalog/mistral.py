"""`mistral`: a token, then an array of envelopes (older tokenizers) or the name and the arguments (newer ones).

```
[TOOL_CALLS] [{"name": "F", "arguments": {…}, "id": "abcDEF123"}]
[TOOL_CALLS]F[ARGS]{…}
```
Ids have nine letters and digits.
Which of the two a model writes depends on its tokenizer. vLLM reads both with `--tool-call-parser mistral`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, NamedGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.writing import escape_lt, openai_definition, result_between, standard_writer
from toolgate_core.types.requests import ToolDefinition

ARRAY = EnvelopeGrammar(tokens=("[TOOL_CALLS]", "[TOOLCALLS]"), close_tokens=("[/TOOL_CALLS]",), special=True)
NAMED = NamedGrammar(
    tokens=("[TOOL_CALLS]", "[TOOLCALLS]"),
    close_tokens=("[/TOOL_CALLS]",),
    special=True,
    call=r"\[TOOL_?CALLS\]\s{0,16}(?P<name>[^\s\[\]{}<>\"']{1,256})\s{0,16}"
    r"(?:\[CALL_ID\]\s{0,4}(?P<id>[\w-]{1,64})\s{0,4})?(?:\[ARGS\]\s{0,16}|(?=\{))",
    close=r"\[/TOOL_CALLS\]|(?=\[TOOL_?CALLS\]|</s>)",
    no_arguments=r"\[TOOL_?CALLS\]\s{0,16}(?P<name>[^\s\[\]{}<>\"']{1,256})\s{0,16}"
    r"(?:\[ARGS\]\s{0,16})?+",
)
_PLAIN = re.compile(r"[^0-9a-zA-Z]")


def call_id(call: WrittenCall) -> str:
    """Return the id cut or filled to nine letters and digits: templates refuse all others."""
    return _PLAIN.sub("", call.id)[-9:].rjust(9, "0")


INTRO = "You may call these functions:"
NOTE = (
    "For several calls, repeat the whole form. "
    "Results come back between [TOOL_RESULTS] and [/TOOL_RESULTS], in the order of the calls."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array between the tokens."""
    return f"[AVAILABLE_TOOLS][{', '.join(map(openai_definition, tools))}][/AVAILABLE_TOOLS]"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one token, name and object per call."""
    return "".join(f"[TOOL_CALLS]{call.name}[ARGS]{escape_lt(call.arguments)}" for call in calls)


MISTRAL = Dialect(
    name="mistral",
    models="Mistral, Mixtral, Ministral, Magistral, Devstral, Codestral",
    grammars=(ARRAY, NAMED),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        note=NOTE,
        result=result_between("[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        call_id=call_id,
    ),
    reasoning=(Reasoning(open="[THINK]", close="[/THINK]", special=True, auto=True),),
    ends=("</s>",),
)
