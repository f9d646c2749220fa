"""Frame: calls in Python's syntax (Llama 3.2 and 4, LFM2, Olmo 3, Gemma).

```
block = open ("[" [call {"," call}] "]" | call {(newline | "," | ";") call}) [close]
call  = NAME "(" [argument {"," argument}] ")"
```
Values are literals of Python, and the words of JSON among them. A call is read argument by argument; where one can't be
read, that call is incomplete and the block goes on at the next call.

Without markers (`bare`) the form is hardest to tell from prose: `[ping()](https://…)` is a Markdown link, `f(x)` is
mathematics. So only names of declared tools count, the block is held to its end, and a list must end its line, unless
it holds arguments or several calls, as no link does. LFM2 repeats a list without its tokens after the real one: an
`echo`, which is markup.

What may wait: a name (300 characters), a value as in `python_values`, up to 64 characters after a bare list. Bounds: a
bad call is skipped over at most MAX_ARGUMENTS characters.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import PythonGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS, CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.frames.statements import Statements
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError
from toolgate_core.extraction.python_arguments import properties_of, read_python_arguments
from toolgate_core.extraction.python_quotes import QuoteContext, call_end
from toolgate_core.extraction.repair import skip_to_edge

_NAME = regex.compile(r"(?P<name>[A-Za-z_][\w.\-]{0,255})\s{0,16}\(")
_ANOTHER = regex.compile(r"\s{0,16}(?:[,;]\s{0,16}(?:\]|[A-Za-z_][\w.\-]{0,255}\s{0,16}\()|\])")
_NEXT_LINE = regex.compile(r"[ \t]{0,16}(?:[,;]\s{0,16}|\r?\n\s{0,16})[A-Za-z_][\w.\-]{0,255}\s{0,16}\(")
_STRING = regex.compile(r"""'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+\"""")
MAX_STRING = 512
"""Characters of a string that is skipped as a whole in a call that can't be read."""
_LINE_END = regex.compile(r"[ \t]{0,32}(?:\r?\n|<\||`)|[ \t]{1,32}+(?P<text>[^\s(<`\[])|(?P<text>[.!?,;:…])(?=\s)")
_STOPS = " \t\r\n.!?…"
_TAIL = regex.compile(r"[\s;`]*")


class PythonPatterns(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    open: regex.Pattern[str]
    close: regex.Pattern[str]


@cache
def python_patterns(grammar: PythonGrammar) -> PythonPatterns:
    """Return the patterns of a grammar."""
    return PythonPatterns(
        open=regex.compile(grammar.open, regex.IGNORECASE),
        close=regex.compile(grammar.close or "(?!)", regex.IGNORECASE),
    )


def read_python(reader: BlockReader, grammar: PythonGrammar) -> Steps[bool]:
    """Read one block; false where it holds no call."""
    cursor, patterns = reader.cursor, python_patterns(grammar)
    # Some grammars have an empty opener: then the call itself must be first.
    if (yield from cursor.read_match(patterns.open, window=256)) is None:
        return False
    if grammar.statements:
        return (yield from Statements(reader, grammar, patterns.close).read())
    listed = (yield from cursor.skip_space()) == "["
    if listed:
        cursor.take(1)
    reader.tentative = grammar.bare
    block = PythonBlock(reader, grammar, patterns, listed=listed)
    try:
        if not (yield from block.calls()):
            # Special tokens around nothing vanish.
            return grammar.special and (yield from cursor.read_closer(patterns.close))
    except MalformedBlockError:
        return (yield from block.end_unreadable())
    # A bare list is text unless it ends its line, like `see [ping()] above`.
    ends = (
        not grammar.bare
        or grammar.nothing_after
        or (yield from _ends_its_line(reader, sure=block.sure, first=bool(grammar.begins)))
    )
    if not ends and not grammar.echo:
        return False
    return (yield from _closed(reader, grammar, patterns, ends=ends))


def _closed(reader: BlockReader, grammar: PythonGrammar, patterns: PythonPatterns, *, ends: bool) -> Steps[bool]:
    """Read a block's closer; return whether its calls stand."""
    yield from reader.cursor.skip_space()
    closed = yield from reader.cursor.read_closer(patterns.close)
    # LFM2's echo has the closing token, though not the opening one.
    if grammar.echo and closed:
        return _drop_echo(reader)
    if grammar.echo:
        # Without its closing token it is the call itself, if none came before.
        return reader.sink.calls == 0 and ends
    return not grammar.nothing_after or closed or (yield from _nothing_follows(reader))


def _ends_its_line(reader: BlockReader, *, sure: bool, first: bool) -> Steps[bool]:
    """Whether a list that no marker announces ends its line, or text follows what must be calls; not so in a link.

    `first`: the list is the first thing in the text, so that text after it does not make it a link.
    """
    match = yield from reader.cursor.peek_match(_LINE_END, window=64)
    if match is not None:
        return sure or first or not match["text"]
    if reader.cursor.end is None:  # more white space than a line ends with, and what follows it is not known
        return False
    return (reader.stopped or sure) and not reader.cursor.text[reader.cursor.pos :].strip(
        _STOPS if sure or first else None
    )


def _drop_echo(reader: BlockReader) -> bool:
    """Take a repeated block for markup."""
    reader.sink.discard()
    reader.sink.hold()
    reader.has_call = False
    return True


def _nothing_follows(reader: BlockReader) -> Steps[bool]:
    cursor = reader.cursor
    while True:
        if _TAIL.fullmatch(cursor.text, cursor.pos) is None:
            return False
        if not (yield from cursor.wait()):
            cursor.take(cursor.remaining)
            return reader.stopped


class PythonBlock:
    """The calls of one block."""

    def __init__(self, reader: BlockReader, grammar: PythonGrammar, patterns: PythonPatterns, *, listed: bool) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._patterns = patterns
        self._listed = listed
        self._ends = call_end(grammar, listed=listed)
        self._done = 0
        self._bad = False
        self._begun = False
        self._separated = False
        self._argued = False
        self._open: CallWriter | None = None

    @property
    def sure(self) -> bool:
        """Whether the list can't be the text of a link: it has several calls, or arguments."""
        return self._done > 1 or self._argued

    def calls(self) -> Steps[bool]:
        """Read all calls; false where there is none. Raise `MalformedBlockError` where one is broken."""
        cursor = self._cursor
        while True:
            char = yield from cursor.skip_space()
            if self._listed and char == "]":
                cursor.take(1)
                return self._has_result
            # One call is all there may be; whether text follows is asked by the caller.
            if self._done and self._grammar.nothing_after:
                return True
            # Commas and semicolons between calls may be doubled or missing.
            if (self._done or self._begun) and char in (",", ";"):
                cursor.take(1)
                self._separated = True
                continue
            match = yield from cursor.peek_match(_NAME, window=300)
            if match is None:
                self._take_cut_name()
                break
            if not (yield from self._next_call(match["name"])):
                break
        # A list without its bracket: closed for the model only at the end of the text.
        if self._listed and self._has_result and (cursor.remaining or not self._reader.stopped):
            raise MalformedBlockError
        return self._has_result

    def _take_cut_name(self) -> None:
        cursor = self._cursor
        if cursor.end in ("length", "cut") and _NAME.fullmatch(cursor.text, cursor.pos, partial=True):
            cursor.take(cursor.remaining)

    @property
    def _has_result(self) -> bool:
        """Whether there is a call, or a broken one where it can be nothing else."""
        return self._done > 0 or (self._bad and not self._reader.tentative)

    def end_unreadable(self) -> Steps[bool]:
        """The block can't be read to its end: false where it may be text."""
        reader, call = self._reader, self._open
        # An echo that was cut is still an echo.
        if self._grammar.echo and reader.cursor.end is not None and not reader.cursor.remaining:
            return _drop_echo(reader)
        if reader.tentative and (reader.cursor.end is None or reader.cursor.remaining or self._grammar.nothing_after):
            return False
        if call is not None and (call.tool is not None or self._done):
            call.add_repairs("cut" if reader.cursor.end in ("length", "cut") else "bad_literal")
            call.end(complete=False)
        elif not self._done or (reader.tentative and not self._separated):
            return False
        yield from skip_to_edge(self._cursor, self._patterns.close)
        yield from self._cursor.read_match(self._patterns.close)
        return True

    def _next_call(self, name: str) -> Steps[bool]:
        """Read one call, and go on after it where it can't be read and the list does not end with it."""
        place = self._cursor.offset
        try:
            return (yield from self._call(name))
        except TooLargeError:
            raise
        except MalformedBlockError:
            call, grammar = self._open, self._grammar
            # Where a single bad call shows that the block is text, there is nothing to go on to.
            alone = grammar.nothing_after or grammar.echo or (grammar.bare and not self._listed)
            known = call is not None and (call.tool is not None or not self._grammar.bare)
            if alone or call is None or not known or self._cursor.offset - place > MAX_ARGUMENTS:
                raise
            if not (yield from self._skip_call()):
                raise
        call.add_repairs("bad_literal")
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
            if not char or (yield from cursor.peek_match(self._patterns.close)) is not None:
                return False
            # Parentheses inside strings close nothing; a string that is longer than the window is read by character.
            match = yield from cursor.peek_match(_STRING, window=MAX_STRING)
            cursor.take(1 if match is None else match.end() - cursor.pos)
            # A parenthesis too many must not end the search before the call does.
            depth = max(depth, 1) + (char == "(") - (char == ")")
            if depth == 0 and (yield from cursor.peek_match(another, window=300)) is not None:
                return True

    def _call(self, name: str) -> Steps[bool]:
        """Read one call; false where its name is none that counts."""
        call = CallWriter(self._reader)
        # Exactly the declared name: other spellings would turn code into calls.
        if self._grammar.bare and self._reader.toolset.get(name) is None:
            return False
        yield from self._cursor.read_match(_NAME, window=300)
        # Llama 3 writes its built-in tools as methods: `brave_search.call(query=…)`.
        if self._grammar.call_method:
            name = name.removesuffix(".call")
        call.begin(name)
        self._open = call
        names = frozenset(self._reader.toolset.names)
        following = QuoteContext(self._cursor, self._ends, frozenset(properties_of(call)), names)
        complete = yield from read_python_arguments(self._reader, call, following, named=self._grammar.keywords)
        # A variable as an argument: the text is a program or a formula, not a call.
        if not complete and self._grammar.nothing_after:
            raise MalformedBlockError
        self._argued = self._argued or not call.empty
        call.end(complete=complete)
        self._open = None
        self._done += 1
        return True
