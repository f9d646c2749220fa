"""Quotes inside a string that should have been escaped, and were not: where does the string end?

A quote ends a string only if what follows it can go on as the grammar says. That alone is not enough, because a string
may hold code: in `f('x'), g('y')` the quote behind `x` could end the string that holds all of it. So quotes inside a
string come in pairs: one that looks like an opening quote makes the next one its partner. Where a partner could end the
string as well, or where quotes are left over that look as if a string had begun, the text has two readings, and none
of them may be delivered.
"""

from __future__ import annotations

from enum import Enum

_OPENERS = "([{="
_CLOSERS = ")]}"


class Follows(Enum):
    """What stands behind a quote: nothing that can follow a value, what can, all that is left, or too little to say."""

    NOT = 0
    VALUE = 1
    END = 2
    WAIT = 3


class InnerQuotes:
    """The quotes that one string holds unescaped.

    Attributes:
        any: there has been one.
        open: one has begun a pair.
    """

    __slots__ = ("_closing", "_lone", "_quote", "_unclear", "_word", "any", "open")

    def __init__(self, quote: str) -> None:
        self._quote = quote
        self._lone = 0
        self._closing = False
        self.open = False
        self._word = False
        self._unclear = False
        self.any = False

    def ends(self, before: str, after: str, follows: Follows) -> bool:
        """Take the next quote, between the characters `before` and `after` (empty: none); whether it ends the string.

        `after` is the next character that is no white space where `follows` says that nothing may follow.
        """
        if follows is Follows.END or (follows is Follows.VALUE and not self.open):
            return True
        self.any = True
        if self._quote == "'" and before.isalnum() and after.isalnum():
            return False  # an apostrophe
        if self.open:
            self.open = False
            self._unclear |= follows is Follows.VALUE or (self._word and before.isspace())
        elif self._opens(before, after):
            self.open = True
            self._word = before not in _OPENERS
        else:
            self._lone += 1
            self._closing |= after in _CLOSERS
        return False

    def _opens(self, before: str, after: str) -> bool:
        if before and before in _OPENERS:
            return True
        return not (before.isalnum() or before == "_") and not after.isspace() and after not in ("", self._quote)

    def is_unambiguous(self, *, alone: bool) -> bool:
        """Whether the string that has ended has one reading only; `alone`: no quote stands behind it."""
        if self._unclear or (self.open and self._lone):
            return False
        return not self._lone % 2 or (alone and not self._closing)
