"""Numbers from text, exact and bounded."""

from __future__ import annotations

MAX_DIGITS = 4_000
"""Digits of one number."""


def number(lexeme: str) -> int | float | None:
    """Return the exact integer or the float that `lexeme` writes; None when too long or beyond a float."""
    if len(lexeme) > MAX_DIGITS:
        return None
    if lexeme.lstrip("+-").isdecimal():
        return int(lexeme)
    value = float(lexeme)
    return value if abs(value) != float("inf") else None
