"""`deepseek_v3`: the name after a separator, the arguments in a code fence.

```
<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>F
```json
{…}
```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
```
The bars and the underscores of the tokens are U+FF5C and U+2581; plain ones have been seen.
The fence is part of the form. vLLM reads it with `--tool-call-parser deepseek_v3`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, WrittenCall
from toolgate_core.dialects.writing import SIGNATURES, escape_lt, result_between, standard_writer

_BAR, _GAP = r"[｜|]?", r"[▁_ ]"
SECTION = rf"<{_BAR}tool{_GAP}calls{_GAP}begin{_BAR}>"
SECTION_CLOSE = rf"<{_BAR}tool{_GAP}calls{_GAP}end{_BAR}>"
CALL = rf"<{_BAR}tool{_GAP}call{_GAP}begin{_BAR}>"
CALL_CLOSE = rf"<{_BAR}tool{_GAP}call{_GAP}end{_BAR}>"
SEPARATOR = rf"<{_BAR}tool{_GAP}sep{_BAR}>"


def spellings(word: str) -> tuple[str, ...]:
    """Return a token in all ways in which its bars and underscores have been seen."""
    return tuple(f"<{bar}{word.replace(' ', gap)}{bar}>" for bar in ("｜", "|", "") for gap in ("▁", "_", " "))


TOKENS = spellings("tool calls begin") + spellings("tool call begin")
CLOSE_TOKENS = spellings("tool calls end") + spellings("tool call end")
OUTPUTS = tuple(
    token
    for word in ("outputs begin", "output begin", "output end", "outputs end")
    for token in spellings(f"tool {word}")
    if token[1] in "｜|"
)
"""Around results, which only an invented one brings into an answer."""

GRAMMAR = NamedGrammar(
    tokens=TOKENS,
    close_tokens=CLOSE_TOKENS,
    special=True,
    call=rf"(?:{SECTION}\s{{0,16}})?{CALL}\s{{0,16}}(?:(?:function\s{{0,4}})?{SEPARATOR}(?P<name>[^\n<{{`]{{1,256}})(?=[\n<{{`])"
    rf"|(?P<name>[^\n<{{`]{{1,256}}?)\s{{0,16}}(?=```))",
    close=rf"(?:```\s*)?(?:{CALL_CLOSE}|{SECTION_CLOSE})",
    empty=rf"{SECTION}\s{{0,64}}{SECTION_CLOSE}",
)


FORM = "For function calls, first print <｜tool▁calls▁begin｜>, then each call, at the end <｜tool▁calls▁end｜>:"
NOTE = (
    "Several calls stand one per line between these two. Results come back in the order of the calls, each between "
    "<｜tool▁output▁begin｜> and <｜tool▁output▁end｜>."
)


def _call(call: WrittenCall) -> str:
    fence = f"```json\n{escape_lt(call.arguments)}\n```"
    return f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{call.name}\n{fence}<｜tool▁call▁end｜>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls."""
    return f"<｜tool▁calls▁begin｜>{chr(10).join(map(_call, calls))}<｜tool▁calls▁end｜>"


DEEPSEEK_V3 = Dialect(
    name="deepseek_v3",
    models="DeepSeek V3, R1-0528",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=f"# Tools\n\n{SIGNATURES}",
        form=FORM,
        note=NOTE,
        result=result_between(
            "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>", "<｜tool▁output▁end｜><｜tool▁outputs▁end｜>"
        ),
    ),
    wrappers=OUTPUTS,
    ends=("<｜end▁of▁sentence｜>",),
    aliases=("deepseekv3", "deepseek_r1"),
)
