"""The text that has come and is not yet read, and how a reader waits for more of it.

Readers are generators that yield where they need more text; whoever drives them pushes text and resumes them. A
reader holds at most a marker or a token back, so joining the held rest with new text costs next to nothing, and reading
stays linear in the text whatever the size of the pieces.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from io import StringIO
from typing import TypeAlias, TypeVar

from toolgate_core.vocabulary import TextEnd

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
"""A reader: yields when it needs more text, returns what it read."""

WHITE = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")


class Cursor:
    """Unread text, the end of it once known, and tapes that record what is read."""

    __slots__ = ("_tapes", "end", "pos", "starved", "text")

    def __init__(self) -> None:
        self.text = ""
        self.pos = 0
        self.end: TextEnd | None = None
        self.starved = False
        self._tapes: tuple[StringIO, ...] = ()

    @property
    def left(self) -> int:
        """How many characters are there to be read."""
        return len(self.text) - self.pos

    def push(self, text: str) -> None:
        """Add text at the end."""
        self.text = self.text[self.pos :] + text
        self.pos = 0

    def take(self, count: int) -> str:
        """Read `count` characters (fewer where there are fewer)."""
        piece = self.text[self.pos : self.pos + count]
        self.pos += len(piece)
        for tape in self._tapes:
            tape.write(piece)
        return piece

    def unread(self, text: str) -> None:
        """Put back what was read last; tapes forget it."""
        for tape in self._tapes:
            tape.seek(tape.tell() - len(text))
            tape.truncate()
        if self.text.endswith(text, 0, self.pos):
            self.pos -= len(text)
        else:
            self.text = text + self.text[self.pos :]
            self.pos = 0

    def record(self) -> StringIO:
        """Start a tape of everything that is read from here on."""
        tape = StringIO()
        self._tapes = (*self._tapes, tape)
        return tape

    def stop(self, tape: StringIO) -> None:
        """Stop a tape; stopping it twice is fine."""
        self._tapes = tuple(other for other in self._tapes if other is not tape)

    def more(self) -> Steps[bool]:
        """Wait for more text; false when the text has ended."""
        if self.end is not None:
            self.starved = True
            return False
        yield
        return True

    def peek(self) -> Steps[str]:
        """Return the next character without reading it, empty at the end of the text."""
        while self.pos >= len(self.text):
            if not (yield from self.more()):
                return ""
        return self.text[self.pos]

    def space(self) -> Steps[str]:
        """Read white space; return the character after it without reading it, empty at the end of the text."""
        while True:
            match = _SPACE.match(self.text, self.pos)
            assert match is not None  # the pattern matches the empty string
            self.take(match.end() - self.pos)
            if self.pos < len(self.text):
                return self.text[self.pos]
            if not (yield from self.more()):
                return ""

    def match(self, pattern: re.Pattern[str], window: int) -> Steps[re.Match[str] | None]:
        """Read what `pattern` matches here, waiting until it does or until `window` characters show that it does not.

        The pattern must match at the same place however much text follows it.
        """
        while True:
            match = pattern.match(self.text, self.pos, self.pos + window)
            if match is not None:
                self.take(match.end() - self.pos)
                return match
            if self.left >= window or not (yield from self.more()):
                return None

    def literal(self, pattern: re.Pattern[str], prefixes: frozenset[str]) -> Steps[bool]:
        """Read what `pattern` matches here; wait only while the text could still become a match.

        `prefixes` are all the proper beginnings of what the pattern matches, without white space and in lower case. At
        the end of the text a beginning of at least two characters counts as a match, because nothing else can follow.
        """
        while True:
            match = pattern.match(self.text, self.pos)
            if match is not None:
                self.take(match.end() - self.pos)
                return True
            rest = "".join(self.text[self.pos : self.pos + 64].split()).lower()
            if rest and rest not in prefixes:
                return False
            if not (yield from self.more()):
                return len(rest) > 1 and bool(self.take(self.left))


def beginnings(markers: tuple[str, ...]) -> frozenset[str]:
    """Return every proper beginning of every marker, in lower case."""
    return frozenset(marker[:size].lower() for marker in markers for size in range(1, len(marker)))
