"""`ernie45`: hermes' envelope after `</think>`; plain answers are wrapped in `<response>`.

```
…</think>


<tool_call>
{"name": "F", "arguments": {…}}
</tool_call>
```
A line break may come as the byte token `<0x0A>`. vLLM reads it with `--tool-call-parser ernie45`.
"""

from __future__ import annotations

from toolgate_core.dialects.base import Dialect, EnvelopeGrammar
from toolgate_core.dialects.catalog import granite4, hermes

BYTES = EnvelopeGrammar(
    tags=("tool_call",),
    close_tags=("tool_call",),
    open=r"<tool_call>(?:\s{0,4}<0x0A>){1,4}(?=\s{0,16}[{\[])",
    auto=False,
)

ERNIE45 = Dialect(
    name="ernie45",
    models="ERNIE 4.5 Thinking",
    grammars=(BYTES, hermes.GRAMMAR),
    writer=granite4.GRANITE4.writer,
    wrappers=("<response>", "</response>", "<0x0A>"),
    ends=("</s>", "<|im_end|>"),
)
