"""JSON values inside prose: found by trying to read one at each opening brace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DECODER = json.JSONDecoder()
_MOST_TRIES = 4_000


def find_json(text: str) -> Iterator[tuple[int, int, Any]]:
    """Yield start, end and value of every outermost JSON object or array of a text."""
    at = 0
    for _ in range(_MOST_TRIES):
        starts = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not starts:
            return
        start = min(starts)
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        yield start, end, value
        at = end


def dumps(value: Any) -> str:
    """Return the compact JSON text of a value, as a model writes it."""
    return json.dumps(value, ensure_ascii=False)
