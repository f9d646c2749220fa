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

import regex

from toolgate_core.types.vocabulary import TextEnd

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
"""A reader: yields when it needs more text, returns what it read."""

WHITE = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")


class Cursor:
    """Unread text, the end of it once known, and tapes that record what is read."""

    __slots__ = ("_pushed", "_tapes", "end", "pos", "starved", "text")

    def __init__(self) -> None:
        self.text = ""
        self.pos = 0
        self.end: TextEnd | None = None
        self.starved = False
        self._tapes: tuple[StringIO, ...] = ()
        self._pushed = 0

    @property
    def place(self) -> int:
        """How many characters of the whole text have been read."""
        return self._pushed - self.left

    @property
    def left(self) -> int:
        """How many characters are there to be read."""
        return len(self.text) - self.pos

    def push(self, text: str) -> None:
        """Add text at the end."""
        self.text = self.text[self.pos :] + text
        self.pos = 0
        self._pushed += len(text)

    def skip(self, count: int) -> None:
        """Count text that has been read elsewhere; nothing may be unread here."""
        self._pushed += count

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
            tape.seek(max(tape.tell() - len(text), 0))
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

    def comes(self, pattern: regex.Pattern[str], *, window: int = 4096) -> Steps[regex.Match[str] | None]:
        """Return the match of `pattern` here without reading it; wait while the text may still become one.

        What is longer than `window` is none.
        """
        while True:
            match = pattern.match(self.text, self.pos, self.pos + window, partial=self.end is None)
            if match is None or not match.partial:
                if match is None and self.end is not None and not self.starved:
                    self.starved = pattern.fullmatch(self.text, self.pos, partial=True) is not None
                return match
            if self.left >= window or not (yield from self.more()):
                return None

    def expect(self, pattern: regex.Pattern[str], *, window: int = 4096) -> Steps[regex.Match[str] | None]:
        """Read what `pattern` matches here; wait while the text may still become a match."""
        match = yield from self.comes(pattern, window=window)
        if match is not None:
            self.take(match.end() - self.pos)
        return match

    def closes(self, pattern: regex.Pattern[str], *, least: int = 2) -> Steps[bool]:
        """Read the closing marker that `pattern` matches here.

        Where the model ended its text, a beginning of `least` characters counts as one, because nothing else follows.
        """
        if (yield from self.expect(pattern)) is not None:
            return True
        if self.end != "stop" or self.left < least:
            return False
        match = pattern.fullmatch(self.text, self.pos, partial=True)
        return match is not None and bool(self.take(self.left))
