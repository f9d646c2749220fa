"""`hermes`: a JSON envelope in `<tool_call>` tags (Hermes 2 Pro and later, Qwen 3, QwQ, many fine-tunes).

```
<tool_call>
{"name": "F", "arguments": {…}}
</tool_call>
```
Source: the prompt format of Hermes 2 Pro, which Qwen's chat templates took over.
vLLM reads it with `--tool-call-parser hermes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, Writer, WrittenCall
from toolgate_core.dialects.writing import definitions_in_tools_tag, json_call, result_object, worked_example
from toolgate_core.types.requests import ToolChoice, ToolDefinition

GRAMMAR = EnvelopeGrammar(tags=("tool_call",), close_tags=("tool_call",), yaml=True)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "\n".join(f"<tool_call>\n{json_call(call)}\n</tool_call>" for call in calls)


def render_result(name: str, call_id: str, content: str) -> str:
    """Return a result as JSON, with markup in it escaped."""
    return f"<tool_response>\n{result_object(name, call_id, content)}\n</tool_response>"


def render_tools(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
    """Return the system block."""
    allowed = prompt.permitted(tools, choice)
    example, real = worked_example(render_calls, allowed or tools)
    return f"""You are a function calling AI model.
You are provided with function signatures within <tools></tools> XML tags:
{definitions_in_tools_tag(allowed)}

For each function call, return a JSON object with the function's name and its arguments within <tool_call></tool_call>
XML tags:
<tool_call>
{{"name": "FUNCTION_NAME", "arguments": {{"ARGUMENT_NAME": "VALUE"}}}}
</tool_call>

For example, a call to {example or "a function"}:
{real}

Write one <tool_call> block per call. Results come back in <tool_response></tool_response> XML tags.

Rules:
{prompt.calling_rules(choice, parallel=parallel)}"""


HERMES = Dialect(
    name="hermes",
    models="Hermes 2 Pro, 3 and 4, Qwen 3, QwQ, Arcee Trinity, many fine-tunes",
    grammars=(GRAMMAR,),
    writer=Writer(render_tools, render_calls, render_result),
    ends=("<|im_end|>", "<|endoftext|>"),
    aliases=("qwen", "qwen3", "trinity"),
)
