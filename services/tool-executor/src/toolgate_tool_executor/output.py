"""A tool's value as the text that the model reads, cut where it is too long."""

from __future__ import annotations

from toolgate_core.jsontext import JsonValue, encode
from toolgate_runtime.ports import ToolOutcome


def outcome_of(value: JsonValue, max_bytes: int, duration_ms: float) -> ToolOutcome:
    """Return the outcome for a tool's value.

    A text is its own content, everything else is written as JSON. What is longer than `max_bytes` is cut after a line
    or, without one, after a character, and `structured` is left out, since half a value would be a wrong value.
    """
    whole = value.encode() if isinstance(value, str) else encode(value)
    if len(whole) <= max_bytes:
        return ToolOutcome(content=whole.decode(), structured=value, total_bytes=len(whole), duration_ms=duration_ms)
    return ToolOutcome(content=_head(whole, max_bytes), truncated=True, total_bytes=len(whole), duration_ms=duration_ms)


def _head(whole: bytes, max_bytes: int) -> str:
    note = f"\n[cut: the result has {len(whole)} bytes, the limit is {max_bytes}; ask for less]"
    room = max(0, max_bytes - len(note.encode()))
    line = whole.rfind(b"\n", 0, room)
    # a boundary in the last half keeps most of what may be shown; one before it would throw too much away
    end = line if line > room // 2 else room
    return whole[:end].decode(errors="ignore") + note
