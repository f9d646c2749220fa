"""What can follow a value in nearly-JSON: the part of the grammar that decides where a string ends.

`after_value` looks ahead at most to the next value, key or word. Comments longer than `MAX_COMMENT` characters and keys
longer than 256 count as none, so that reading a text with many quotes stays linear.
"""

from __future__ import annotations

import re

from toolgate_core.schema.quotes import Follows

MAX_COMMENT = 1024
# Python's `\s` does not include the byte-order mark.
SPACE = re.compile(r"[\s\ufeff]*")
# The comments of JavaScript (JSON5) and of Python.
COMMENT = re.compile(r"//[^\r\n]*|#[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/")
# After a whole value: surplus closers, a semicolon and special tokens, to the end of the text.
TRAIL = re.compile(r"(?:[\s}\]);]|<\|[^|>]{0,40}\|>)*\Z")
# A key counts only with its colon, so that `", "` inside a text is not the end of a member.
_KEY = re.compile(
    r"""(?:"(?:[^"\\]|\\.){0,256}+"|'(?:[^'\\]|\\.){0,256}+'|[A-Za-z_$][\w$-]{0,255}+)\s*+(?:/\*[^*]{0,64}\*/\s*+)?:""",
    re.DOTALL,
)
# Bare words are not values, so that a comma in prose does not end a string.
_VALUE = re.compile(r"""["'\[({]|[+-]?\.?\d|(?:true|false|null|True|False|None)\b""")


def skip_blank(text: str, at: int) -> int | None:
    """Return the position after white space and comments; None where a comment has no end in reach."""
    while True:
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches nothing too
        if text[at : at + 1] not in ("/", "#"):
            return at
        comment = COMMENT.match(text, at, at + MAX_COMMENT)
        # A sign that begins no comment here, such as the `/` of a path.
        if comment is None:
            return at
        # A comment that the limit or the end of the text cut may go on.
        if comment.end() in (at + MAX_COMMENT, len(text)) and not comment[0].endswith("*/"):
            return None  # if this is a comment, what follows the value is out of reach
        at = comment.end()


def after_value(text: str, at: int, stack: list[str], *, close: bool) -> Follows:
    """Return whether the text at `at` can follow a value inside containers whose closers are `stack`.

    `close`: closers can be missing, so that an outer one also closes the containers inside it.
    """
    level = len(stack)
    while True:
        place = skip_blank(text, at)
        if place is None:
            return Follows.NOT
        char = text[place : place + 1]
        # After the outermost value only what `TRAIL` allows can follow.
        if not level or not char:
            return Follows.END if TRAIL.match(text, place) else Follows.NOT
        if char == "," and (found := _after_comma(text, place + 1, stack[level - 1])) is not None:
            return found
        if char == ",":  # a closer is after it
            at = place + 1
            continue
        if char not in ")]}":
            return Follows.NOT
        own = _level_closed_by(stack, level, char, close=close)
        # A closer of no open container is a surplus one, where only such follow.
        if own is None:
            return Follows.END if TRAIL.match(text, place) else Follows.NOT
        level, at = own, place + 1


def _level_closed_by(stack: list[str], level: int, char: str, *, close: bool) -> int | None:
    """Return how many containers are open after a closer; None where it closes none."""
    own = level - 1
    # With closers missing, the nearest open container that this one closes is meant.
    while close and own >= 0 and stack[own] != char:
        own -= 1
    return own if own >= 0 and stack[own] == char else None


def _after_comma(text: str, at: int, closer: str) -> Follows | None:
    """Return what follows a comma: another item, or the end; None for a closer."""
    place = skip_blank(text, at)
    if place is None:
        return Follows.NOT
    if place == len(text):
        return Follows.END
    # A trailing comma says nothing: what the closer closes decides.
    if text[place] in ")]}":
        return None
    return Follows.VALUE if (_KEY if closer == "}" else _VALUE).match(text, place) else Follows.NOT
