"""`react`: the classic loop of thought, action and observation.

```
Thought: …
Action: F
Action Input: {…}
Observation:
```
Source: the ReAct paper's loop (https://arxiv.org/abs/2210.03629), as agent frameworks prompt for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, NamedGrammar, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import escape_lt, standard_writer
from toolgate_core.jsontext import encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = NamedGrammar(
    tokens=("Action:", "Action 1:", "Action 2:", "Action 3:"),
    where="line",
    auto=False,
    call=r"Action(?: \d)?:[ \t]{0,8}(?P<name>[^\n`{}]{1,256}?)[ \t]{0,8}\r?\n\s{0,8}"
    r"Action(?: \d)? Input(?: \d)?:\s{0,16}",
    close=r"Observation(?: \d)?:",
)
FENCED = EnvelopeGrammar(
    tokens=("Action:",),
    where="line",
    auto=False,
    open=r"Action:\s{0,8}```(?:json)?\s{0,16}(?=[\[{])",
    close=r"```",
    name_keys=("tool_name", "name"),
    argument_keys=("parameters", "arguments"),
)


INTRO = "Answer the following questions as best you can. You have access to the following tools:\n"
FORM = "Use the following format, with a line 'Thought: ' before it where you need one:"
NOTE = (
    "The action is the name of one of the tools, its input is a JSON object. For several actions, repeat both lines. "
    "Results come back as 'Observation: '."
)
_LABEL = re.compile(
    r"^([ \t]*(?:Action|Action Input|Observation|Thought|Final Answer)(?: \d)?(?: Input)?):", re.MULTILINE
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one line each."""
    return "\n".join(
        f"{tool.name}: {tool.description} Parameters: {encode_str(tool.parameters)} "
        "Format the arguments as a JSON object."
        for tool in tools
    )


def _call(call: WrittenCall) -> str:
    return f"Action: {call.name}\nAction Input: {escape_lt(call.arguments)}"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return the actions."""
    return "\n".join(map(_call, calls))


def render_result(_name: str, _call_id: str, content: str) -> str:
    """Return a result as an observation; no line of it begins like one of the loop's own."""
    return "Observation: " + _LABEL.sub(r"\1&#58;", escape_markup(content))


REACT = Dialect(
    name="react",
    models="any model that is prompted so",
    grammars=(GRAMMAR, FENCED),
    writer=standard_writer(
        render_calls, intro=INTRO, definitions=definitions, form=FORM, note=NOTE, result=render_result
    ),
)
