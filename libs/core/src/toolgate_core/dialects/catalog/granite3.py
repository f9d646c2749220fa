"""`granite3`: an array of envelopes after a token, a tag, or nothing.

```
<|tool_call|>[{"name": "F", "arguments": {…}}]
```
Granite 3.0 writes the token, 3.1 and later the tag. vLLM reads it with `--tool-call-parser granite`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, PayloadGrammar, WrittenCall
from toolgate_core.dialects.catalog.generic import BEGINS
from toolgate_core.dialects.writing import definition_list, json_call_list, standard_writer

GRAMMAR = EnvelopeGrammar(
    tokens=("<|tool_call|>",),
    close_tokens=("<|/tool_call|>",),
    special=True,
    name_keys=("name", "function"),
)
BOTH = replace(GRAMMAR, open=r"<\|tool_call\|>\s{0,16}<tool_call>")
TAGGED = EnvelopeGrammar(
    tags=("tool_call",),
    close_tags=("tool_call",),
    open=r"<tool_call>(?=\s{0,16}\[)",
    name_keys=("name", "function"),
    auto=False,
)
BARE = PayloadGrammar(begins=BEGINS, auto=False, plain_opener=True)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array."""
    return f"<|tool_call|>{json_call_list(calls)}"


GRANITE3 = Dialect(
    name="granite3",
    models="Granite 3",
    grammars=(BOTH, GRAMMAR, TAGGED, BARE),
    writer=standard_writer(
        render_calls,
        intro="You are a helpful assistant with access to the following tools:",
        definitions=definition_list,
        form="When a tool is needed to answer, respond only with a JSON list of calls behind its token:",
    ),
    wrappers=("<response>", "</response>"),
    ends=("<|end_of_text|>",),
    aliases=("granite",),
)
