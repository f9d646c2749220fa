"""`llama4_pythonic`: `pythonic`, sometimes between tokens, sometimes without brackets.

```
<|python_start|>[f(a="x")]<|python_end|>
```
vLLM reads it with `--tool-call-parser llama4_pythonic`.
"""

from __future__ import annotations

from toolgate_core.dialects.base import Dialect, PythonGrammar
from toolgate_core.dialects.catalog import pythonic
from toolgate_core.dialects.writing import definition_list, standard_writer

GRAMMAR = PythonGrammar(
    tokens=("<|python_start|>",),
    close_tokens=("<|python_end|>",),
    special=True,
    open=r"<\|python_start\|>",
    close=r"<\|python_end\|>",
)

LLAMA4_PYTHONIC = Dialect(
    name="llama4_pythonic",
    models="Llama 4",
    grammars=(GRAMMAR, pythonic.FIRST, pythonic.GRAMMAR),
    writer=standard_writer(
        pythonic.render_calls,
        intro="Here is a list of functions in JSON format that you can invoke:",
        definitions=definition_list,
        form="Use this exact format:",
        note=pythonic.NOTE,
    ),
    ends=("<|eot|>", "<|eom|>", "<|end_of_text|>"),
)
