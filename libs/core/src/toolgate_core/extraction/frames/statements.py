"""Frame: calls as statements of a program, printed or assigned, as Gemma writes them into a fence `tool_code`.

```
block     = "```tool_code" {statement} "```"
statement = [NAME "="] ["print("] call [")"] | "print(" NAME ")" | "#" comment
```
(Source: Gemma 3 was trained to write tool code; Gemini's prompt calls functions through `default_api`.) The calls may
are in a list. Only calls of declared tools are read. A block with anything else in it is a program, and text: to run
the calls of a program without its other statements would be wrong. So nothing is emitted before the closing fence.

What may wait, and the bounds, are those of `python_arguments`.
"""

from __future__ import annotations

import regex

from toolgate_core.dialects.base import PythonGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError
from toolgate_core.extraction.python_arguments import properties_of, read_python_arguments
from toolgate_core.extraction.python_quotes import QuoteContext, call_end

_SHOWN = regex.compile(r"(?:print\([ \t]{0,16}[A-Za-z_]\w{0,63}[ \t]{0,16}\)|#[^\n`]{0,256})[ \t]{0,16}(?=[\r\n`;])")
_HEAD = regex.compile(
    r"(?:[A-Za-z_]\w{0,63}[ \t]{0,16}=[ \t]{0,16})?(?P<print>print\([ \t]{0,16})?+"
    r"(?:default_api\.)?+(?P<name>[A-Za-z_][\w.\-]{0,255})[ \t]{0,16}\("
)
_PRINTED = regex.compile(r"[ \t]{0,16}\)")


class Statements:
    """Reads the statements of one block."""

    def __init__(self, reader: BlockReader, grammar: PythonGrammar, close: regex.Pattern[str]) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._close = close
        self._ends, self._listed_ends = (call_end(grammar, listed=listed) for listed in (False, True))
        reader.tentative = True

    def read(self) -> Steps[bool]:
        """Read the block after its opener; false where it holds something else than calls."""
        cursor, done = self._cursor, False
        try:
            while True:
                char = yield from cursor.skip_space()
                if (yield from cursor.read_closer(self._close)) or (not char and self._reader.stopped):
                    return done
                if char == "[" and not done:
                    self._ends = self._listed_ends
                if char and char in "[],;":
                    cursor.take(1)
                elif (yield from cursor.read_match(_SHOWN, window=300)) is None:
                    yield from self._call()
                    done = True
        except MalformedBlockError:
            return False

    def _call(self) -> Steps[None]:
        """Read one call; raises `MalformedBlockError` where none that counts is there."""
        match = yield from self._cursor.peek_match(_HEAD, window=500)
        if match is None or self._reader.toolset.get(match["name"]) is None:
            raise MalformedBlockError
        self._cursor.take(match.end() - self._cursor.pos)
        call = CallWriter(self._reader)
        call.begin(match["name"])
        names = frozenset(self._reader.toolset.names)
        following = QuoteContext(self._cursor, self._ends, frozenset(properties_of(call)), names)
        complete = yield from read_python_arguments(self._reader, call, following)
        if match["print"] and (yield from self._cursor.read_match(_PRINTED, window=32)) is None:
            raise MalformedBlockError
        call.end(complete=complete)
