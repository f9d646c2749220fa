"""A simple tokenizer: words with the space before them, punctuation, and single letters of scripts without spaces."""

from __future__ import annotations

import re

_PIECE = re.compile(r" ?[A-Za-z]{1,12}| ?\d{1,3}|\s+|[^\sA-Za-z\d]")


def split(text: str) -> list[str]:
    """Return the tokens of a text; joined they are the text."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return sum(1 for _ in _PIECE.finditer(text))
