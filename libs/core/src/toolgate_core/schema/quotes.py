"""Unescaped quotes inside a string: where does the string end?

Rule 1: a quote ends a string only if the grammar allows what follows it (`Follows`).
Rule 2: quotes inside a string come in pairs. Rule 1 alone is not enough, since a string can contain code: in
`f('x'), g('y')` the quote after `x` could end the whole string. A quote that looks like an opening one (after a
bracket or `=`, or before a word) makes the next quote its partner.
Rule 3: between letters, `'` is an apostrophe.

Where a partner could end the string as well, or where single quotes remain, the text has two readings, and neither is
delivered. Cost: constant per quote; the look-ahead that decides `Follows` is bounded by the caller.
"""

from __future__ import annotations

from enum import Enum

_OPENERS = "([{="
_CLOSERS = ")]}"


class Follows(Enum):
    """What follows a quote.

    Attributes:
        NOT: something that cannot follow a value.
        VALUE: a comma, colon or closer that can.
        END: the end of the whole value.
        WAIT: too little text to decide; a streaming reader waits for more.
    """

    NOT = 0
    VALUE = 1
    END = 2
    WAIT = 3


class InnerQuotes:
    """The quotes that one string holds unescaped.

    Attributes:
        any: the string contains one.
        open: a pair has begun and waits for its partner.
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
        """Record the next quote, between the characters `before` and `after` (empty: none); whether it ends the string.

        Where `follows` is `NOT`, `after` is the next character that is not white space.
        """
        # Inside an open pair a quote that could end the string is first taken for the partner.
        if follows is Follows.END or (follows is Follows.VALUE and not self.open):
            return True
        self.any = True
        if self._quote == "'" and before.isalnum() and after.isalnum():
            return False  # an apostrophe
        if self.open:
            self.open = False
            # The partner could have ended the string as well: then the text has two readings.
            self._unclear |= follows is Follows.VALUE or (self._word and before.isspace())
        elif self._opens(before, after):
            self.open = True
            # A pair that a bracket opened can close after a space, as in `split(" ")`; one around words cannot.
            self._word = before not in _OPENERS
        else:
            # It neither opens nor ends, as the inch sign of `5" pipe`; an even number of these counts as pairs.
            self._lone += 1
            self._closing |= after in _CLOSERS
        return False

    def _opens(self, before: str, after: str) -> bool:
        # `f("x")`, `["a"]` and `<a href="x">`: after these a value begins.
        if before and before in _OPENERS:
            return True
        # Prose: an opening quote is before a word and not after one.
        return not (before.isalnum() or before == "_") and not after.isspace() and after not in ("", self._quote)

    def is_unambiguous(self, *, alone: bool) -> bool:
        """Whether the string that ended has only one reading; `alone`: no further quote follows it."""
        # An open pair and a lone quote could each be the other's partner.
        if self._unclear or (self.open and self._lone):
            return False
        # An odd lone quote is sure only as the last one of the text, and not before a closer (`"x"}"}`).
        return not self._lone % 2 or (alone and not self._closing)
