"""`functionary32`: segments to a recipient: `all` is the user, any other name a tool.

```
>>>all
text>>>F
{…}
```
The prompt ends with `>>>`, so that the first segment begins without it.
Source: the chat template of MeetKai's Functionary v3.2. The first segment has no `>>>`, because the prompt ends with
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.typescript import functions_namespace
from toolgate_core.dialects.writing import escape_lt, standard_writer

GRAMMAR = NamedGrammar(
    tokens=(">>>",),
    auto=False,
    declared_only=True,
    begins=r"(?!all\n)[A-Za-z_][\w.-]{0,255}\n\s{0,16}\{",
    call=r"(?:>>>)?(?P<name>[A-Za-z_][\w.-]{0,255})[ \t]{0,4}\n\s{0,16}",
    close=r"(?=>>>)",
)


INTRO = (
    "You are capable of executing available function(s) if required.\n"
    "Only execute function(s) when absolutely necessary.\n"
    "Ask for the required input to:recipient==all\n"
    "Use JSON for function arguments.\n"
    "Respond in this format:\n>>>${recipient}\n${content}\n"
    "Available functions:\n// Supported function definitions that should be called when necessary."
)
NOTE = (
    "For several calls, write one segment behind the other. Text for the user goes to the recipient all. "
    "Results come back in <tool_response> blocks."
)


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one segment per call."""
    return "".join(f">>>{call.name}\n{escape_lt(call.arguments)}" for call in calls)


FUNCTIONARY32 = Dialect(
    name="functionary32",
    models="Functionary 3.2",
    grammars=(GRAMMAR,),
    writer=standard_writer(render_calls, intro=INTRO, definitions=functions_namespace, note=NOTE),
    wrappers=(">>>all\n",),
    start_patterns=("all\n",),
    ends=("<|eot_id|>",),
    aliases=("functionary_v3_2", "functionary_3_2"),
)
