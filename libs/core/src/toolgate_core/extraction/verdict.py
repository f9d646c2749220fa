"""What the scan decides about one marker: it counts, only more text can tell, or it is ordinary text.

The three answers are kept apart by type, because the middle one is what keeps the split law: a scan that guessed where
it should wait would read the same text differently when it comes in other pieces.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias


class Verdict(Enum):
    """A marker that is not ordinary text, as far as the text that has come says."""

    LIVE = "live"
    WAIT = "wait"


MarkerVerdict: TypeAlias = Verdict | int
"""A verdict, or an index of the text: the marker is ordinary text, and the search goes on at that index.

The index is mostly the next character. Where the marker is in a code span it is the span's closing run, so that a
span full of markers is searched once and not once per marker.
"""
