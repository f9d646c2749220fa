"""`apriel`: an array of envelopes in `<tool_calls>`; reasoning ends at a marker before the answer.

```
Here are my reasoning steps: … [BEGIN FINAL RESPONSE]
<tool_calls>[{"name": "F", "arguments": {…}}]</tool_calls>
```
A form with separate elements for the name and the arguments is described elsewhere.
Source: the chat template of Apriel 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.catalog import hermes, jamba
from toolgate_core.dialects.writing import escape_lt, openai_definition, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

NAMED = NamedGrammar(
    tags=("tool_calls", "tool_call"),
    call=r"(?:<tool_calls>\s{0,16})?(?:<tool_call>\s{0,16})?<name>\s{0,16}(?P<name>[^<]{1,256}?)\s{0,16}</name>\s{0,16},?\s{0,16}<arguments>\s{0,16}",
    close_tags=("tool_call", "tool_calls"),
    close=r"</arguments>|</tool_calls?>",
)

INTRO = (
    "You are provided with function signatures within <available_tools></available_tools> XML tags. You may call one "
    "or more functions to assist with the user query. Don't make assumptions about the arguments; infer their values "
    "from what the user said and from the system message."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions, a line of JSON each."""
    return "\n".join(("<available_tools>", *map(openai_definition, tools), "</available_tools>"))


def _call(call: WrittenCall) -> str:
    text = f'"name": {encode_str(call.name)}, "arguments": {escape_lt(call.arguments)}'
    return f'{{{text}, "id": {encode_str(call.id)}}}' if call.id else f"{{{text}}}"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array; calls of a history have their ids."""
    return f"<tool_calls>[{', '.join(map(_call, calls))}]</tool_calls>"


APRIEL = Dialect(
    name="apriel",
    models="Apriel 1.5 and 1.6",
    grammars=(jamba.GRAMMAR, NAMED, hermes.GRAMMAR),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form="Return all function calls as one list of JSON objects, each with the function's name and arguments:",
    ),
    reasoning=(Reasoning(open="Here are my reasoning steps:", close="[BEGIN FINAL RESPONSE]", special=True),),
    wrappers=("[END FINAL RESPONSE]",),
    ends=("<|end|>",),
)
