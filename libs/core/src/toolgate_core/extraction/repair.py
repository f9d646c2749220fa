"""What is done when a block's JSON breaks: read on to the block's edge, and mend the whole of it."""

from __future__ import annotations

from io import StringIO

import regex
from msgspec import Struct

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.relaxed import relax

MAX_TRIES = 8
MAX_BODY = MAX_ARGUMENTS + 65536
STRIDE = 4096
MAX_EDGE = 2048
MAX_LEFTOVER = 2048
MAX_STRAYS = 256
_KEY = r"""["']?+(?:(?:name|function|tool\w*+|arg\w*+|param\w*+|type|id)\b|\w{1,64}+["']?+\s*+:)"""
_STANDS = regex.compile(rf"[ \t}}\],;`]*+(?:[\r\n]|\{{\s*+{_KEY})")
_ENDS_AGAIN = regex.compile(r'"\s*+[}\]][\s}\],;`]*+\Z')
_QUOTE = regex.compile('"')


class Repaired(Struct, frozen=True):
    """A body that could be read after all."""

    value: JsonValue
    repairs: tuple[str, ...]


def repair_block(reader: BlockReader, tape: StringIO, edges: regex.Pattern[str]) -> Steps[Repaired | str]:
    """Read on from a fault until what `tape` holds can be repaired up to an edge.

    Returns the broken text where it can't; then the text behind the first edge is unread. The group `other` of `edges`
    is set where the edge is not the block's own close.
    """
    cursor = reader.cursor
    raw, seen, tries, first = tape.getvalue(), 0, 0, -1
    cursor.stop(tape)
    while True:
        waits = bool(cursor.left) or cursor.end is None
        match = edges.search(raw, seen, partial=waits)
        if match is None or match.partial:
            seen = len(raw) if match is None else max(match.start(), len(raw) - MAX_EDGE)
            if len(raw) > MAX_BODY or not (cursor.left or (yield from cursor.more()) or waits):
                break
            raw += cursor.take(min(STRIDE, MAX_BODY + 1 - len(raw)))
            continue
        first = match.start() if first < 0 else first
        found = relax(raw[: match.start()], close=True)
        if found is not None:
            cursor.unread(raw[match.start() :])
            return Repaired(found[0], _named(found[1]))
        tries += 1
        seen = match.end()
        if match["other"] or tries >= MAX_TRIES:
            break
    if first < 0:
        found = relax(raw, close=True) if reader.stopped and len(raw) <= MAX_BODY else None
        return raw if found is None else Repaired(found[0], _named(found[1]))
    cursor.unread(raw[first:])
    return raw[:first]


def value_is_complete(cursor: Cursor, edges: regex.Pattern[str]) -> Steps[bool]:
    """Whether a JSON value that ends in a string is complete: false where what follows, up to an edge, ends it again.

    A quote inside the string, with a bracket behind it, looks like its end: `{"note": "close it with "}" please"}`.
    """
    if (yield from cursor.comes(_STANDS, window=MAX_STRAYS)) is not None:
        return True
    seen = 0
    while True:
        match = edges.search(cursor.text, cursor.pos + seen, partial=cursor.end is None)
        if match is not None and not match.partial:
            return _ENDS_AGAIN.search(cursor.text, cursor.pos, match.start()) is None
        if cursor.left > MAX_LEFTOVER:
            return True
        seen = cursor.left if match is None else match.start() - cursor.pos
        if not (yield from cursor.more()):
            rest = _ENDS_AGAIN if cursor.end == "stop" else _QUOTE
            return rest.search(cursor.text, cursor.pos) is None


def skip_to_edge(cursor: Cursor, edges: regex.Pattern[str]) -> Steps[None]:
    """Read over what can't be read, up to an edge or the end of the text."""
    while True:
        match = edges.search(cursor.text, cursor.pos, partial=cursor.end is None)
        if match is not None and not match.partial:
            cursor.take(match.start() - cursor.pos)
            return
        keep = len(cursor.text) if match is None else max(match.start(), len(cursor.text) - MAX_EDGE)
        cursor.take(keep - cursor.pos)
        if not (yield from cursor.more()) and match is None:
            return


def _named(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("missing_close" if tag == "unclosed" else tag for tag in tags)
