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
from toolgate_core.extraction.json_reader import BadBodyError
from toolgate_core.extraction.json_values import scan_value
from toolgate_core.extraction.objects import read_object
from toolgate_core.jsontext import JsonTextError, decode_fields
from toolgate_core.schema.toolset import Tool

MAX_HEADER = 1024


class NamedMarks(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    call: regex.Pattern[str]
    close: regex.Pattern[str]
    empty: regex.Pattern[str]
    alone: regex.Pattern[str]
    ends: regex.Pattern[str]
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
        alone=regex.compile(f"(?:{grammar.alone or '(?!)'})(?={close}|{opens})", regex.IGNORECASE),
        ends=regex.compile(grammar.alone or "(?!)", regex.IGNORECASE),
        edges=regex.compile(f"{close}|(?P<other>{opens})", regex.IGNORECASE),
    )


def read_named(reading: Reading, grammar: NamedGrammar) -> Steps[bool]:
    """Read one call; false where it is none."""
    cursor, mark = reading.cursor, named_marks(grammar)
    match = yield from cursor.expect(mark.call, window=MAX_HEADER)
    if match is None and (yield from cursor.expect(mark.empty, window=MAX_HEADER)) is not None:
        return True
    if match is None and grammar.alone:
        return (yield from _alone(reading, mark))
    if match is None or (grammar.declared and reading.toolset.get(match["name"]) is None):
        return False
    call = Call(reading)
    call.call_id = match.groupdict().get("id")
    name = match["name"]
    if grammar.counted and name.isdigit() and reading.tool(name) is None:
        name = (yield from _inferred(reading)) or name
    if not call.begin(name):
        return False
    if (
        call.tool is None
        and (yield from cursor.space()) not in ("{", "`")
        and not (yield from cursor.comes(mark.close))
    ):
        return False
    return (yield from read_object(reading, call, mark.close, mark.edges, marked=False))


def _alone(reading: Reading, mark: NamedMarks) -> Steps[bool]:
    """Read the call of a tool that gets no arguments; false where it is none."""
    cursor = reading.cursor
    match = yield from cursor.comes(mark.alone, window=MAX_HEADER)
    if match is None and reading.stopped:  # where the text was cut, the arguments may have been
        match = mark.ends.fullmatch(cursor.text, cursor.pos)
    if match is None or reading.tool(match["name"]) is None:
        return False
    cursor.take(match.end() - cursor.pos)
    call = Call(reading)
    call.begin(match["name"])
    call.end()
    return True


def _inferred(reading: Reading) -> Steps[str]:
    """Return the only tool, or the only one that has the arguments which stand here; empty where there is none."""
    if len(reading.toolset.names) == 1:
        return reading.toolset.names[0]
    cursor = reading.cursor
    tape, keys = cursor.record(), set[str]()
    try:
        if reading.patience and (yield from cursor.space()) == "{":
            reading.patience -= 1
            yield from scan_value(reading, tape, None)
            keys = {*decode_fields(tape.getvalue().encode())}
    except (BadBodyError, JsonTextError):
        pass  # whoever reads the arguments says what is wrong with them
    finally:
        cursor.stop(tape)
        cursor.unread(tape.getvalue())
    fitting = [name for name in reading.toolset.names if keys and _has(reading.toolset.get(name), keys)]
    return fitting[0] if len(fitting) == 1 else ""


def _has(tool: Tool | None, keys: set[str]) -> bool:
    properties = tool.parameters.get("properties") if tool is not None else None
    return isinstance(properties, dict) and tool is not None and set(tool.required) <= keys <= properties.keys()
