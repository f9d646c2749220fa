"""`internlm2`: an envelope between tokens.

```
<|action_start|><|plugin|>
{"name": "F", "parameters": {…}}<|action_end|>
```
vLLM reads it with `--tool-call-parser internlm`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar, WrittenCall
from toolgate_core.dialects.writing import definition_list, json_call, standard_writer

GRAMMAR = EnvelopeGrammar(
    tokens=("<|action_start|>",),
    close_tokens=("<|action_end|>",),
    open=r"<\|action_start\|>\s{0,16}<\|plugin\|>",
    special=True,
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "".join(
        f"<|action_start|><|plugin|>\n{json_call(call, arguments='parameters')}<|action_end|>" for call in calls
    )


INTERNLM2 = Dialect(
    name="internlm2",
    models="InternLM 2, 2.5 and 3, Intern-S1",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, definitions=definition_list),
    ends=("<|im_end|>",),
    aliases=("internlm", "intern_s1", "interns1"),
)
