"""`harmony`: gpt-oss's message format, as far as its special tokens leak into text.

```
<|channel|>analysis<|message|>reasoning<|end|>
<|start|>assistant<|channel|>commentary to=functions.F <|constrain|>json<|message|>{…}<|call|>
<|start|>assistant<|channel|>final<|message|>answer<|return|>
```
Prompts for such models are written by the server's own template, so what is written here is plain harmony text.
Source: https://cookbook.openai.com/articles/openai-harmony. vLLM: `--tool-call-parser openai`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, MessageGrammar, WrittenCall
from toolgate_core.dialects.typescript import functions_namespace
from toolgate_core.dialects.writing import escape_lt, standard_writer

GRAMMAR = MessageGrammar(
    tokens=("<|channel|>", "<|start|>", "assistant<|channel|>", " to=functions.", "\nto=functions."),
    close_tokens=("<|end|>", "<|call|>", "<|return|>"),
    special=True,
    begins=r"(?:(?:assistant)?(?:analysis|commentary) )?to=functions\.",
    reasoning=frozenset(("analysis",)),
    content=frozenset(("final", "commentary")),
)
GLUED = replace(
    GRAMMAR,
    tokens=("assistantanalysis", "assistantcommentary", "assistantfinal"),
    begins=r"(?:assistant)?(?:analysis|commentary|final)(?=[A-Z0-9\"'(\u0080-\U0010ffff])",
    auto=False,
    glued=True,
)


INTRO = "# Tools\n\n## functions\n"
FORM = "Valid channels: analysis, commentary, final. Calls to these functions must go to the commentary channel:"
NOTE = "The arguments are JSON. Several calls are several messages. Results come back in <tool_response> blocks."


def _call(call: WrittenCall) -> str:
    header = f"<|channel|>commentary to=functions.{call.name} <|constrain|>json"
    return f"{header}<|message|>{escape_lt(call.arguments)}<|call|>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one message per call, without the tokens of the turn, which are the server's."""
    return "".join(map(_call, calls))


HARMONY = Dialect(
    name="harmony",
    models="gpt-oss",
    grammars=(GRAMMAR, GLUED),
    writer=standard_writer(render_calls, intro=INTRO, definitions=functions_namespace, form=FORM, note=NOTE),
    aliases=("openai", "gpt_oss"),
)
