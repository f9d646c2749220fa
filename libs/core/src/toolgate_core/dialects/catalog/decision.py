"""`decision`: the decision JSON of the constrained strategies, which a model can also follow without a constraint.

```
{"action": "call", "calls": [{"name": "F", "arguments": {…}}]}
{"action": "answer", "answer": "text"}
```
Source: our own `toolgate_core.schema.decision`, which also makes the schema that is sent upstream.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import DecisionGrammar, Dialect, EnvelopeGrammar, Writer, WrittenCall
from toolgate_core.dialects.writing import definition_lines, json_call, result_object, worked_example
from toolgate_core.types.requests import ToolChoice, ToolDefinition

GRAMMAR = DecisionGrammar(
    tokens=("{", "```json\n{", "```\n{", "```json {", "```json\n\n{"),
    special=True,
    auto=False,
    envelope=EnvelopeGrammar(),
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return the decision to make these calls."""
    items = ", ".join(map(json_call, calls))
    return f'{{"action": "call", "calls": [{items}]}}'


def render_result(name: str, call_id: str, content: str) -> str:
    """Return a result as JSON, with markup in it escaped."""
    return f"<tool_result>\n{result_object(name, call_id, content)}\n</tool_result>"


def render_tools(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
    """Return the system block."""
    allowed = prompt.permitted(tools, choice)
    example, real = worked_example(render_calls, allowed or tools)
    answer = (
        ""
        if choice.forced
        else """
To answer without a tool:
{"action": "answer", "answer": "TEXT FOR THE USER"}
"""
    )
    return f"""You decide what happens next: call tools, or answer.
You have these tools, with JSON Schemas of their parameters:
<tools>
{definition_lines(allowed)}
</tools>

Write exactly one JSON object and nothing else: no text before or after it, no code fence.

To call tools:
{{"action": "call", "calls": [{{"name": "TOOL_NAME", "arguments": {{"PARAMETER_NAME": "VALUE"}}}}]}}

For example, a call to {example or "a tool"}:
{real}
{answer}
Results of calls come back in <tool_result> blocks.

Rules:
{prompt.calling_rules(choice, parallel=parallel).replace("answer in plain text without a call", "answer")}"""


DECISION = Dialect(
    name="decision",
    models="any model behind a grammar",
    grammars=(GRAMMAR,),
    writer=Writer(render_tools, render_calls, render_result),
)
