"""Python literals that are not nearly-JSON: sets, numbers with `_` or a base, triple-quoted and raw strings.

Grammar: Python's literals (language reference, chapter 2) without bytes, f-strings, complex numbers and concatenated
strings. Keys are strings, as in JSON, and must not repeat: Python would keep the last, which is a guess here.

A text is read only where all of it is the literal of one container, so that nothing is read out of prose or code.
Nothing is evaluated.

What bounds the cost: possessive patterns never try a position twice. Depth is `MAX_DEPTH`, and numbers have
`MAX_BASED` or `MAX_DIGITS` digits, since Python's `int` is quadratic in digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.numbers import number

MAX_DEPTH = 128
"""Objects and arrays inside each other."""

MAX_BASED = 3_000
"""Digits of a number with a base: in decimals, at most 4,000 digits for base 16."""

# White space with Python's comments; the pattern matches the empty text too.
_SPACE = re.compile(r"(?:\s++|#[^\n]*+)*+")
# Triple quotes come first: `""` would otherwise be an empty string before a third quote.
_STRING = re.compile(
    r'([rRuU]?)(?:"""((?:[^"\\]++|\\.|"(?!""))*+)"""'
    r"|'''((?:[^'\\]++|\\.|'(?!''))*+)'''"
    r'|"((?:[^"\\\n]++|\\.)*+)"'
    r"|'((?:[^'\\\n]++|\\.)*+)')",
    re.DOTALL,
)
# Python refuses a decimal with a leading zero (`007`), and so does this; `_` is allowed between digits only.
_NUMBER = re.compile(
    r"([+-]?)(?:0(?:[xX]((?:_?[0-9a-fA-F])+)|[oO]((?:_?[0-7])+)|[bB]((?:_?[01])+))"
    r"|((?:(?:[1-9](?:_?\d)*|0)(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d+)?))(?![\w.])",
    re.ASCII,
)
# The group of `_NUMBER` that holds the digits, and their base.
_BASES = ((2, 16), (3, 8), (4, 2))
_WORD = re.compile(r"True|False|None")
_WORDS: dict[str, JsonValue] = {"True": True, "False": False, "None": None}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL)
# A backslash before a line break joins the lines, as in Python's source.
_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "\n": "", "\\": "\\",
    "'": "'", '"': '"',
}  # fmt: skip
_UNCLEAR = "xuUN/"
"""Escapes that are incomplete, that name a character, or that exist in JSON and not in Python: no clear reading."""


class _UnreadableError(Exception):
    """The text is no such literal."""


def read_literal(text: str) -> tuple[JsonValue, tuple[str, ...]] | None:
    """Return the value of a Python literal of a container, and its tag; None where `text` is none."""
    # A string or a number alone is not read here: prose begins like that too.
    if not text.lstrip().startswith(("{", "[", "(")):
        return None
    try:
        return _Reader(text).document(), ("python_literal",)
    except _UnreadableError:
        return None


class _Reader:
    """Reads one literal; `_at` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def document(self) -> JsonValue:
        value = self._value()
        if self._peek():
            raise _UnreadableError
        return value

    def _peek(self) -> str:
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches nothing too
        return self._text[self._at : self._at + 1]

    def _value(self) -> JsonValue:
        char = self._peek()
        if char == "{":
            return self._nested(self._braces)
        if char == "[":
            return self._nested(partial(self._items, "]", []))
        if char == "(":
            return self._nested(partial(self._items, ")", []))
        match = _NUMBER.match(self._text, self._at)
        if match:
            self._at = match.end()
            return _number(match)
        match = _WORD.match(self._text, self._at)
        if match:
            self._at = match.end()
            return _WORDS[match[0]]
        return self._string()

    def _nested(self, read: Callable[[], JsonValue]) -> JsonValue:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _UnreadableError
        self._at += 1
        value = read()
        self._depth -= 1
        return value

    def _braces(self) -> JsonValue:
        """Read a dict or a set; the empty one is a dict."""
        if self._peek() == "}":
            self._at += 1
            # Python has no literal for the empty set.
            return {}
        first = self._value()
        # JSON has no set: it becomes the list of its items, in the order in which they are written.
        if self._peek() != ":":
            return self._items("}", [first])
        return self._members(first)

    def _members(self, key: JsonValue) -> JsonObject:
        members: JsonObject = {}
        while True:
            # A key that is a number or a tuple has no form in JSON that would say the same.
            if not isinstance(key, str) or key in members or self._peek() != ":":
                raise _UnreadableError
            self._at += 1
            members[key] = self._value()
            if self._container_ended("}", first=False):
                return members
            key = self._string()

    def _items(self, closer: str, items: list[JsonValue]) -> list[JsonValue]:
        while not self._container_ended(closer, first=not items):
            items.append(self._value())
        return items

    def _container_ended(self, closer: str, *, first: bool) -> bool:
        """Move over a comma or the closer; whether the container has ended."""
        if not first and self._peek() == ",":
            self._at += 1
        elif not first and self._peek() != closer:
            raise _UnreadableError
        if self._peek() != closer:
            return False
        self._at += 1
        return True

    def _string(self) -> str:
        self._peek()
        match = _STRING.match(self._text, self._at)
        if not match:
            raise _UnreadableError
        self._at = match.end()
        # Exactly one of the four forms of quotes has matched; the others are None.
        body = next(part for part in match.groups()[1:] if part is not None)
        return body if match[1] in ("r", "R") else _join_surrogates(_ESCAPE.sub(_escaped, body))


def _number(match: re.Match[str]) -> int | float:
    for group, base in _BASES:
        digits = match[group]
        if digits is not None and len(digits) <= MAX_BASED:
            return int(match[1] + digits.replace("_", ""), base)
    # `number` bounds the digits; it is None for a float that is infinite.
    value = number(match[1] + match[5].replace("_", "")) if match[5] else None
    if value is None:
        raise _UnreadableError
    return value


def _escaped(match: re.Match[str]) -> str:
    octal, char = match[4], match[5]
    if octal:
        return chr(int(octal, 8))
    if char is None:
        code = int(match[1] or match[2] or match[3], 16)
        # Python's `chr` raises beyond the last character of Unicode.
        if code > 0x10FFFF:
            raise _UnreadableError
        return chr(code)
    if char in _UNCLEAR:
        raise _UnreadableError
    # Python keeps the backslash of an escape that it does not know.
    return _SIMPLE.get(char, match[0])


def _join_surrogates(text: str) -> str:
    """Return `text` with surrogate pairs joined to one character each; a lone surrogate is unreadable."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise _UnreadableError from error
