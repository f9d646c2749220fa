"""Frames' common part: the arguments as one JSON object, and what closes the call behind it."""

from __future__ import annotations

from io import StringIO

import regex

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError, TruncatedBlockError
from toolgate_core.extraction.json_values import read_arguments, scan_value
from toolgate_core.extraction.repair import repair_block, skip_to_edge, value_is_complete

_STRAYS = "}],;"
_FENCE = regex.compile(r"```\w{0,16}(?=[\s{])")


def read_object(
    reader: BlockReader, call: CallWriter, close: regex.Pattern[str], edges: regex.Pattern[str], *, marked: bool
) -> Steps[bool]:
    """Read the object and the closer, and write the end of the call; false where it turns out to be none.

    `marked`: what stands before the object can't be ordinary text, so that a broken one is a broken call. No object
    before the closer means no arguments. `edges` are where a broken object ends at the latest; the group `other` is set
    where such an edge is not the closer.
    """
    cursor = reader.cursor
    fenced = (yield from cursor.space()) == "`" and (yield from cursor.expect(_FENCE, window=64)) is not None
    complete = yield from _arguments(reader, call, edges)
    if call.tool is None and not complete:
        if not marked:
            return False
        reader.sink.discard()
        reader.sink.drop("bad_json" if cursor.end is None or reader.stopped else "cut", "arguments")
        return True
    call.end(complete=complete)
    strays = ""
    known = _STRAYS + "`" if fenced else _STRAYS
    while (char := (yield from cursor.space())) and char in known and not (yield from cursor.comes(close)):
        strays += cursor.take(1)
    reader.sink.drop("markup", strays)
    yield from cursor.closes(close)
    return True


def _arguments(reader: BlockReader, call: CallWriter, edges: regex.Pattern[str]) -> Steps[bool]:
    """Read the arguments; false where they can't be read."""
    cursor = reader.cursor
    char = yield from cursor.space()
    tape = cursor.record()
    try:
        if char == "{":
            yield from scan_value(reader, tape, call)
            if call.tail and not (yield from value_is_complete(cursor, edges)):
                raise MalformedBlockError
        elif char == '"':
            yield from read_arguments(reader, call, tape)
        elif not (yield from cursor.comes(edges)):
            raise MalformedBlockError
    except TruncatedBlockError:
        return False
    except TooLargeError:
        call.add_repairs("too_large")
        yield from skip_to_edge(cursor, edges)
        return False
    except MalformedBlockError:
        return (yield from _repaired(reader, call, tape, edges))
    finally:
        cursor.stop(tape)
    return True


def _repaired(reader: BlockReader, call: CallWriter, tape: StringIO, edges: regex.Pattern[str]) -> Steps[bool]:
    repaired = yield from repair_block(reader, tape, edges)
    if isinstance(repaired, str):
        return False
    call.add_repairs(*repaired.repairs)
    try:
        return call.write_value(repaired.value)
    except TooLargeError:
        call.add_repairs("too_large")
        return False
