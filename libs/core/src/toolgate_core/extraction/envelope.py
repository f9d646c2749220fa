"""Frame: name and arguments inside JSON.

```
block  = open (object {[,;] object} | "[" [object {"," object}] "]") [close]
object = "{" … "name": string … "arguments": object | string | null … "}"      (keys in any order)
```
Good JSON streams through as it stands. Broken JSON is read to the block's edge and mended as a whole.
"""

from __future__ import annotations

import re
from functools import cache
from io import StringIO

from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.extraction.calls import MAX_NAME, Call, Reading
from toolgate_core.extraction.cursor import Steps, beginnings
from toolgate_core.extraction.json_reader import BadBodyError, JsonScan, TooLargeError, read_string
from toolgate_core.extraction.mend import MAX_BODY, Mended, calls_in, mend, skip
from toolgate_core.jsontext import JsonValue

_FENCE = re.compile(r"```\w*\s")
_NAMED = re.compile(r"""["']?(?:name|arguments|parameters|function|tool)["']?\s*:""")
_NEVER = re.compile(r"(?!)")


class Marks(Struct, frozen=True):
    """A grammar's markers, compiled."""

    open: re.Pattern[str]
    close: re.Pattern[str]
    close_prefixes: frozenset[str]
    edges: re.Pattern[str]


@cache
def marks(grammar: EnvelopeGrammar) -> Marks:
    """Return the patterns of a grammar's markers."""
    tags = "|".join(re.escape(f"<{tag}") + r"\s*>" for tag in grammar.tags)
    tokens = "|".join(map(re.escape, grammar.tokens))
    opens = "|".join(filter(None, (tags, tokens)))
    closes = [rf"</\s*{re.escape(tag)}\s*>" for tag in grammar.close_tags] + [*map(re.escape, grammar.close_tokens)]
    close = "|".join(closes)
    return Marks(
        open=re.compile(opens, re.IGNORECASE),
        close=re.compile(close, re.IGNORECASE) if close else _NEVER,
        close_prefixes=beginnings((*(f"</{tag}>" for tag in grammar.close_tags), *grammar.close_tokens)),
        edges=re.compile("|".join(filter(None, (close, rf"((?:{opens})\s*[{{\[])"))), re.IGNORECASE),
    )


def read_envelopes(reading: Reading, grammar: EnvelopeGrammar) -> Steps[bool]:
    """Read one block; false where it is not a call."""
    cursor, mark = reading.cursor, marks(grammar)
    if (yield from cursor.match(mark.open, 64)) is None:
        return False
    char = yield from cursor.space()
    fenced = char == "`" and (yield from cursor.match(_FENCE, 16)) is not None
    if fenced:
        char = yield from cursor.space()
    if not char and reading.stopped and reading.sink.calls:
        reading.sink.drop("markup", mark.open.pattern)
        return True
    if char not in ("{", "["):
        return False
    body = Body(reading, grammar)
    if not (yield from body.read_all(mark.edges)):
        return False
    yield from _close(reading, mark, "}],`" if fenced else "}],")
    return True


def _close(reading: Reading, mark: Marks, strays: str) -> Steps[None]:
    cursor = reading.cursor
    stray = ""
    while (char := (yield from cursor.space())) and char in strays:
        stray += cursor.take(1)
    reading.sink.drop("markup", stray)
    yield from cursor.literal(mark.close, mark.close_prefixes)


class Body:
    """The JSON of one block."""

    def __init__(self, reading: Reading, grammar: EnvelopeGrammar) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        self.tape = StringIO()
        self.open: Call | None = None
        self.done = 0
        self._base = 0

    def read_all(self, edges: re.Pattern[str]) -> Steps[bool]:
        """Read the objects of a block, mended where needed; false where they are no calls."""
        self.tape = self._cursor.record()
        try:
            yield from self.values()
        except TooLargeError:
            self._cursor.stop(self.tape)
            return (yield from self.too_large(edges))
        except BadBodyError:
            return self.mended((yield from mend(self._reading, self.tape, edges)))
        self._cursor.stop(self.tape)
        return True

    def values(self) -> Steps[None]:
        """Read one object, several, or an array of them."""
        if (yield from self._cursor.peek()) == "[":
            yield from self.array()
            return
        while True:
            yield from self.one_call()
            self._cursor.stop(self.tape)
            self.tape, self._base = self._cursor.record(), self.done
            char = yield from self._cursor.space()
            if char and char in ",;":
                self._cursor.take(1)
                char = yield from self._cursor.space()
            if char != "{":
                return
            self._cursor.stop(self.tape)
            self.tape = self._cursor.record()

    def array(self) -> Steps[None]:
        """Read an array of objects."""
        self._cursor.take(1)
        char = yield from self._cursor.space()
        while char != "]":
            yield from self.one_call()
            char = yield from self._cursor.space()
            if char == ",":
                self._cursor.take(1)
                if (yield from self._cursor.space()) != "{":
                    raise BadBodyError
            elif char != "]":
                raise BadBodyError
        self._cursor.take(1)
        if not self.done:
            raise BadBodyError

    def one_call(self) -> Steps[None]:
        """Read one call."""
        call = self.open = Call(self._reading)
        if (yield from self._cursor.peek()) != "{":
            raise BadBodyError
        seen: set[str] = set()
        separator = self._cursor.take(1)
        while separator != "}":
            if (yield from self._cursor.space()) != '"':
                raise BadBodyError
            key = yield from short_string(self._reading)
            yield from self.expect(":")
            yield from self._member(call, key, seen)
            separator = yield from self.expect(",}")
        if not call.name:
            raise BadBodyError
        call.end()
        self.open = None
        self.done += 1

    def expect(self, chars: str) -> Steps[str]:
        """Read one of `chars`, white space before it included."""
        char = yield from self._cursor.space()
        if not char or char not in chars:
            raise BadBodyError
        return self._cursor.take(1)

    def _member(self, call: Call, key: str, seen: set[str]) -> Steps[None]:
        char = yield from self._cursor.space()
        grammar = self._grammar
        role = "name" if key in grammar.name_keys else "arguments" if key in grammar.argument_keys else key
        if role == "name" and "name" not in seen:
            if char != '"' or not call.begin((yield from short_string(self._reading))):
                raise BadBodyError
        elif role == "arguments" and "arguments" not in seen:
            yield from read_arguments(self._reading, call, self.tape)
        elif key in grammar.id_keys and char == '"':
            call.call_id = yield from short_string(self._reading)
        else:
            yield from scan_value(self._reading, self.tape, None)
        seen.add(role)

    def mended(self, mended: Mended | str) -> bool:
        """Write what is left of a block that had to be mended; false where it is no call."""
        if isinstance(mended, str):
            return self.failed(mended)
        found = calls_in(mended.value, self._grammar)[self.done - self._base :]
        call = self.open if self.open and self.open.name else None
        if call is None and not found:
            return self.done > 0 or self._reading.sink.holding is False
        for one in found:
            call = call or Call(self._reading)
            self._write(call, one.name, one.call_id, one.arguments, mended.repairs)
            call = None
        if call is not None:
            call.end(complete=False)
        return True

    def _write(
        self, call: Call, name: str, call_id: str | None, arguments: JsonValue, repairs: tuple[str, ...]
    ) -> None:
        if not call.name:
            call.call_id = call_id
            if not call.begin(name):
                self._reading.sink.drop("bad_json", name or "a call without a name")
                return
        call.repaired(*repairs)
        try:
            written = call.write_value(arguments)
        except TooLargeError:
            written = False
        call.end(complete=written)

    def failed(self, raw: str) -> bool:
        """The block can't be read: an unfinished call if its name is known, otherwise no call at all."""
        reading = self._reading
        kind = "bad_json" if reading.stopped or reading.cursor.end is None else "cut"
        if self.open is not None and self.open.tool is not None:
            self.open.repaired(kind)
            self.open.end(complete=False)
            return True
        if self.done:
            reading.sink.drop(kind, raw)
            return True
        if self.open is not None and not self.open.name and _NAMED.search(raw):
            reading.sink.drop(kind, raw)
            return True
        return False

    def too_large(self, edges: re.Pattern[str]) -> Steps[bool]:
        """Read over the rest of a block that is larger than any call may be."""
        yield from skip(self._cursor, edges)
        if self.open is not None and self.open.tool is not None:
            self.open.repaired("too_large")
            self.open.end(complete=False)
        else:
            self._reading.sink.discard()
            self._reading.sink.drop("too_large", "arguments are too large")
        return True


def short_string(reading: Reading) -> Steps[str]:
    """Read a JSON string of at most 256 characters."""
    pieces: list[str] = []

    def put(piece: str) -> None:
        pieces.append(piece)
        if sum(map(len, pieces)) > MAX_NAME:
            raise BadBodyError

    yield from read_string(reading.cursor, put)
    return "".join(pieces)


def read_arguments(reading: Reading, call: Call, tape: StringIO) -> Steps[None]:
    """Read the arguments: an object, the JSON text of one inside a string, or null."""
    char = yield from reading.cursor.peek()
    if char == '"':
        pieces: list[str] = []
        size = 0

        def put(piece: str) -> None:
            nonlocal size
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY:
                raise TooLargeError

        yield from read_string(reading.cursor, put)
        if not call.write_text("".join(pieces)):
            raise BadBodyError
    elif char == "{":
        yield from scan_value(reading, tape, call)
    else:
        scan = yield from scan_value(reading, tape, None)
        if scan != "null":
            raise BadBodyError
        call.write("{}")


def scan_value(reading: Reading, tape: StringIO, call: Call | None) -> Steps[str]:
    """Read one JSON value into `call`; without one, return its first characters."""
    cursor, scan, head = reading.cursor, JsonScan(), ""
    while True:
        stop = scan.read(cursor.text, cursor.pos, ended=cursor.end is not None)
        cursor.take(stop - cursor.pos)
        if scan.out:
            piece = "".join(scan.out)
            scan.out.clear()
            if call is not None:
                call.write(piece)
            elif len(head) < 16:
                head += piece[:16]
        if tape.tell() > MAX_BODY:
            raise TooLargeError
        if scan.done:
            return head
        if scan.bad or not (yield from cursor.more()):
            raise BadBodyError
