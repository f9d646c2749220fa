"""What is done when a block's JSON breaks: read on to the block's edge, and mend the whole of it."""

from __future__ import annotations

import re
from io import StringIO

from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.extraction.calls import MAX_ARGUMENTS, Reading
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.relaxed import relax

MAX_TRIES = 8
MAX_BODY = MAX_ARGUMENTS + 65536
STRIDE = 4096
_OVERLAP = 80


class Mended(Struct, frozen=True):
    """A body that could be read after all."""

    value: JsonValue
    repairs: tuple[str, ...]


def mend(reading: Reading, tape: StringIO, edges: re.Pattern[str]) -> Steps[Mended | str]:
    """Read on from a fault until what `tape` holds can be mended up to an edge.

    Returns the broken text where it can't; then the text behind the first edge is unread. Group 1 of `edges` is set
    where the edge is not the block's own close.
    """
    cursor = reading.cursor
    raw, seen, tries, first = tape.getvalue(), 0, 0, -1
    cursor.stop(tape)
    while True:
        match = edges.search(raw, seen)
        if match is None:
            seen = max(seen, len(raw) - _OVERLAP)
            if len(raw) > MAX_BODY or not (cursor.left or (yield from cursor.more())):
                break
            raw += cursor.take(STRIDE)
            continue
        first = match.start() if first < 0 else first
        found = relax(raw[: match.start()], close=True)
        if found is not None:
            cursor.unread(raw[match.start() :])
            return Mended(found[0], _named(found[1]))
        tries += 1
        seen = match.end()
        if match.group(1) or tries >= MAX_TRIES:
            break
    if first < 0:
        found = relax(raw, close=True) if reading.stopped and len(raw) <= MAX_BODY else None
        return raw if found is None else Mended(found[0], _named(found[1]))
    cursor.unread(raw[first:])
    return raw[:first]


def skip(cursor: Cursor, edges: re.Pattern[str]) -> Steps[None]:
    """Read over what can't be read, up to an edge or the end of the text."""
    while True:
        match = edges.search(cursor.text, cursor.pos)
        if match is not None:
            cursor.pos = match.start()
            return
        cursor.pos = max(cursor.pos, len(cursor.text) - _OVERLAP)
        if not (yield from cursor.more()):
            cursor.pos = len(cursor.text)
            return


def _named(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("missing_close" if tag == "unclosed" else tag for tag in tags)


class Found(Struct, frozen=True):
    """A call inside a JSON value."""

    name: str
    arguments: JsonValue
    call_id: str | None


def calls_in(value: JsonValue, grammar: EnvelopeGrammar, depth: int = 4) -> list[Found]:
    """Return the calls that a JSON value says: an envelope, a list of them, or one wrapped in `function`."""
    if isinstance(value, list):
        return [found for item in value for found in calls_in(item, grammar, depth - 1)] if depth else []
    if not isinstance(value, dict) or not depth:
        return []
    name = next((value[key] for key in grammar.name_keys if key in value), None)
    if isinstance(name, str):
        call_id = next((value[key] for key in grammar.id_keys if key in value), None)
        arguments = next((value[key] for key in grammar.argument_keys if key in value), {})
        return [Found(name, arguments, call_id if isinstance(call_id, str) else None)]
    wrapped = next((value[key] for key in ("function", "tool_calls", "calls", "tool_call") if key in value), None)
    return calls_in(wrapped, grammar, depth - 1)
