"""Frame: the name in a header, the arguments as one JSON object after it (Kimi K2, DeepSeek V3, Mistral v11 …).

```
call = header with NAME [id]  object  [close]
```
A header of special tokens is not enough to be sure: models write about their tokens. So a name that no tool has counts
only with an object or the closer after it, and a call without arguments only at the end of a text or before another
marker. Kimi counts its calls in the header (`functions.get_weather:0`) and sometimes writes the number in the place of
the name; then the tool is inferred from the arguments, if only one tool has parameters of these names.

What may wait: a header of at most MAX_HEADER characters. Bounds: those of `object_arguments`; looking at the arguments
for a missing name reads them twice, which counts as a reread.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import NamedGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.extraction.json_reader import MalformedBlockError
from toolgate_core.extraction.json_values import scan_value
from toolgate_core.extraction.object_arguments import read_object
from toolgate_core.jsontext import JsonTextError, decode_fields
from toolgate_core.schema.toolset import Tool

MAX_HEADER = 1024


class NamedPatterns(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    call: regex.Pattern[str]
    close: regex.Pattern[str]
    empty: regex.Pattern[str]
    alone: regex.Pattern[str]
    ends: regex.Pattern[str]
    edges: regex.Pattern[str]


@cache
def named_patterns(grammar: NamedGrammar) -> NamedPatterns:
    """Return the patterns of a grammar."""
    close = grammar.close or "(?!)"
    opens = "|".join(regex.escape(token) for token in grammar.tokens) or "(?!)"
    return NamedPatterns(
        call=regex.compile(grammar.call, regex.IGNORECASE),
        close=regex.compile(close, regex.IGNORECASE),
        empty=regex.compile(grammar.empty or "(?!)", regex.IGNORECASE),
        alone=regex.compile(f"(?:{grammar.no_arguments or '(?!)'})(?={close}|{opens})", regex.IGNORECASE),
        ends=regex.compile(grammar.no_arguments or "(?!)", regex.IGNORECASE),
        edges=regex.compile(f"{close}|(?P<other>{opens})", regex.IGNORECASE),
    )


def read_named(reader: BlockReader, grammar: NamedGrammar) -> Steps[bool]:
    """Read one call; false if it is not one."""
    cursor, patterns = reader.cursor, named_patterns(grammar)
    match = yield from cursor.read_match(patterns.call, window=MAX_HEADER)
    # Tokens around nothing: markup, and no error.
    if match is None and (yield from cursor.read_match(patterns.empty, window=MAX_HEADER)) is not None:
        return True
    if match is None and grammar.no_arguments:
        return (yield from _read_call_without_arguments(reader, patterns))
    if match is None or (grammar.declared_only and reader.toolset.get(match["name"]) is None):
        return False
    call = CallWriter(reader)
    call.call_id = match.groupdict().get("id")
    name = match["name"]
    # `<|tool_call_begin|>0<|…`: Kimi left out the name. A tool that is called "0" would come first.
    if grammar.numbered and name.isdigit() and reader.tool(name) is None:
        name = (yield from _infer_name(reader)) or name
    if not call.begin(name):
        return False
    if call.tool is None and not (yield from _goes_on(cursor, patterns)):
        return False
    return (yield from read_object(reader, call, patterns.close, patterns.edges, marked=False))


def _goes_on(cursor: Cursor, patterns: NamedPatterns) -> Steps[bool]:
    """Whether an unknown name is followed by arguments or by the closer, so that it is one of a tool."""
    if (yield from cursor.skip_space()) in ("{", "`"):
        return True
    return (yield from cursor.peek_match(patterns.close)) is not None


def _read_call_without_arguments(reader: BlockReader, patterns: NamedPatterns) -> Steps[bool]:
    """Read the call of a tool that gets no arguments; false if it is not one."""
    cursor = reader.cursor
    match = yield from cursor.peek_match(patterns.alone, window=MAX_HEADER)
    # At the end of a text that the model ended, nothing can follow the name any more.
    if match is None and reader.stopped:  # where the text was cut, the arguments may have been
        match = patterns.ends.fullmatch(cursor.text, cursor.pos)
    if match is None or reader.tool(match["name"]) is None:
        return False
    cursor.take(match.end() - cursor.pos)
    call = CallWriter(reader)
    call.begin(match["name"])
    call.end()
    return True


def _infer_name(reader: BlockReader) -> Steps[str]:
    """Return the only tool, or the only one that has the arguments which are here; empty where there is none."""
    if len(reader.toolset.names) == 1:
        return reader.toolset.names[0]
    cursor = reader.cursor
    tape, keys = cursor.record(), set[str]()
    try:
        if reader.rereads_left and (yield from cursor.skip_space()) == "{":
            reader.rereads_left -= 1
            yield from scan_value(reader, tape, None)
            keys = {*decode_fields(tape.getvalue().encode())}
    except (MalformedBlockError, JsonTextError):
        pass  # reading the arguments as those of a call reports what is wrong with them
    finally:
        cursor.stop(tape)
        cursor.put_back(tape.getvalue())
    # Two tools that fit are not an answer: a guess would be a valid call to the wrong tool.
    fitting = [name for name in reader.toolset.names if keys and _accepts_keys(reader.toolset.get(name), keys)]
    return fitting[0] if len(fitting) == 1 else ""


def _accepts_keys(tool: Tool | None, keys: set[str]) -> bool:
    properties = tool.parameters.get("properties") if tool is not None else None
    return isinstance(properties, dict) and tool is not None and set(tool.required) <= keys <= properties.keys()
