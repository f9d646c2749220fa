r"""The text that has come and is not read yet, and how a reader waits for more of it.

Readers are generators. Where a reader needs text that has not come, it yields; the engine pushes the next piece and
resumes it. So a frame is written as if the whole text were there, and still reads it piece by piece.

```
reader = generator that yields None to wait, and returns what it read           (the type `Steps`)
```

Two rules keep the split law for every reader:

- *Decide only what more text can't change.* `peek_match` and `read_match` match a pattern partially: as long
  as the text that is there may still become a match, they wait. A pattern must therefore match the same however much
  text follows it. It must not end in an optional part, in `\Z` or in a negative look-ahead: those match early what
  would match otherwise later. (`regex` can match partially, `re` can't: https://pypi.org/project/regex/, "Partial
  matches".)
- *Wait for a bounded time.* Every wait has a window: what is longer than it is not a match. Without it a hostile text
  could make the engine hold everything that comes.

Cost: what is not read yet is at most a window, so joining it with the next piece is cheap, and reading is linear
whatever the size of the pieces. What was read can be put back (`put_back`), which is how the next frame tries the same
block; the engine and `BlockReader.rereads_left` bound how often. A tape records what is read, for a block that may be
text.
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
    """Unread text, the end of it once known, and tapes that record what is read.

    Attributes:
        text: the text that is there; what is before `pos` has been read.
        pos: the index of the next character.
        end: how the text ended; none while more may come.
        starved: a reader wanted more text and there was none any more: what it looked for may have been cut off.
    """

    __slots__ = ("_pushed", "_tapes", "end", "pos", "starved", "text")

    def __init__(self) -> None:
        self.text = ""
        self.pos = 0
        self.end: TextEnd | None = None
        self.starved = False
        self._tapes: tuple[StringIO, ...] = ()
        self._pushed = 0

    @property
    def offset(self) -> int:
        """How many characters of the whole text have been read."""
        return self._pushed - self.remaining

    @property
    def remaining(self) -> int:
        """How many characters are there to be read."""
        return len(self.text) - self.pos

    def push(self, text: str) -> None:
        """Add text that has come."""
        self.text = self.text[self.pos :] + text
        self.pos = 0
        self._pushed += len(text)

    def skip(self, count: int) -> None:
        """Count text that went past the cursor because it was ordinary; nothing may be unread here.

        Places of events and notes count all characters of the answer.
        """
        self._pushed += count

    def take(self, count: int) -> str:
        """Read `count` characters (fewer where there are fewer)."""
        piece = self.text[self.pos : self.pos + count]
        self.pos += len(piece)
        for tape in self._tapes:
            tape.write(piece)
        return piece

    def put_back(self, text: str) -> None:
        """Put back `text`, which must be what was read last; tapes forget it."""
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

    def wait(self) -> Steps[bool]:
        """Wait for more text; false when the text has ended."""
        if self.end is not None:
            self.starved = True
            return False
        yield
        return True

    def peek(self) -> Steps[str]:
        """Return the next character without reading it, empty at the end of the text."""
        while self.pos >= len(self.text):
            if not (yield from self.wait()):
                return ""
        return self.text[self.pos]

    def skip_space(self) -> Steps[str]:
        """Read white space; return the character after it without reading it, empty at the end of the text."""
        while True:
            match = _SPACE.match(self.text, self.pos)
            assert match is not None  # the pattern matches the empty string
            self.take(match.end() - self.pos)
            if self.pos < len(self.text):
                return self.text[self.pos]
            if not (yield from self.wait()):
                return ""

    def peek_match(self, pattern: regex.Pattern[str], *, window: int = 4096) -> Steps[regex.Match[str] | None]:
        """Return the match of `pattern` here without reading it; wait while the text may still become one.

        What is longer than `window` is none.
        """
        while True:
            match = pattern.match(self.text, self.pos, self.pos + window, partial=self.end is None)
            if match is None or not match.partial:
                # At the end of a text nothing is waited for, but that the end cut a match must still be known.
                if match is None and self.end is not None and not self.starved:
                    self.starved = pattern.fullmatch(self.text, self.pos, partial=True) is not None
                return match
            if self.remaining >= window or not (yield from self.wait()):
                return None

    def read_match(self, pattern: regex.Pattern[str], *, window: int = 4096) -> Steps[regex.Match[str] | None]:
        """Read what `pattern` matches here; wait while the text may still become a match."""
        match = yield from self.peek_match(pattern, window=window)
        if match is not None:
            self.take(match.end() - self.pos)
        return match

    def read_closer(self, pattern: regex.Pattern[str], *, least: int = 2) -> Steps[bool]:
        """Read the closing marker that `pattern` matches here; whether there was one.

        Where the model ended its text, a beginning of `least` characters counts as one,
        because nothing else follows.
        """
        if (yield from self.read_match(pattern)) is not None:
            return True
        if self.end != "stop" or self.remaining < least:
            return False
        match = pattern.fullmatch(self.text, self.pos, partial=True)
        return match is not None and bool(self.take(self.remaining))
