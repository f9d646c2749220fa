"""What is done when the JSON of a block breaks: read on to the edge of the block, and repair the whole of it.

```
block = broken JSON  edge          edge = the block's own closer, or (group `other`) the opener of another call
```
Models write single quotes, trailing commas, comments, raw line breaks, unescaped inner quotes, one bracket too few.
`schema.relaxed.relax` reads all of that, but it needs the text from start to end. Where the end is, is the question
here: `</tool_call>` may be inside a string. So the edges are tried in order, and the first up to which the text can
be read is the end. If none is, the text after the first edge is put back: it may hold the next call.

Rules:

- Before an edge missing brackets may be closed, because the model has gone on after it. At the end of the text they
  are closed only if the model itself stopped. A string or a number is never completed.
- What was emitted already stays. The repaired value is written by `CallWriter.write_value` as a continuation of it, or
  the call is incomplete.

Bounds: MAX_TRIES edges, MAX_BODY characters, and a step of STRIDE, so that an edge close by is found before much is
read.
"""

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
"""Edges up to which a repair is tried: each try costs the whole text so far, and strings rarely hold more closers."""
MAX_BODY = MAX_ARGUMENTS + 65536
"""Characters of a broken block: the largest arguments, and room for what is around them."""
STRIDE = 4096
"""Characters that are read at once while an edge is looked for."""
MAX_EDGE = 2048
"""Characters of an edge, so that the search can go on that far before the end of what was read."""
MAX_LEFTOVER = 2048
"""Characters after a complete value within which an edge must come to cast doubt on its end."""
MAX_STRAYS = 256
"""Characters of stray brackets, commas and fences after a value."""
_KEY = r"""["']?+(?:(?:name|function|tool\w*+|arg\w*+|param\w*+|type|id)\b|\w{1,64}+["']?+\s*+:)"""
_STANDS = regex.compile(rf"[ \t}}\],;`]*+(?:[\r\n]|\{{\s*+{_KEY})")
_ENDS_AGAIN = regex.compile(r'"\s*+[}\]][\s}\],;`]*+\Z')
_QUOTE = regex.compile('"')


class Repaired(Struct, frozen=True):
    """The value of a block that could be repaired, and the tags of what was done."""

    value: JsonValue
    repairs: tuple[str, ...]


def repair_block(reader: BlockReader, tape: StringIO, edges: regex.Pattern[str]) -> Steps[Repaired | str]:
    """Read on from a fault until what `tape` holds can be repaired up to an edge.

    Returns the broken text where it can't; then the text after the first edge is unread. The group `other` of `edges`
    is set where the edge is not the block's own closer: after another opener no further edge is tried, because what
    follows belongs to the next call.
    """
    cursor = reader.cursor
    raw, seen, tries, first = tape.getvalue(), 0, 0, -1
    cursor.stop(tape)
    while True:
        waits = bool(cursor.remaining) or cursor.end is None
        match = edges.search(raw, seen, partial=waits)
        if match is None or match.partial:
            seen = len(raw) if match is None else max(match.start(), len(raw) - MAX_EDGE)
            if len(raw) > MAX_BODY or not (cursor.remaining or (yield from cursor.wait()) or waits):
                break
            raw += cursor.take(min(STRIDE, MAX_BODY + 1 - len(raw)))
            continue
        first = match.start() if first < 0 else first
        found = relax(raw[: match.start()], close=True)
        if found is not None:
            cursor.put_back(raw[match.start() :])
            return Repaired(found[0], _tags_of_a_block(found[1]))
        tries += 1
        seen = match.end()
        if match["other"] or tries >= MAX_TRIES:
            break
    if first < 0:
        return _without_edge(reader, raw)
    cursor.put_back(raw[first:])
    return raw[:first]


def _without_edge(reader: BlockReader, raw: str) -> Repaired | str:
    found = relax(raw, close=True) if reader.stopped and len(raw) <= MAX_BODY else None
    return raw if found is None else Repaired(found[0], _tags_of_a_block(found[1]))


def value_is_complete(cursor: Cursor, edges: regex.Pattern[str]) -> Steps[bool]:
    """Whether a JSON value that ends in a string is complete: false where what follows, up to an edge, ends it again.

    A quote inside the string, with a bracket after it, looks like its end: `{"note": "close it with "}" please"}`.
    So after such an end must come a line break, the next envelope, or an edge without another end before it. Waits up
    to MAX_LEFTOVER characters.
    """
    if (yield from cursor.peek_match(_STANDS, window=MAX_STRAYS)) is not None:
        return True
    seen = 0
    while True:
        match = edges.search(cursor.text, cursor.pos + seen, partial=cursor.end is None)
        if match is not None and not match.partial:
            return _ENDS_AGAIN.search(cursor.text, cursor.pos, match.start()) is None
        if cursor.remaining > MAX_LEFTOVER:
            return True
        seen = cursor.remaining if match is None else match.start() - cursor.pos
        if not (yield from cursor.wait()):
            rest = _ENDS_AGAIN if cursor.end == "stop" else _QUOTE
            return rest.search(cursor.text, cursor.pos) is None


def skip_to_edge(cursor: Cursor, edges: regex.Pattern[str]) -> Steps[None]:
    """Read over what can't be read, up to an edge or the end of the text; nothing of it is kept."""
    while True:
        match = edges.search(cursor.text, cursor.pos, partial=cursor.end is None)
        if match is not None and not match.partial:
            cursor.take(match.start() - cursor.pos)
            return
        keep = len(cursor.text) if match is None else max(match.start(), len(cursor.text) - MAX_EDGE)
        cursor.take(keep - cursor.pos)
        if not (yield from cursor.wait()) and match is None:
            return


def _tags_of_a_block(tags: tuple[str, ...]) -> tuple[str, ...]:
    # `relax` speaks of JSON, the tags of a call of blocks.
    return tuple("missing_close" if tag == "unclosed" else tag for tag in tags)
