"""The arguments as one JSON object after a header that holds the name, and what closes the call.

```
call tail = [fence] [object | string] strays [close]         strays = { "}" | "]" | "," | ";" | "`" (in a fence) }
```
This is the common part of the frames `named` and `message`. No object before the closer means no arguments. Good JSON
streams into the call; broken JSON is repaired up to an edge (`repair`).

Invariant: false is returned only if nothing was emitted, so that the engine can show the text. `marked` decides that:
where special tokens are before the object, text can't look like it, and a broken object is a broken call.
"""

from __future__ import annotations

from io import StringIO

import regex

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError, TruncatedBlockError
from toolgate_core.extraction.json_values import read_json_arguments, scan_value
from toolgate_core.extraction.repair import repair_block, skip_to_edge, value_is_complete

_STRAYS = "}],;"
_FENCE = regex.compile(r"```\w{0,16}(?=[\s{])")


def read_object(
    reader: BlockReader, call: CallWriter, close: regex.Pattern[str], edges: regex.Pattern[str], *, marked: bool
) -> Steps[bool]:
    """Read the object and the closer, and write the end of the call; false where it turns out to be none.

    Args:
        reader: what the frame reads from and writes to.
        call: the call, its name known.
        close: what closes the call.
        edges: where a broken object ends at the latest; the group `other` is set where that is not the closer.
        marked: what is before the object can't be ordinary text, so that a broken object is a broken call.
    """
    cursor = reader.cursor
    # DeepSeek V3's form has a fence around the object; others add one.
    fenced = (yield from cursor.skip_space()) == "`" and (yield from cursor.read_match(_FENCE, window=64)) is not None
    complete = yield from _arguments(reader, call, edges)
    if call.tool is None and not complete:
        # Nothing was emitted for a name that no tool has, so the whole can still be text.
        if not marked:
            return False
        reader.sink.discard()
        reader.sink.drop("bad_json" if cursor.end is None or reader.stopped else "cut", "arguments")
        return True
    call.end(complete=complete)
    # Models close more than they opened; such brackets are not text of the answer.
    strays = ""
    known = _STRAYS + "`" if fenced else _STRAYS
    while (char := (yield from cursor.skip_space())) and char in known and not (yield from cursor.peek_match(close)):
        strays += cursor.take(1)
    reader.sink.drop("markup", strays)
    yield from cursor.read_closer(close)
    return True


def _arguments(reader: BlockReader, call: CallWriter, edges: regex.Pattern[str]) -> Steps[bool]:
    """Read the arguments; false where they can't be read, or where the end of the text cut them."""
    cursor = reader.cursor
    char = yield from cursor.skip_space()
    tape = cursor.record()
    try:
        if char == "{":
            yield from scan_value(reader, tape, call)
            # A quote inside the last string looks like its end: what follows decides.
            if call.tail and not (yield from value_is_complete(cursor, edges)):
                raise MalformedBlockError
        elif char == '"':
            yield from read_json_arguments(reader, call, tape)
        # No object: only an edge right after the header means "no arguments".
        elif not (yield from cursor.peek_match(edges)):
            raise MalformedBlockError
    except TruncatedBlockError:
        return False
    except TooLargeError:
        call.add_repairs("too_large")
        yield from skip_to_edge(cursor, edges)
        return False
    except MalformedBlockError:
        return (yield from _write_repaired(reader, call, tape, edges))
    finally:
        cursor.stop(tape)
    return True


def _write_repaired(reader: BlockReader, call: CallWriter, tape: StringIO, edges: regex.Pattern[str]) -> Steps[bool]:
    repaired = yield from repair_block(reader, tape, edges)
    if isinstance(repaired, str):
        return False
    call.add_repairs(*repaired.repairs)
    try:
        return call.write_value(repaired.value)
    except TooLargeError:
        call.add_repairs("too_large")
        return False
