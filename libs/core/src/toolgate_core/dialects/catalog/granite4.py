"""`granite4`: hermes' envelope; the arguments may be JSON text in a string, or the body YAML.

```
<tool_call>
{"name": "F", "arguments": {…}}
</tool_call>
```
vLLM reads it with `--tool-call-parser granite4` or `hermes`.
"""

from __future__ import annotations

from toolgate_core.dialects.base import Dialect
from toolgate_core.dialects.catalog import hermes
from toolgate_core.dialects.writing import SIGNATURES, result_between, standard_writer

INTRO = f"You are a helpful assistant with access to the following tools. {SIGNATURES}"
FORM = "For each function call, return a JSON object with the function's name and its arguments within XML tags:"
NOTE = "Several calls are several <tool_call> blocks. Results come back in <tool_response> blocks."

GRANITE4 = Dialect(
    name="granite4",
    models="Granite 4",
    grammars=(hermes.GRAMMAR,),
    writer=standard_writer(
        hermes.render_calls,
        intro=INTRO,
        form=FORM,
        note=NOTE,
        result=result_between("<tool_response>\n", "\n</tool_response>"),
    ),
    ends=("<|end_of_text|>",),
)
