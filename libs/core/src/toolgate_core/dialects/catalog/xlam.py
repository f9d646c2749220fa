"""`xlam`: an array of envelopes in one of five shapes: bare, after reasoning, in a fence, after a token, in a tag.

```
[{"name": "F", "arguments": {…}}]
```
vLLM reads it with `--tool-call-parser xlam`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, PayloadGrammar, WrittenCall
from toolgate_core.dialects.catalog import hermes, mistral
from toolgate_core.dialects.catalog.generic import PAYLOAD
from toolgate_core.dialects.writing import definition_list, json_call_list, standard_writer

GRAMMAR: PayloadGrammar = replace(PAYLOAD, arguments_only=False)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array."""
    return json_call_list(calls)


XLAM = Dialect(
    name="xlam",
    models="xLAM",
    grammars=(GRAMMAR, mistral.ARRAY, hermes.GRAMMAR),
    writer=standard_writer(
        render_calls,
        intro="You have access to a set of tools. The available tools are:",
        definitions=definition_list,
        form="When using tools, make calls in a single JSON array:",
    ),
    ends=("<|im_end|>", "<|eot_id|>"),
)
