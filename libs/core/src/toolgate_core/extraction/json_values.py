"""Reads JSON that is inside a block: short strings, arguments, and values that no grammar uses.

```
arguments = object | string that holds the JSON text of an object | "null"
```
(Granite 4 and templates after OpenAI's API write arguments as a string; some models write `null` for "none".)

What may wait is what `JsonScanner` and `read_string` hold. Bounds: a value has at most MAX_BODY characters, everything
that a block's tape holds at most MAX_BLOCK, because an array of calls may be larger than one call.
"""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_NAME, CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import (
    JsonScanner,
    MalformedBlockError,
    TooLargeError,
    TruncatedBlockError,
    read_string,
)
from toolgate_core.extraction.repair import MAX_BODY

MAX_BLOCK = 16 * MAX_BODY
"""Characters of a block, which may hold several calls; it is kept until it is certain that it needs no repair."""


def short_string(reader: BlockReader) -> Steps[str]:
    """Read a JSON string of at most 256 characters: a name, an id, a key. Raises `MalformedBlockError`."""
    pieces: list[str] = []

    def put(piece: str) -> None:
        pieces.append(piece)
        # The pieces are few: a name comes in one or two.
        if sum(map(len, pieces)) > MAX_NAME:
            raise MalformedBlockError

    yield from read_string(reader.cursor, put)
    return "".join(pieces)


def read_json_arguments(reader: BlockReader, call: CallWriter, tape: StringIO) -> Steps[None]:
    """Read the arguments into `call`. Raises `MalformedBlockError` where they are none of the three forms."""
    char = yield from reader.cursor.peek()
    if char == '"':
        pieces: list[str] = []
        size = 0

        def put(piece: str) -> None:
            nonlocal size
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY:
                raise TooLargeError

        yield from read_string(reader.cursor, put)
        if not call.write_text("".join(pieces)):
            raise MalformedBlockError
    elif char == "{":
        yield from scan_value(reader, tape, call)
    else:
        # `null` for no arguments; numbers and lists are none, which a repair can't change either.
        scan = yield from scan_value(reader, tape, None)
        if scan != "null":
            raise MalformedBlockError
        call.write("{}")


def scan_value(reader: BlockReader, tape: StringIO, call: CallWriter | None) -> Steps[str]:
    """Read one JSON value into `call`; without a call, read over it and return its first 16 characters.

    Raises `MalformedBlockError`, `TruncatedBlockError` or `TooLargeError`. The end of the value is not written but held
    (`CallWriter.tail`), because only the caller knows what must follow.
    """
    cursor, scan, head, start = reader.cursor, JsonScanner(), "", tape.tell()
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
        # The tape counts what was read, layout included: white space must not be a way around the bound.
        if tape.tell() - start > MAX_BODY or tape.tell() > MAX_BLOCK:
            raise TooLargeError
        if scan.done:
            if call is not None:
                call.hold(scan.tail())
            return head
        if scan.bad:
            raise MalformedBlockError
        if not (yield from cursor.wait()):
            raise MalformedBlockError if reader.stopped else TruncatedBlockError
