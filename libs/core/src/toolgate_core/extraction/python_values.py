"""Reads the literals of Python as they come, the words of JSON among them, and returns them as JSON text.

```
value = string | number | word | "[" items "]" | "(" items ")" | "{" items "}" | "{" key ":" value … "}"
word  = True | False | None | true | false | null | none | TRUE | …         (models mix both languages)
```
Sets and tuples become lists. What JSON has no value for (bytes, a formatted string, a variable) is *foreign*: the value
is read to its end, so that the rest of the block can be read, and the call is incomplete. Numbers keep their digits
where JSON can write them; others (`07`, `1_000`, `.5`) are converted and tagged.

May wait: a scalar until the character after it, a quote until what follows it is known (`python_quotes`). Bounds:
MAX_DEPTH brackets, MAX_ARGUMENTS characters. Not read with `ast`: that needs the whole text, and accepts programs.
"""

from __future__ import annotations

import re

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MAX_DEPTH, MalformedBlockError, TooLargeError
from toolgate_core.extraction.python_quotes import MAPPING_KEY, MAPPING_VALUE, NAMED, QuoteContext
from toolgate_core.jsontext import encode_str
from toolgate_core.schema.quotes import InnerQuotes
from toolgate_core.schema.relaxed import number

_WORDS = {
    "true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null", "none": "null",
    "TRUE": "true", "FALSE": "false", "NULL": "null",
}  # fmt: skip
_SCALAR = re.compile(r"""[^\s,()\[\]{}:="'`<;]+""")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*\Z")
_PREFIX = re.compile(r"[bBrRfFuU]{1,2}\Z")
_RUNS = {'"': re.compile(r'[^"\\]+'), "'": re.compile(r"[^'\\]+")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0", "\n": ""}
_HEX = {"x": 2, "u": 4, "U": 8}
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


class PythonValues:
    """Reads values one after another; `following` decides where their strings end.

    Attributes:
        repairs: tags of what was repaired.
        foreign: a value was of a type that JSON has not (bytes, a formatted string).
        unsure: the last value may have been cut by the end of the text.
    """

    def __init__(self, reader: BlockReader, following: QuoteContext | None = None) -> None:
        self._following = following
        self._reader = reader
        self._cursor = reader.cursor
        self._began = reader.cursor.offset
        self.repairs: list[str] = []
        self.foreign = False
        self.unsure = False

    def value(self, stack: str = NAMED) -> Steps[str]:
        """Read one value; return its JSON text. Raises `MalformedBlockError` where it is none.

        `stack` are the brackets around it, as in `python_quotes`.
        """
        # The readers below call each other for each bracket.
        if len(stack) > MAX_DEPTH + 1:
            raise MalformedBlockError
        if self._cursor.offset - self._began > MAX_ARGUMENTS:
            raise TooLargeError
        self.unsure = False
        char = yield from self._cursor.skip_space()
        if char and char in "\"'":
            return encode_str((yield from self._string(char, stack)))
        if char and char in "[({":
            return (yield from self._container(char, stack))
        return (yield from self._scalar(stack))

    def _scalar(self, stack: str) -> Steps[str]:
        cursor = self._cursor
        while True:
            match = _SCALAR.match(cursor.text, cursor.pos, cursor.pos + 512)
            if match is not None and (match.end() < len(cursor.text) or match.end() - match.start() >= 512):
                break
            if match is None and cursor.remaining:
                raise MalformedBlockError
            if not (yield from cursor.wait()):
                self.unsure = True
                break
        if match is None:
            raise MalformedBlockError
        word = cursor.take(match.end() - cursor.pos)
        # A prefix of a string: raw strings and bytes, and formatted ones, whose places have no value here.
        if cursor.remaining and cursor.text[cursor.pos] in "\"'" and _PREFIX.match(word):
            text = yield from self._string(cursor.text[cursor.pos], stack, raw=bool(set(word) & set("rR")))
            places = "{" in text and bool(set(word) & set("fF"))
            self.foreign = self.foreign or places or bool(set(word) & set("bB"))
            return encode_str(text)
        return self._word(word)

    def _word(self, word: str) -> str:
        constant = self.number_or_word(word)
        if constant is not None:
            return constant
        # Anything else that is not a word breaks the call.
        if not _IDENTIFIER.match(word):
            raise MalformedBlockError
        self.foreign = True  # a variable has no value here
        return "null"

    def number_or_word(self, word: str) -> str | None:
        """Return the JSON text of a number or of one of the words; none for any other text."""
        if word in _WORDS:
            return _WORDS[word]
        if not _NUMBER.match(word):
            return None
        found = number(word.replace("_", ""))
        if found is None:
            return None
        # The digits stay as they are: 1e5 and 9007199254740993 must arrive unchanged.
        if _JSON_NUMBER.match(word):
            return word
        self.repairs.append("number_form")
        return encode_str(found)

    def _container(self, opener: str, stack: str) -> Steps[str]:
        """Read a list, a tuple, a set or a mapping."""
        cursor, closer = self._cursor, _CLOSERS[opener]
        cursor.take(1)
        items: list[str] = []
        # Braces may hold a set, parentheses a value or a tuple: the first item decides.
        mapping, single = opener == "{", opener == "("
        while True:
            char = yield from cursor.skip_space()
            if char == closer:
                cursor.take(1)
                break
            # The model ended its text here: brackets are closed for it.
            if self._closed_by_the_end(char):
                break
            if items and not (yield from self._goes_on(char, closer)):
                single = False
                continue
            item = yield from self.value(stack + (MAPPING_KEY if mapping and items else opener))
            if opener == "{" and (not items or mapping):
                mapping, item = yield from self._member(item, first=not items, stack=stack)
            items.append(item)
        if mapping:
            return "{" + ",".join(items) + "}"
        if opener != "[":
            self.repairs.append("python_literal")
        if single and len(items) == 1:
            return items[0]  # parentheses around a value; a tuple of one has a comma
        return "[" + ",".join(items) + "]"

    def _closed_by_the_end(self, char: str) -> bool:
        """Whether the model ended its text here, so that a bracket may be closed for it."""
        closed = not char and self._reader.stopped and not self.unsure
        if closed:
            self.repairs.append("missing_close")
        return closed

    def _goes_on(self, char: str, closer: str) -> Steps[bool]:
        """Read the comma between items; whether another item follows it."""
        if char != ",":
            raise MalformedBlockError
        self._cursor.take(1)
        return (yield from self._cursor.skip_space()) != closer

    def _member(self, key: str, *, first: bool, stack: str) -> Steps[tuple[bool, str]]:
        """Read the value after a key; without one it is the item of a set."""
        cursor = self._cursor
        if (yield from cursor.skip_space()) != ":":
            if not first:
                raise MalformedBlockError
            return False, key
        cursor.take(1)
        value = yield from self.value(stack + MAPPING_VALUE)
        return True, f"{key if key.startswith(chr(34)) else encode_str(key)}:{value}"

    def _string(self, quote: str, stack: str, *, raw: bool = False) -> Steps[str]:
        cursor = self._cursor
        triple = yield from self._triple(quote)
        cursor.take(3 if triple else 1)
        # The last character before a quote matters to `InnerQuotes`, also where there is none yet.
        pieces: list[str] = [""]
        inside = InnerQuotes(quote)
        size = 0
        while True:
            char = yield from cursor.peek()
            if not char:
                raise MalformedBlockError
            match = _RUNS[quote].match(cursor.text, cursor.pos)
            if match is not None:
                pieces.append(cursor.take(match.end() - cursor.pos))
            elif char == "\\":
                pieces.append((yield from self._escape(raw=raw)))
            elif triple and (yield from self._closes_triple(quote)):
                return "".join(pieces)
            elif not triple and (yield from self._closes(inside, pieces[-1][-1:], stack)):
                cursor.take(1)
                self._repaired(inside)
                return "".join(pieces)
            else:
                pieces.append(cursor.take(1))
            size += len(pieces[-1])
            if size > MAX_ARGUMENTS:
                raise TooLargeError

    def _triple(self, quote: str) -> Steps[bool]:
        cursor = self._cursor
        while cursor.remaining < 3 and cursor.text.endswith(quote * cursor.remaining):
            if not (yield from cursor.wait()):
                break
        return cursor.text.startswith(quote * 3, cursor.pos)

    def _closes_triple(self, quote: str) -> Steps[bool]:
        """Whether three quotes are here that end the string, and read them if so."""
        cursor = self._cursor
        while cursor.remaining < 3 and (yield from cursor.wait()):
            pass
        closed = cursor.text.startswith(quote * 3, cursor.pos)
        cursor.take(3 if closed else 0)
        return closed

    def _closes(self, inside: InnerQuotes, before: str, stack: str) -> Steps[bool]:
        """Whether the quote here ends the string: a quote inside of it is perhaps not escaped."""
        assert self._following is not None  # only `number_or_word` is used without one
        follows = yield from self._following.after_quote(stack, 1, inner=inside)
        return inside.ends(before, self._cursor.text[self._cursor.pos + 1 : self._cursor.pos + 2], follows)

    def _repaired(self, inside: InnerQuotes) -> None:
        """Raise where the quotes inside of a string allow another reading."""
        if inside.any:
            self.repairs.append("unescaped_quote")
            # Two places where the string could have ended: neither is certain, and a wrong one is a wrong call.
            if not inside.is_unambiguous(alone=True):
                raise MalformedBlockError

    def _escape(self, *, raw: bool) -> Steps[str]:
        cursor = self._cursor
        while cursor.remaining < 2:
            if not (yield from cursor.wait()):
                raise MalformedBlockError
        char = cursor.text[cursor.pos + 1]
        if raw:
            return cursor.take(2)
        if char in _HEX:
            return (yield from self._unicode_escape(_HEX[char]))
        if char in "\\'\"":
            return cursor.take(2)[1]
        if char in _ESCAPES:
            cursor.take(2)
            return _ESCAPES[char]
        # Python keeps the backslash of an escape that it does not know; models mean regular expressions by it.
        self.repairs.append("invalid_escape")
        return cursor.take(2)

    def _unicode_escape(self, digits: int) -> Steps[str]:
        """Read an escape of hexadecimal digits; two halves of a surrogate pair are one character."""
        first = yield from self._hex(digits)
        # JSON's way to write a character beyond 16 bits, which models use in Python, too.
        if not 0xD800 <= first < 0xDC00:
            return chr(first) if first < 0x110000 and not 0xDC00 <= first < 0xE000 else "\ufffd"
        while self._cursor.remaining < 2 and (yield from self._cursor.wait()):
            pass
        if not self._cursor.text.startswith("\\u", self._cursor.pos):
            return "\ufffd"
        second = yield from self._hex(4)
        if not 0xDC00 <= second < 0xE000:
            return "\ufffd" + (chr(second) if not 0xD800 <= second < 0xDC00 else "\ufffd")
        return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))

    def _hex(self, digits: int) -> Steps[int]:
        cursor = self._cursor
        while cursor.remaining < digits + 2:
            if not (yield from cursor.wait()):
                raise MalformedBlockError
        text = cursor.text[cursor.pos + 2 : cursor.pos + 2 + digits]
        if not re.fullmatch(r"[0-9a-fA-F]+", text):
            raise MalformedBlockError
        cursor.take(digits + 2)
        return int(text, 16)
