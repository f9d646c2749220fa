"""Frame: `call:NAME{key:value, …}`, bare keys, and strings between special delimiters (Gemma 4).

```
block = opener call { [","] call } [close]        call = "call:" NAME ("{" members "}" | "(" members ")")
value = QUOTE text QUOTE | "…" | number | true | false | null | "{" [key ":" value {","}] "}" | "[" [value {","}] "]"
```
(Source: the chat templates of Gemma 4 and FunctionGemma. QUOTE is `<|"|>` or `<escape>`; nothing escapes it.)

Arguments are emitted one by one, each once it is complete. Models leave strings without quotes where the schema wants a
string, which is read then (`unquoted_string`), and lose closing braces before the closer.

What may wait: the beginning of a QUOTE, a key, a scalar until the character after it. Bounds: MAX_DEPTH brackets,
MAX_ARGUMENTS characters; a call that can't be read is skipped up to an edge.
"""

from __future__ import annotations

import re
from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import BraceGrammar
from toolgate_core.dialects.patterns import ungrouped
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS, CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MAX_DEPTH, MalformedBlockError, TooLargeError, read_string
from toolgate_core.extraction.python_values import PythonValues
from toolgate_core.extraction.repair import skip_to_edge
from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.schema.kinds import possible_types

_KEY = re.compile(r"""[^\s:=,{}()\[\]<"']{1,257}""")
_CLOSERS = {"{": "}", "(": ")"}
_BARE = re.compile(r"[^,}\]\[{<)\n\"']+")


class BracePatterns(Struct, frozen=True):
    """A grammar's patterns, compiled; `edges` is where a call that can't be read ends at the latest."""

    call: regex.Pattern[str]
    another: regex.Pattern[str]
    empty: regex.Pattern[str]
    close: regex.Pattern[str]
    edges: regex.Pattern[str]


@cache
def brace_patterns(grammar: BraceGrammar) -> BracePatterns:
    """Return the patterns of a grammar."""
    opens = "|".join(map(regex.escape, grammar.tokens)) or "(?!)"
    another = grammar.another or "(?!)"
    return BracePatterns(
        call=regex.compile(grammar.call, regex.IGNORECASE),
        another=regex.compile(another, regex.IGNORECASE),
        empty=regex.compile(rf"(?:(?:{opens})\s{{0,64}})+(?:{grammar.close})", regex.IGNORECASE),
        close=regex.compile(grammar.close, regex.IGNORECASE),
        edges=regex.compile(rf"{grammar.close}|{opens}|[}})](?={ungrouped(another)})", regex.IGNORECASE),
    )


def read_braces(reader: BlockReader, grammar: BraceGrammar) -> Steps[bool]:
    """Read one call; false if it is not one."""
    cursor, patterns = reader.cursor, brace_patterns(grammar)
    match = yield from cursor.read_match(patterns.call, window=512)
    # An opener and a closer without a call between them: markup, which vanishes.
    if match is None and grammar.special and (yield from cursor.read_match(patterns.empty, window=512)) is not None:
        return True
    if match is None or (grammar.declared_only and reader.toolset.get(match["name"]) is None):
        return False
    # Without special tokens `call:name{` may be text up to the end of the call, even with the name of a tool.
    reader.tentative = grammar.declared_only
    while match is not None:
        if not (yield from _one_call(reader, grammar, patterns, match["name"])):
            return False
        match = yield from cursor.read_match(patterns.another, window=300)
    yield from cursor.read_closer(patterns.close)
    return True


def _one_call(reader: BlockReader, grammar: BraceGrammar, patterns: BracePatterns, name: str) -> Steps[bool]:
    """Read one call after its name; false if it is not one."""
    cursor, call = reader.cursor, CallWriter(reader)
    call.begin(name)
    try:
        yield from BraceArguments(reader, grammar, patterns, call).arguments()
        complete = True
    except MalformedBlockError:
        # A call that was cut is certain enough to be reported; one that breaks off in the middle may be text.
        if call.tool is None or (reader.tentative and cursor.end not in ("length", "cut")):
            return False
        call.add_repairs("cut" if cursor.end in ("length", "cut") else "bad_literal")
        complete = False
        yield from skip_to_edge(cursor, patterns.edges)
    call.end(complete=complete)
    yield from cursor.skip_space()
    # Models close more braces than they opened; these belong to no text.
    while (char := (yield from cursor.peek())) and char in "})":
        reader.sink.drop("markup", cursor.take(1))
        yield from cursor.skip_space()
    return True


class BraceArguments:
    """Reads the arguments of one call."""

    def __init__(self, reader: BlockReader, grammar: BraceGrammar, patterns: BracePatterns, call: CallWriter) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._quote = grammar.quote
        self._patterns = patterns
        self._call = call
        self._root: JsonObject = call.tool.parameters if call.tool else {}
        self._literals = PythonValues(reader)
        self._unsure = False
        self._began = reader.cursor.offset

    def arguments(self) -> Steps[None]:
        """Read the object of the arguments into the call; raises `MalformedBlockError`."""
        opener = yield from self._cursor.skip_space()
        if opener not in _CLOSERS:
            if (yield from self._cursor.peek_match(self._patterns.close)) is None:
                raise MalformedBlockError
            return
        # The types decide between a number and a string without quotes (`_scalar`).
        properties = self._root.get("properties")
        schemas = properties if isinstance(properties, dict) else {}
        seen: set[str] = set()
        self._cursor.take(1)
        while not (yield from self._ended(_CLOSERS[opener], first=not seen)):
            key = yield from self._key()
            text = yield from self._value(1, schemas.get(key, {}))
            if key in seen:  # the first one has been emitted
                self._call.add_repairs("duplicate_key")
                continue
            seen.add(key)
            self._call.write(f"{'{' if self._call.empty else ','}{encode_str(key)}:{text}")
        if not self._call.empty:
            self._call.write("}")
        self._call.add_repairs(*self._literals.repairs)

    def _ended(self, closer: str, *, first: bool) -> Steps[bool]:
        """Read what is between members; whether the container has ended."""
        cursor = self._cursor
        char = yield from cursor.skip_space()
        if char == "," and not first:
            cursor.take(1)
            char = yield from cursor.skip_space()
        if char == closer:
            cursor.take(1)
            return True
        # The closer ends every container that is open: a brace was forgotten.
        if (yield from cursor.peek_match(self._patterns.close)) is not None:
            self._call.add_repairs("missing_close")
            return True
        if not char:
            # `{n:10` at the end of a text may have been `{n:108`: a scalar is never completed.
            if not self._reader.stopped or self._unsure:
                raise MalformedBlockError
            self._call.add_repairs("missing_close")
            return True
        return False

    def _quoted(self) -> Steps[bool]:
        """Whether a delimiter of strings is here."""
        cursor = self._cursor
        # The delimiter has several characters and may come in pieces; half of one at the end of the text is none.
        while self._quote.startswith(cursor.text[cursor.pos : cursor.pos + len(self._quote)]):
            if cursor.remaining >= len(self._quote):
                return True
            if not (yield from cursor.wait()):
                return False
        return False

    def _key(self) -> Steps[str]:
        cursor = self._cursor
        char = yield from cursor.skip_space()
        if (yield from self._quoted()):
            key = yield from self._string()
        # Quotes of JSON stand for a delimiter, in keys and values: models fall back to them.
        elif char == '"':
            key = yield from self._json_string()
        else:
            while True:
                match = _KEY.match(cursor.text, cursor.pos)
                if match is None or match.end() < len(cursor.text):
                    break
                if match.end() - cursor.pos > 256 or not (yield from cursor.wait()):
                    raise MalformedBlockError
            if match is None:
                raise MalformedBlockError
            key = cursor.take(match.end() - cursor.pos)
        # Models write Python's `=` in the place of the colon.
        if (yield from cursor.skip_space()) not in (":", "="):
            raise MalformedBlockError
        cursor.take(1)
        return key

    def _value(self, depth: int, schema: JsonValue) -> Steps[str]:
        """Read one value; return its JSON text. Where the schema allows it a string may be without delimiters."""
        if depth > MAX_DEPTH:
            raise MalformedBlockError
        # Checked here once a value, since everything that is collected is made of values.
        if self._cursor.offset - self._began > MAX_ARGUMENTS:
            raise TooLargeError
        char = yield from self._cursor.skip_space()
        self._unsure = False
        if (yield from self._quoted()):
            return encode_str((yield from self._string()))
        if char == '"':
            return encode_str((yield from self._json_string()))
        if char == "{":
            return (yield from self._object(depth, schema))
        if char == "[":
            return (yield from self._list(depth, schema))
        return (yield from self._scalar(possible_types(schema, self._root)))

    def _object(self, depth: int, schema: JsonValue) -> Steps[str]:
        self._cursor.take(1)
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schemas = properties if isinstance(properties, dict) else {}
        members: list[str] = []
        while not (yield from self._ended("}", first=not members)):
            key = yield from self._key()
            members.append(f"{encode_str(key)}:{(yield from self._value(depth + 1, schemas.get(key, {})))}")
        return "{" + ",".join(members) + "}"

    def _list(self, depth: int, schema: JsonValue) -> Steps[str]:
        self._cursor.take(1)
        item: JsonValue = schema.get("items", {}) if isinstance(schema, dict) else {}
        items: list[str] = []
        while not (yield from self._ended("]", first=not items)):
            items.append((yield from self._value(depth + 1, item)))
        return "[" + ",".join(items) + "]"

    def _scalar(self, types: tuple[str, ...]) -> Steps[str]:
        cursor = self._cursor
        while True:
            match = _BARE.match(cursor.text, cursor.pos, cursor.pos + 4096)
            if match is not None and (match.end() < len(cursor.text) or match.end() - cursor.pos >= 4096):
                break
            # A value of no characters: `{city:,n:3}`.
            if match is None and cursor.remaining:
                return self._nothing(cursor.text[cursor.pos], types)
            if not (yield from cursor.wait()):
                self._unsure = True
                break
        if match is None:
            raise MalformedBlockError
        word = cursor.take(match.end() - cursor.pos).strip()
        # `{id:007}` is the text "007" where the schema wants a string, and never a number.
        if types == ("string",) and not self._unsure:
            self._call.add_repairs("unquoted_string")
            return encode_str(word)
        # Numbers and the words for true, false and null, in the spellings of JSON and of Python.
        known = self._literals.number_or_word(word)
        if known is None:
            # A word where the schema wants a number is a broken call, not a string that would fail later.
            if self._unsure or (types and "string" not in types):
                raise MalformedBlockError
            self._call.add_repairs("unquoted_string")
            known = encode_str(word)
        return known

    def _nothing(self, char: str, types: tuple[str, ...]) -> str:
        """Return the value that no text says: the empty string, where the schema wants a string."""
        if char not in ",}" or "string" not in types:
            raise MalformedBlockError
        self._call.add_repairs("unquoted_string")
        return '""'

    def _json_string(self) -> Steps[str]:
        pieces: list[str] = []
        yield from read_string(self._cursor, pieces.append)
        return "".join(pieces)

    def _string(self) -> Steps[str]:
        """Read a string between delimiters: anything but the delimiter."""
        cursor, quote = self._cursor, self._quote
        cursor.take(len(quote))
        pieces: list[str] = []
        size = 0
        while True:
            stop = cursor.text.find(quote, cursor.pos)
            if stop >= 0:
                pieces.append(cursor.take(stop - cursor.pos))
                cursor.take(len(quote))
                return "".join(pieces)
            # The end of what has come may be a part of the delimiter.
            keep = next(
                (length for length in range(len(quote) - 1, 0, -1) if cursor.text.endswith(quote[:length], cursor.pos)),
                0,
            )
            pieces.append(cursor.take(cursor.remaining - keep))
            size += len(pieces[-1])
            if size > MAX_ARGUMENTS:
                raise TooLargeError
            if not (yield from cursor.wait()):
                raise MalformedBlockError
