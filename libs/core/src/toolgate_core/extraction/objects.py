"""Frames' common part: the arguments as one JSON object, and what closes the call behind it."""

from __future__ import annotations

from io import StringIO

import regex

from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, CutBodyError, TooLargeError
from toolgate_core.extraction.json_values import read_arguments, scan_value
from toolgate_core.extraction.mend import mend, skip, stands

_STRAYS = "}],;"
_FENCE = regex.compile(r"```\w{0,16}(?=[\s{])")


def read_object(
    reading: Reading, call: Call, close: regex.Pattern[str], edges: regex.Pattern[str], *, marked: bool
) -> Steps[bool]:
    """Read the object and the closer, and write the end of the call; false where it turns out to be none.

    `marked`: what stands before the object can't be ordinary text, so that a broken one is a broken call. No object
    before the closer means no arguments. `edges` are where a broken object ends at the latest; the group `other` is set
    where such an edge is not the closer.
    """
    cursor = reading.cursor
    fenced = (yield from cursor.space()) == "`" and (yield from cursor.expect(_FENCE, window=64)) is not None
    complete = yield from _arguments(reading, call, edges)
    if call.tool is None and not complete:
        if not marked:
            return False
        reading.sink.discard()
        reading.sink.drop("bad_json" if cursor.end is None or reading.stopped else "cut", "arguments")
        return True
    call.end(complete=complete)
    strays = ""
    known = _STRAYS + "`" if fenced else _STRAYS
    while (char := (yield from cursor.space())) and char in known and not (yield from cursor.comes(close)):
        strays += cursor.take(1)
    reading.sink.drop("markup", strays)
    yield from cursor.closes(close)
    return True


def _arguments(reading: Reading, call: Call, edges: regex.Pattern[str]) -> Steps[bool]:
    """Read the arguments; false where they can't be read."""
    cursor = reading.cursor
    char = yield from cursor.space()
    tape = cursor.record()
    try:
        if char == "{":
            yield from scan_value(reading, tape, call)
            if call.tail and not (yield from stands(cursor, edges)):
                raise BadBodyError
        elif char == '"':
            yield from read_arguments(reading, call, tape)
        elif not (yield from cursor.comes(edges)):
            raise BadBodyError
    except CutBodyError:
        return False
    except TooLargeError:
        call.repaired("too_large")
        yield from skip(cursor, edges)
        return False
    except BadBodyError:
        return (yield from _mended(reading, call, tape, edges))
    finally:
        cursor.stop(tape)
    return True


def _mended(reading: Reading, call: Call, tape: StringIO, edges: regex.Pattern[str]) -> Steps[bool]:
    mended = yield from mend(reading, tape, edges)
    if isinstance(mended, str):
        return False
    call.repaired(*mended.repairs)
    try:
        return call.write_value(mended.value)
    except TooLargeError:
        call.repaired("too_large")
        return False
