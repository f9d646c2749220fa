"""A lenient reader of JSON as models write it.

Grammar: JSON (RFC 8259), and besides it single-quoted strings, Python's literals and tuples, unquoted keys, trailing
commas, comments (`//`, `#`, `/* */`), raw control characters and unknown escapes in strings, other forms of numbers
(`+1`, `.5`, `01`), a code fence around the text, at most `_MAX_LEAD` characters of prose before it, and closers or
special tokens after it. Inputs come from answers of real models; each kind of repair has a tag.

Invariants:
- The form is repaired, never the content: text with two readings is None, not a guess.
- A string or a number that the end of the text cuts is never completed, since its rest is unknown. Only brackets are,
  and only with `close`, where the model ended the text itself.
- A duplicate key keeps the last value, as common JSON parsers do.

What bounds the cost: one pass without backtracking over the text. Two look-aheads are bounded: `after_value` after a
quote inside a string (see `following`), and `find` for a further quote, once per string. Depth is `MAX_DEPTH`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.following import COMMENT, SPACE, TRAIL, after_value
from toolgate_core.schema.numbers import number
from toolgate_core.schema.pyliteral import MAX_DEPTH, read_literal
from toolgate_core.schema.quotes import InnerQuotes

__all__ = ["MAX_DEPTH", "number", "relax"]

_MAX_LEAD = 64
"""Characters of prose before the value (`Here are the arguments:`); longer prose is an answer, not a preface."""
# A byte-order mark counts as white space: it is invisible in what the model wrote.
_BLANK = " \t\r\n\ufeff"
# A letter, a digit or a dot after it makes it a part of something else (`12abc`, `1.2.3`).
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
# RFC 8259, section 6: numbers of another form are read, but tagged.
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
# Python's words beside JSON's; NaN and Infinity have no JSON value and stay unreadable.
_LITERALS: dict[str, JsonValue] = {
    "true": True, "false": False, "null": None, "True": True, "False": False, "None": None,
}  # fmt: skip
# Everything up to the next quote, escape or control character, taken at once.
_RUNS = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^'\\\x00-\x1f]+")}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BYTE = re.compile(r"[0-9a-fA-F]{2}")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_FENCE = "```"
_FENCE_HEAD = re.compile(r"```[\w-]*")
# The lead ends at the first bracket and contains no quote, since that could be the value's.
_LEAD = re.compile(r"[^{}\[\]\"'`]*(?=[{\[])")
_CLOSERS = {"[": "]", "(": ")"}


class _UnreadableError(Exception):
    """The text cannot be read, or has more than one reading."""


def relax(text: str, *, close: bool = False) -> tuple[JsonValue, tuple[str, ...]] | None:
    """Return the value of nearly-JSON and the tags of its repairs; None where it cannot be read without a guess.

    `close`: brackets that are missing at the end are added; only for a text that the model ended itself. Literals of
    Python that JSON lacks (sets, `1_000`, `r"…"`) are read where the whole text is one (see `pyliteral`).
    """
    tags: list[str] = []
    stripped = text.strip()
    # `_LEAD` takes no backticks, so that a fence has to be removed before.
    if stripped.startswith(_FENCE) and stripped.endswith(_FENCE) and len(stripped) > 2 * len(_FENCE):
        text = _FENCE_HEAD.sub("", stripped.removesuffix(_FENCE), count=1)
        tags.append("code_fence")
    reader = _Reader(text, tags, close=close)
    try:
        value = reader.document()
    except _UnreadableError:
        return read_literal(text)
    return value, tuple(dict.fromkeys(tags))


class _Reader:
    """Reads one document; `_at` is the position of the next character, `_stack` the closers of open containers."""

    def __init__(self, text: str, tags: list[str], *, close: bool) -> None:
        self._text = text
        self._tags = tags
        self._close = close
        self._at = 0
        self._stack: list[str] = []

    def document(self) -> JsonValue:
        # A comment before the value is not prose: `_skip_blank` reads it. It can be longer than a lead.
        lead = _LEAD.match(self._text)
        if lead and lead[0].strip(_BLANK) and len(lead[0]) <= _MAX_LEAD and not lead[0].lstrip().startswith(("/", "#")):
            self._tags.append("stray_text")
            self._at = lead.end()
        value = self._value()
        self._skip_blank()
        if self._at < len(self._text):
            # Only closers and special tokens (`<|call|>`) can follow: words after the value would make it part of a
            # text.
            if not TRAIL.match(self._text, self._at):
                raise _UnreadableError
            self._tags.append("stray_text")
        return value

    def _skip_blank(self) -> None:
        """Move over white space and comments."""
        while True:
            self._at = SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches nothing too
            comment = COMMENT.match(self._text, self._at)
            if not comment:
                return
            if self._close and self._stack and comment.end() == len(self._text) and comment[0][1:2] != "*":
                raise _UnreadableError  # what should be closed may be after the end of this line
            self._at = comment.end()
            self._tags.append("comment")

    def _peek(self) -> str:
        self._skip_blank()
        return self._text[self._at : self._at + 1]

    def _value(self) -> JsonValue:
        char = self._peek()
        if char == "{":
            return self._nested(self._object, "}")
        if char in ("[", "("):
            return self._nested(self._array, _CLOSERS[char])
        if char in _RUNS:
            # A string that is the whole document has no grammar around it that could say which quote ends it.
            return self._string(char, inner=bool(self._stack))
        match = _NUMBER.match(self._text, self._at)
        if match:
            return self._number(match)
        return self._literal()

    def _nested(self, read: Callable[[], JsonValue], closer: str) -> JsonValue:
        self._stack.append(closer)
        if len(self._stack) > MAX_DEPTH:
            raise _UnreadableError
        value = read()
        self._stack.pop()
        return value

    def _object(self) -> JsonValue:
        self._at += 1
        members: JsonObject = {}
        while not self._container_ended("}", first=not members):
            key = self._key()
            if self._peek() != ":":
                raise _UnreadableError
            self._at += 1
            # A repeated key is valid in JSON; the tag records that a value was replaced.
            if key in members:
                self._tags.append("duplicate_key")
            members[key] = self._value()
        return members

    def _array(self) -> JsonValue:
        closer = self._stack[-1]
        if closer == ")":
            self._tags.append("python_literal")
        self._at += 1
        items: list[JsonValue] = []
        while not self._container_ended(closer, first=not items):
            items.append(self._value())
        return items

    def _container_ended(self, closer: str, *, first: bool) -> bool:
        """Move over a comma or a closer; whether the container has ended."""
        char = self._peek()
        if char == "," and not first:
            self._at += 1
            char = self._peek()
            # The comma before a closer is dropped; before the end of the text the missing closer is decided below.
            if char == closer or not char:
                self._tags.append("trailing_comma")
        # The closer is taken for an outer container's: this one lacks its own, and the outer one reads the closer.
        elif char and char in "]})" and char != closer and self._close:
            self._tags.append("unclosed")
            return True
        # A missing comma has no single reading: `["x" "y"]` can be two items, or one with quotes inside.
        elif char and char != closer and not first:
            raise _UnreadableError
        if char == closer:
            self._at += 1
            return True
        # The end of the text. A container that the model did not end may lack members, so `close` has to permit it.
        if not char:
            if not self._close:
                raise _UnreadableError
            self._tags.append("unclosed")
            return True
        return False

    def _key(self) -> str:
        char = self._peek()
        if char in _RUNS:
            return self._string(char)
        word = _WORD.match(self._text, self._at)
        if not word:
            raise _UnreadableError
        self._at = word.end()
        self._tags.append("unquoted_key")
        return word[0]

    def _literal(self) -> JsonValue:
        word = _WORD.match(self._text, self._at)
        if not word or word[0] not in _LITERALS:
            raise _UnreadableError
        self._at = word.end()
        # JSON's own words are in lower case; Python's begin with a capital.
        if word[0][0].isupper():
            self._tags.append("python_literal")
        return _LITERALS[word[0]]

    def _number(self, match: re.Match[str]) -> JsonValue:
        lexeme = match[0]
        self._at = match.end()
        if self._at == len(self._text) and self._stack:
            raise _UnreadableError  # the end of the text may have cut it
        if not _STRICT_NUMBER.match(lexeme):
            self._tags.append("number_form")
        value = number(lexeme)
        # Too many digits, or an exponent beyond a float (`1e999`): no value says the same.
        if value is None:
            raise _UnreadableError
        return value

    def _string(self, quote: str, *, inner: bool = False) -> str:
        """Read a string; with `inner`, a quote that no value can end at is part of the text."""
        if quote == "'":
            self._tags.append("single_quotes")
        self._at += 1
        first = self._at
        pieces: list[str] = []
        inside = InnerQuotes(quote)
        run = _RUNS[quote]
        while True:
            match = run.match(self._text, self._at)
            if match:
                pieces.append(match[0])
                self._at = match.end()
            char = self._text[self._at : self._at + 1]
            self._at += 1
            # Keys are read without `inner`: a quote inside a key could hide where its value begins.
            if char == quote and inner and not self._ends_string(inside, first):
                pieces.append(char)
            elif char == quote:
                self._check_inner_quotes(inside)
                return "".join(pieces)
            # The text ended inside the string. What it would have said is unknown, even with `close`.
            elif not char:
                raise _UnreadableError
            elif char == "\\":
                pieces.append(self._escape(quote))
            else:
                self._tags.append("unescaped_newline")
                pieces.append(char)

    def _ends_string(self, inside: InnerQuotes, first: int) -> bool:
        """Whether the quote before the current position ends the string that began at `first`."""
        at = self._at
        # `_at` is after the quote, so that the character before the quote is two places back.
        before = self._text[at - 2] if at - 2 >= first else ""
        follows = after_value(self._text, at, self._stack, close=self._close)
        return inside.ends(before, self._text[at : at + 1], follows)

    def _check_inner_quotes(self, inside: InnerQuotes) -> None:
        """Raise where the unescaped quotes of a string allow another reading."""
        if not inside.any:
            return
        self._tags.append("unescaped_quote")
        # With a further quote after the string, a lone one inside it could be the partner of that one.
        if not inside.is_unambiguous(alone=self._text.find(self._text[self._at - 1], self._at) < 0):
            raise _UnreadableError

    def _escape(self, quote: str) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char == "u":
            return self._unicode()
        # `\x41` is Python's: a string in double quotes counts as JSON's, where it is a wrong escape.
        if char == "x" and quote == "'" and (byte := _BYTE.match(self._text, self._at)):
            self._at = byte.end()
            self._tags.append("python_literal")
            return chr(int(byte[0], 16))
        self._tags.append("invalid_escape")
        # The backslash of an unknown escape is kept: `\d` and `\$` are meant for a regular expression or a shell.
        return char if char in ("'", "") else "\\" + char

    def _unicode(self) -> str:
        first = self._unit()
        if first is None:
            self._tags.append("invalid_escape")
            return "\\u"
        # RFC 8259, section 7: characters beyond U+FFFF are written as a pair of surrogates.
        if 0xD800 <= first < 0xDC00 and self._text.startswith("\\u", self._at):
            back = self._at
            self._at += 2
            second = self._unit()
            if second is not None and 0xDC00 <= second < 0xE000:
                return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            # What follows is not a second half; it is read again as another escape.
            self._at = back
        # A lone surrogate is not a character and cannot be sent as UTF-8.
        if 0xD800 <= first < 0xE000:
            self._tags.append("invalid_escape")
            return "\ufffd"
        return chr(first)

    def _unit(self) -> int | None:
        digits = _HEX.match(self._text, self._at)
        if not digits:
            return None
        self._at = digits.end()
        return int(digits[0], 16)
