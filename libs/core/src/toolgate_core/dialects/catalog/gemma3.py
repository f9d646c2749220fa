"""`gemma3`: `pythonic`, often in a fence `tool_code`, with its calls printed or assigned; or JSON in a fence.

````
```tool_code
print(f(a="x", b=1))
```
````
Gemma 3's template defines no form; these are the ones that it writes. vLLM: `pythonic`.
"""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.dialects.catalog import pythonic
from toolgate_core.dialects.catalog.gemma4 import TOOL_CODE
from toolgate_core.dialects.catalog.generic import ALONE, FENCED

GEMMA3 = replace(
    pythonic.PYTHONIC,
    name="gemma3",
    models="Gemma 3",
    grammars=(*pythonic.PYTHONIC.grammars, TOOL_CODE, FENCED, ALONE),
    ends=("<end_of_turn>", "<eos>"),
    aliases=("gemma",),
)
