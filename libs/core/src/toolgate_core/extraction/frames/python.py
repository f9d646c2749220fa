"""Frame: calls in Python's syntax.

```
block = open ("[" [call {"," call}] "]" | call {(newline | "," | ";") call}) [close]
call  = NAME "(" [argument {"," argument}] ")"
```
Values are Python's literals, and JSON's words among them. A call is read argument by argument; where one can't be read,
the call is lost and not the block.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import PythonGrammar
from toolgate_core.extraction.calls import MAX_ARGUMENTS, Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.frames.statements import Statements
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError
from toolgate_core.extraction.mend import skip
from toolgate_core.extraction.python_arguments import properties_of, read_arguments
from toolgate_core.extraction.python_quotes import Following, call_end

_NAME = regex.compile(r"(?P<name>[A-Za-z_][\w.\-]{0,255})\s{0,16}\(")
_ANOTHER = regex.compile(r"\s{0,16}(?:[,;]\s{0,16}(?:\]|[A-Za-z_][\w.\-]{0,255}\s{0,16}\()|\])")
_NEXT_LINE = regex.compile(r"[ \t]{0,16}(?:[,;]\s{0,16}|\r?\n\s{0,16})[A-Za-z_][\w.\-]{0,255}\s{0,16}\(")
_STRING = regex.compile(r"""'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+\"""")
MAX_STRING = 512
_LINE_END = regex.compile(r"[ \t]{0,32}(?:\r?\n|<\||`)|[ \t]{1,32}+(?P<text>[^\s(<`\[])|(?P<text>[.!?,;:…])(?=\s)")
_STOPS = " \t\r\n.!?…"
_TAIL = regex.compile(r"[\s;`]*")


class PythonMarks(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    open: regex.Pattern[str]
    close: regex.Pattern[str]


@cache
def python_marks(grammar: PythonGrammar) -> PythonMarks:
    """Return the patterns of a grammar."""
    return PythonMarks(
        open=regex.compile(grammar.open, regex.IGNORECASE),
        close=regex.compile(grammar.close or "(?!)", regex.IGNORECASE),
    )


def read_python(reading: Reading, grammar: PythonGrammar) -> Steps[bool]:
    """Read one block; false where it holds no call."""
    cursor, mark = reading.cursor, python_marks(grammar)
    if (yield from cursor.expect(mark.open, window=256)) is None:
        return False
    if grammar.code:
        return (yield from Statements(reading, grammar, mark.close).read())
    listed = (yield from cursor.space()) == "["
    if listed:
        cursor.take(1)
    reading.tentative = grammar.bare
    block = Block(reading, grammar, mark, listed=listed)
    try:
        if not (yield from block.calls()):
            return grammar.special and (yield from cursor.closes(mark.close))
    except BadBodyError:
        return (yield from block.failed())
    ends = (
        not grammar.bare
        or grammar.alone
        or (yield from _line_ends(reading, sure=block.sure, first=bool(grammar.begins)))
    )
    if not ends and not grammar.echo:
        return False
    yield from cursor.space()
    closed = yield from cursor.closes(mark.close)
    if grammar.echo and closed:
        return _forgotten(reading)
    if grammar.echo:
        return reading.sink.calls == 0 and ends
    return not grammar.alone or closed or (yield from _nothing_follows(reading))


def _line_ends(reading: Reading, *, sure: bool, first: bool) -> Steps[bool]:
    """Whether a list that no marker announces ends its line, or text follows what must be calls; not so in a link.

    `first`: the list is the first thing in the text, so that text behind it does not make it a link.
    """
    match = yield from reading.cursor.comes(_LINE_END, window=64)
    if match is not None:
        return sure or first or not match["text"]
    if reading.cursor.end is None:  # more white space than a line ends with, and what follows it is not known
        return False
    return (reading.stopped or sure) and not reading.cursor.text[reading.cursor.pos :].strip(
        _STOPS if sure or first else None
    )


def _forgotten(reading: Reading) -> bool:
    """Take a repeated block for markup."""
    reading.sink.discard()
    reading.sink.hold()
    reading.found = False
    return True


def _nothing_follows(reading: Reading) -> Steps[bool]:
    cursor = reading.cursor
    while True:
        if _TAIL.fullmatch(cursor.text, cursor.pos) is None:
            return False
        if not (yield from cursor.more()):
            cursor.take(cursor.left)
            return reading.stopped


class Block:
    """The calls of one block."""

    def __init__(self, reading: Reading, grammar: PythonGrammar, mark: PythonMarks, *, listed: bool) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        self._mark = mark
        self._listed = listed
        self._ends = call_end(grammar, listed=listed)
        self._done = 0
        self._bad = False
        self._begun = False
        self._separated = False
        self._argued = False
        self._open: Call | None = None

    @property
    def sure(self) -> bool:
        """Whether the list can't be the text of a link: it has several calls, or arguments."""
        return self._done > 1 or self._argued

    def calls(self) -> Steps[bool]:
        """Read all calls; false where there is none."""
        cursor = self._cursor
        while True:
            char = yield from cursor.space()
            if self._listed and char == "]":
                cursor.take(1)
                return self._counts
            if self._done and self._grammar.alone:
                return True
            if (self._done or self._begun) and char and char in ",;":
                cursor.take(1)
                self._separated = True
                continue
            match = yield from cursor.comes(_NAME, window=300)
            if (
                match is None
                and cursor.end in ("length", "cut")
                and _NAME.fullmatch(cursor.text, cursor.pos, partial=True)
            ):
                cursor.take(cursor.left)
            if match is None or not (yield from self._next_call(match["name"])):
                break
        if self._listed and self._counts and not (not cursor.left and self._reading.stopped):
            raise BadBodyError
        return self._counts

    @property
    def _counts(self) -> bool:
        """Whether there is a call, or a broken one where it can be nothing else."""
        return self._done > 0 or (self._bad and not self._reading.tentative)

    def failed(self) -> Steps[bool]:
        """The block can't be read to its end: false where it may be text."""
        reading, call = self._reading, self._open
        if self._grammar.echo and reading.cursor.end is not None and not reading.cursor.left:
            return _forgotten(reading)
        if reading.tentative and (reading.cursor.end is None or reading.cursor.left or self._grammar.alone):
            return False
        if call is not None and (call.tool is not None or self._done):
            call.repaired("cut" if reading.cursor.end in ("length", "cut") else "bad_literal")
            call.end(complete=False)
        elif not self._done or (reading.tentative and not self._separated):
            return False
        yield from skip(self._cursor, self._mark.close)
        yield from self._cursor.expect(self._mark.close)
        return True

    def _next_call(self, name: str) -> Steps[bool]:
        """Read one call, and go on behind it where it can't be read and the list does not end with it."""
        place = self._cursor.place
        try:
            return (yield from self._call(name))
        except TooLargeError:
            raise
        except BadBodyError:
            call, grammar = self._open, self._grammar
            alone = grammar.alone or grammar.echo or (grammar.bare and not self._listed)
            known = call is not None and (call.tool is not None or not self._grammar.bare)
            if alone or call is None or not known or self._cursor.place - place > MAX_ARGUMENTS:
                raise
            if not (yield from self._skip_call()):
                raise
        call.repaired("bad_literal")
        call.end(complete=False)
        self._open = None
        self._bad = self._bad or call.tool is not None
        self._begun = True
        return True

    def _skip_call(self) -> Steps[bool]:
        """Read on to the parenthesis that closes the call; whether another call follows it."""
        cursor, depth = self._cursor, 1
        another = _ANOTHER if self._listed else _NEXT_LINE
        while True:
            char = yield from cursor.peek()
            if not char or (yield from cursor.comes(self._mark.close)) is not None:
                return False
            match = yield from cursor.comes(_STRING, window=MAX_STRING)
            cursor.take(1 if match is None else match.end() - cursor.pos)
            depth = max(depth, 1) + (char == "(") - (char == ")")
            if depth == 0 and (yield from cursor.comes(another, window=300)) is not None:
                return True

    def _call(self, name: str) -> Steps[bool]:
        """Read one call; false where its name is none that counts."""
        call = Call(self._reading)
        if self._grammar.bare and self._reading.toolset.get(name) is None:
            return False
        yield from self._cursor.expect(_NAME, window=300)
        if self._grammar.method:
            name = name.removesuffix(".call")
        call.begin(name)
        self._open = call
        names = frozenset(self._reading.toolset.names)
        following = Following(self._cursor, self._ends, frozenset(properties_of(call)), names)
        complete = yield from read_arguments(self._reading, call, following, named=self._grammar.keywords)
        if not complete and self._grammar.alone:
            raise BadBodyError
        self._argued = self._argued or not call.empty
        call.end(complete=complete)
        self._open = None
        self._done += 1
        return True
