"""`harmony`: gpt-oss's message format, as far as its special tokens leak into text.

```
<|channel|>analysis<|message|>reasoning<|end|>
<|start|>assistant<|channel|>commentary to=functions.F <|constrain|>json<|message|>{…}<|call|>
<|start|>assistant<|channel|>final<|message|>answer<|return|>
```
Prompts for such models are written by the server's own template, so what is written here is plain harmony text.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompt
from toolgate_core.dialects.base import Dialect, MessageGrammar, Writer
from toolgate_core.dialects.hermes import harmless
from toolgate_core.jsontext import encode_str
from toolgate_core.messages import ToolChoice, ToolDefinition

GRAMMAR = MessageGrammar(
    tokens=("<|channel|>", "<|start|>", " to=functions.", "\nto=functions."),
    close_tokens=("<|end|>", "<|call|>", "<|return|>"),
    special=True,
    reasoning=frozenset(("analysis",)),
    content=frozenset(("final", "commentary")),
)


def _call(name: str, arguments: str) -> str:
    header = f"<|start|>assistant<|channel|>commentary to=functions.{name} <|constrain|>json"
    return f"{header}<|message|>{harmless(arguments)}<|call|>"


def render_calls(calls: Sequence[tuple[str, str]]) -> str:
    """Return one message per call."""
    return "".join(_call(name, arguments) for name, arguments in calls)


def render_result(name: str, call_id: str, content: str) -> str:
    """Return a result as a message of the tool; it is JSON, in which markup is harmless."""
    body = harmless(encode_str({"call_id": call_id, "content": content}))
    return f"<|start|>functions.{name} to=assistant<|channel|>commentary<|message|>{body}<|end|>"


def render_tools(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
    """Return the developer block."""
    allowed = prompt.permitted(tools, choice)
    lines = "\n".join(prompt.definition(tool) for tool in allowed)
    example = (allowed or list(tools))[0] if tools else None
    real = render_calls([(example.name, encode_str(prompt.example_arguments(example)))]) if example else ""
    return f"""# Tools

## functions

Each line declares a function with a JSON Schema of its parameters:
{lines}

Valid channels: analysis, commentary, final. Calls to these functions must go to the commentary channel:
{_call("FUNCTION_NAME", '{"PARAMETER_NAME": "VALUE"}')}

For example, a call to {example.name if example else "a function"}:
{real}

Rules:
{prompt.rules(choice, parallel=parallel)}"""


HARMONY = Dialect(name="harmony", grammars=(GRAMMAR,), writer=Writer(render_tools, render_calls, render_result))
