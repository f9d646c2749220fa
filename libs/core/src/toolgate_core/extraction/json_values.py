"""JSON that stands in a block, read into a call as it comes: short strings, arguments, values of no interest."""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.calls import MAX_NAME, Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, CutBodyError, JsonScan, TooLargeError, read_string
from toolgate_core.extraction.mend import MAX_BODY

MAX_BLOCK = 16 * MAX_BODY


def short_string(reading: Reading) -> Steps[str]:
    """Read a JSON string of at most 256 characters."""
    pieces: list[str] = []

    def put(piece: str) -> None:
        pieces.append(piece)
        if sum(map(len, pieces)) > MAX_NAME:
            raise BadBodyError

    yield from read_string(reading.cursor, put)
    return "".join(pieces)


def read_arguments(reading: Reading, call: Call, tape: StringIO) -> Steps[None]:
    """Read the arguments: an object, the JSON text of one inside a string, or null."""
    char = yield from reading.cursor.peek()
    if char == '"':
        pieces: list[str] = []
        size = 0

        def put(piece: str) -> None:
            nonlocal size
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY:
                raise TooLargeError

        yield from read_string(reading.cursor, put)
        if not call.write_text("".join(pieces)):
            raise BadBodyError
    elif char == "{":
        yield from scan_value(reading, tape, call)
    else:
        scan = yield from scan_value(reading, tape, None)
        if scan != "null":
            raise BadBodyError
        call.write("{}")


def scan_value(reading: Reading, tape: StringIO, call: Call | None) -> Steps[str]:
    """Read one JSON value into `call`; without one, return its first characters."""
    cursor, scan, head, start = reading.cursor, JsonScan(), "", tape.tell()
    while True:
        stop = scan.read(cursor.text, cursor.pos, ended=cursor.end is not None)
        cursor.take(stop - cursor.pos)
        if scan.out:
            piece = "".join(scan.out)
            scan.out.clear()
            if call is not None:
                call.write(piece)
            elif len(head) < 16:
                head += piece[:16]
        if tape.tell() - start > MAX_BODY or tape.tell() > MAX_BLOCK:
            raise TooLargeError
        if scan.done:
            if call is not None:
                call.hold(scan.tail())
            return head
        if scan.bad:
            raise BadBodyError
        if not (yield from cursor.more()):
            raise BadBodyError if reading.stopped else CutBodyError
