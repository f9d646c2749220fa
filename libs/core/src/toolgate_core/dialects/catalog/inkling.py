"""`inkling`: typed blocks; the key of the arguments is `args`.

```
<|message_model|>F<|content_invoke_tool_json|>{"name": "F", "args": {…}}<|end_message|>
```
The text in the header is not content. The key `args` is the template's.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.writing import json_call, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

_NAME = r"[^<\n]{0,256}"
GRAMMAR = EnvelopeGrammar(
    tokens=("<|message_model|>", "<|content_invoke_tool_json|>"),
    close_tokens=("<|end_message|>", "<|content_model_end_sampling|>"),
    special=True,
    open=rf"(?:<\|message_model\|>{_NAME}|[A-Za-z_][\w.-]{{0,255}})?<\|content_invoke_tool_json\|>",
    argument_keys=("args", "arguments", "parameters"),
)


INTRO = "You may call these tools:\n"
NOTE = "For several calls, write them one behind the other. Results come back in <tool_response> blocks."


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array, keys in their order in the alphabet."""
    lines = (
        f'{{"description":{encode_str(tool.description)},"name":{encode_str(tool.name)},'
        f'"parameters":{encode_str(tool.parameters)},"type":"function"}}'
        for tool in tools
    )
    return f"[{','.join(lines)}]"


HEADED = replace(
    GRAMMAR, tokens=(), auto=False, plain_opener=True, begins=r"[A-Za-z_][\w.-]{0,255}<\|content_invoke_tool_json\|>"
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call, in the form inside a message; the headers of messages are the server's."""
    return "".join(f"<|content_invoke_tool_json|>{json_call(call, arguments='args')}" for call in calls)


INKLING = Dialect(
    name="inkling",
    models="Inkling",
    grammars=(GRAMMAR, HEADED),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definitions, note=NOTE),
    reasoning=tuple(
        # A call in words is meant for a tool of the model's own: it is not an answer.
        Reasoning(open=kind, close="<|end_message|>", special=True, auto=True)
        for kind in ("<|content_thinking|>", "<|content_invoke_tool_text|>")
    ),
    wrappers=(
        "<|message_model|>",
        "<|content_text|>",
        "<|content_tool_error|>",
        "<|content_model_end_sampling|>",
    ),
    ends=("<|endoftext|>",),
)
