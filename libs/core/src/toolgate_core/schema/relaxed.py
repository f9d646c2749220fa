"""JSON as models write it: one lenient reader, linear in the text and bounded in depth.

It mends the form, never the content: what it can't read without a guess is None. A string or a number that the text's
end cuts is never closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.numbers import number
from toolgate_core.schema.pyliteral import MAX_DEPTH, read_literal

__all__ = ["MAX_DEPTH", "deeper_than", "number", "relax"]

_MAX_LEAD = 64
_BLANK = " \t\r\n\ufeff"
_SPACE = re.compile(r"[\s\ufeff]*")
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_LITERALS: dict[str, JsonValue] = {
    "true": True, "false": False, "null": None, "True": True, "False": False, "None": None,
}  # fmt: skip
_RUNS = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^'\\\x00-\x1f]+")}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BYTE = re.compile(r"[0-9a-fA-F]{2}")
_FOLLOW = frozenset(("", ",", ":", "}", "]"))
_COMMENTS = ("//", "/*", "#")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_FENCE = "```"
_FENCE_HEAD = re.compile(r"```[\w-]*")
_LEAD = re.compile(r"[^{}\[\]\"'`]*(?=[{\[])")
_TRAIL = re.compile(r"(?:[\s}\]);]|<\|[^|>]{0,40}\|>)*\Z")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[{}\[\]]")
_CLOSERS = {"[": "]", "(": ")"}


class _UnreadableError(Exception):
    """The text can't be read without a guess."""


def relax(text: str, *, close: bool = False) -> tuple[JsonValue, tuple[str, ...]] | None:
    """Return the value of nearly-JSON and the tags of what was mended; None when it can't be read.

    Read besides JSON: python's and single-quoted literals, tuples, trailing commas, unquoted keys, comments, raw
    control characters, unknown escapes (kept as written), unescaped quotes inside a string where they can be nothing
    else, a code fence around, a few words before and stray closers behind. What is only python's is read where the
    whole text is a literal. `close`: brackets that are missing at the very end are closed; use it only when the model
    ended by itself.
    """
    tags: list[str] = []
    stripped = text.strip()
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
    """Reads one document; `at` is the place of the next character."""

    def __init__(self, text: str, tags: list[str], *, close: bool) -> None:
        self._text = text
        self._tags = tags
        self._close = close
        self._at = 0
        self._depth = 0
        self._tuples = 0

    def document(self) -> JsonValue:
        lead = _LEAD.match(self._text)
        if lead and lead[0].strip(_BLANK) and len(lead[0]) <= _MAX_LEAD and not lead[0].lstrip().startswith(("/", "#")):
            self._tags.append("stray_text")
            self._at = lead.end()
        value = self._value()
        self._skip()
        if self._at < len(self._text):
            if not _TRAIL.match(self._text, self._at):
                raise _UnreadableError
            self._tags.append("stray_text")
        return value

    def _skip(self) -> None:
        """Move over white space and comments."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches nothing too
            comment = _COMMENT.match(self._text, self._at)
            if not comment:
                return
            if self._close and self._depth and comment.end() == len(self._text) and comment[0][1:2] != "*":
                raise _UnreadableError  # what should be closed may stand behind the end of this line
            self._at = comment.end()
            self._tags.append("comment")

    def _peek(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _value(self) -> JsonValue:
        char = self._peek()
        if char == "{":
            return self._nested(self._object)
        if char in ("[", "("):
            return self._nested(self._array)
        if char in _RUNS:
            return self._string(char, inner=self._depth > 0)
        match = _NUMBER.match(self._text, self._at)
        if match:
            return self._number(match)
        return self._literal()

    def _nested(self, read: Callable[[], JsonValue]) -> JsonValue:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _UnreadableError
        value = read()
        self._depth -= 1
        return value

    def _object(self) -> JsonValue:
        self._at += 1
        members: JsonObject = {}
        while not self._closed("}", first=not members):
            key = self._key()
            if self._peek() != ":":
                raise _UnreadableError
            self._at += 1
            if key in members:
                self._tags.append("duplicate_key")
            members[key] = self._value()
        return members

    def _array(self) -> JsonValue:
        closer = _CLOSERS[self._text[self._at]]
        is_tuple = closer == ")"
        if is_tuple:
            self._tags.append("python_literal")
        self._tuples += is_tuple
        self._at += 1
        items: list[JsonValue] = []
        while not self._closed(closer, first=not items):
            items.append(self._value())
        self._tuples -= is_tuple
        return items

    def _closed(self, closer: str, *, first: bool) -> bool:
        """Move over what stands between members; whether the container has ended."""
        char = self._peek()
        if char == "," and not first:
            self._at += 1
            char = self._peek()
            if char == closer or not char:
                self._tags.append("trailing_comma")
        elif char and char in "]})" and char != closer and self._close:
            self._tags.append("unclosed")
            return True
        elif char and char != closer and not first:
            raise _UnreadableError
        if char == closer:
            self._at += 1
            return True
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
        if word[0][0].isupper():
            self._tags.append("python_literal")
        return _LITERALS[word[0]]

    def _number(self, match: re.Match[str]) -> JsonValue:
        lexeme = match[0]
        self._at = match.end()
        if self._at == len(self._text) and self._depth:
            raise _UnreadableError  # the end of the text may have cut it
        if not _STRICT_NUMBER.match(lexeme):
            self._tags.append("number_form")
        value = number(lexeme)
        if value is None:
            raise _UnreadableError
        return value

    def _string(self, quote: str, *, inner: bool = False) -> str:
        """Read a string; with `inner`, a quote that nothing follows which could follow a value is part of it."""
        if quote == "'":
            self._tags.append("single_quotes")
        self._at += 1
        first = self._at
        pieces: list[str] = []
        inside: list[int] = []
        run = _RUNS[quote]
        while True:
            match = run.match(self._text, self._at)
            if match:
                pieces.append(match[0])
                self._at = match.end()
            char = self._text[self._at : self._at + 1]
            self._at += 1
            if char == quote and inner and not self._ends():
                inside.append(self._at - 1)
                pieces.append(char)
            elif char == quote:
                self._balanced(inside, first)
                return "".join(pieces)
            elif not char:
                raise _UnreadableError
            elif char == "\\":
                pieces.append(self._escape(quote))
            else:
                self._tags.append("unescaped_newline")
                pieces.append(char)

    def _ends(self) -> bool:
        """Whether what comes next could come after a value."""
        after = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches nothing too
        char = self._text[after : after + 1]
        return char in _FOLLOW or (char == ")" and self._tuples > 0) or self._text.startswith(_COMMENTS, after)

    def _balanced(self, inside: list[int], first: int) -> None:
        """Raise where the quotes inside a string, which should have been escaped, allow another reading of the text.

        They do not where they come in pairs around words, or where one stands alone and no other quote comes after.
        """
        if not inside:
            return
        self._tags.append("unescaped_quote")
        text, quote = self._text, self._text[inside[0]]
        loose = [at for at in inside if quote == '"' or not (text[at - 1].isalnum() and text[at + 1].isalnum())]
        if len(loose) == 1:
            clear = text.find(quote, self._at) < 0
        else:
            opening = all(at == first or not text[at - 1].isalnum() for at in loose[::2])
            around = all(not text[at + 1].isspace() and text[at + 1] != quote for at in loose[::2])
            clear = opening and around and not len(loose) % 2 and not any(text[at - 1].isspace() for at in loose[1::2])
        if not clear:
            raise _UnreadableError

    def _escape(self, quote: str) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char == "u":
            return self._unicode()
        if char == "x" and quote == "'" and (byte := _BYTE.match(self._text, self._at)):
            self._at = byte.end()
            self._tags.append("python_literal")
            return chr(int(byte[0], 16))
        self._tags.append("invalid_escape")
        return char if char in ("'", "") else "\\" + char

    def _unicode(self) -> str:
        first = self._unit()
        if first is None:
            self._tags.append("invalid_escape")
            return "\\u"
        if 0xD800 <= first < 0xDC00 and self._text.startswith("\\u", self._at):
            back = self._at
            self._at += 2
            second = self._unit()
            if second is not None and 0xDC00 <= second < 0xE000:
                return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            self._at = back
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


def deeper_than(text: str, limit: int) -> bool:
    """Whether JSON text nests more than `limit` levels, found without building its value."""
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = deepest = 0
    for bracket in _BRACKET.findall(_QUOTED.sub("", text)):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest > limit
