"""`qwen25`: `hermes` as Qwen 2.5 speaks it, which often writes its calls into a code fence instead.

````
```json
{"name": "F", "arguments": {…}}
```
````
A fence counts only where it is the whole text, and where each call in it names a declared tool and fits its schema:
these models also answer in JSON.
Behind vLLM's parser `hermes` such calls stay text.
"""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.dialects.catalog import hermes
from toolgate_core.dialects.catalog.generic import ALONE, FENCED

QWEN25 = replace(
    hermes.HERMES,
    name="qwen25",
    models="Qwen 2.5, Qwen 2.5 Coder",
    grammars=(hermes.GRAMMAR, FENCED, ALONE),
    aliases=("qwen2_5",),
)
