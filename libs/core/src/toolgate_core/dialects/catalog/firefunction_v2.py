"""`firefunction_v2`: Phi-4-mini's form, after a space.

```
 functools[{"name": "F", "arguments": {…}}]
```
Firefunction writes a space before the word.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, WrittenCall
from toolgate_core.dialects.catalog import phi4mini
from toolgate_core.dialects.writing import definition_list, json_call_list, standard_writer


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one array; the space belongs to the token."""
    return f" functools{json_call_list(calls)}"


FIREFUNCTION_V2 = Dialect(
    name="firefunction_v2",
    models="Firefunction v2",
    grammars=(phi4mini.GRAMMAR,),
    writer=standard_writer(render_calls, definitions=definition_list),
    ends=("<|eot_id|>",),
    aliases=("firefunction",),
)
