"""Frame: the name in a header, the arguments as one JSON object behind it.

```
call = header with NAME  object  [close]
```
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import NamedGrammar
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.objects import read_object

MAX_HEADER = 1024


class NamedMarks(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    call: regex.Pattern[str]
    close: regex.Pattern[str]
    empty: regex.Pattern[str]
    edges: regex.Pattern[str]


@cache
def named_marks(grammar: NamedGrammar) -> NamedMarks:
    """Return the patterns of a grammar."""
    close = grammar.close or "(?!)"
    opens = "|".join(regex.escape(token) for token in grammar.tokens) or "(?!)"
    return NamedMarks(
        call=regex.compile(grammar.call, regex.IGNORECASE),
        close=regex.compile(close, regex.IGNORECASE),
        empty=regex.compile(grammar.empty or "(?!)", regex.IGNORECASE),
        edges=regex.compile(f"{close}|(?P<other>{opens})", regex.IGNORECASE),
    )


def read_named(reading: Reading, grammar: NamedGrammar) -> Steps[bool]:
    """Read one call; false where it is none."""
    cursor, mark = reading.cursor, named_marks(grammar)
    match = yield from cursor.expect(mark.call, window=MAX_HEADER)
    if match is None and (yield from cursor.expect(mark.empty, window=MAX_HEADER)) is not None:
        return True
    if match is None or (grammar.declared and reading.toolset.get(match["name"]) is None):
        return False
    call = Call(reading)
    call.call_id = match.groupdict().get("id")
    if not call.begin(match["name"]):
        return False
    if (
        call.tool is None
        and (yield from cursor.space()) not in ("{", "`")
        and not (yield from cursor.comes(mark.close))
    ):
        return False
    return (yield from read_object(reading, call, mark.close, mark.edges, marked=False))
