"""Numbers in text, exact and bounded.

Integers keep every digit, since ids beyond 2**53 are common and a float would change them. A number that has no finite
value is None rather than infinity, which JSON cannot write.
"""

from __future__ import annotations

MAX_DIGITS = 4_000
"""Digits of one number; Python refuses to convert more than 4,300 (CVE-2020-10735)."""


def number(lexeme: str) -> int | float | None:
    """Return the exact integer or the float that `lexeme` writes; None where it is too long or exceeds a float."""
    if len(lexeme) > MAX_DIGITS:
        return None
    if lexeme.lstrip("+-").isdecimal():
        return int(lexeme)
    value = float(lexeme)
    return value if abs(value) != float("inf") else None
