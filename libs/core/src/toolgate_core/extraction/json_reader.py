"""Reads JSON as it comes: strictly, without looking back, with an explicit stack.

```
value  = "{" [ string ":" value { "," string ":" value } ] "}" | "[" [ value { "," value } ] "]" | string | scalar
scalar = "true" | "false" | "null" | number                     (RFC 8259; nothing else is read here)
```

`JsonScanner` checks one value and passes its text on unchanged: numbers keep all their digits, and nothing is parsed
and written again. It lets out only text that can still be continued if the value turns out to be broken. That is why a
closing quote, and all brackets, commas and keys after it, are held until a value or a colon confirms them: in
`{"note": "close it with "}" please"}` the second quote looks like the end of the arguments. Those at the very end of a
value, its `tail`, are confirmed by the caller, which knows what follows the value. So a repaired value can go on where
the broken text stopped: `continuation` computes what is missing.

Near-JSON (single quotes, trailing commas, comments) is not read here. It fails at once, and the block is repaired as a
whole (`repair`), by a reader that may look at all of it.

Invariants: no character is looked at twice, except for a scalar that the end of a piece cut; what was let out plus what
is held is exactly what was read. May wait: half an escape, a scalar whose end has not come (at most MAX_SCALAR
characters). Bounds: MAX_DEPTH brackets; no recursion, so hostile nesting can't exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str

MAX_DEPTH = 128
"""Brackets inside each other. Arguments of real tools have a handful; decoders further on recurse and need a bound."""
MAX_SCALAR = 4096
"""Characters of a number: far more than any real one has, and a bound on what a piece leaves unread."""

_SPACE = re.compile(r"[ \t\r\n]+")
_BODY = re.compile(r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+')
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_HIGH_HALF = re.compile(r"(?<!\\)(?:\\\\)*\\u([dD][89abAB][0-9a-fA-F]{2})\Z")
_HIGH = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_LONE_HALF = re.compile(
    r"((?:\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|[^\\])+)"
    r"|\\u[0-9a-fA-F]{4}"
)
_SCALAR = re.compile(r"[^\s{}\[\],:\"]+")
_VALID_SCALAR = re.compile(r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\Z")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)

# What is expected next. Plain integers instead of an enum: the state is compared once for each token of the JSON text.
VALUE, FIRST_ITEM, STRING, FIRST_KEY, KEY, KEY_BODY, COLON, AFTER = range(8)


class MalformedBlockError(Exception):
    """The text breaks the grammar of the block that is being read, or ends inside of it.

    It never leaves the engine: a frame answers it by a repair, by an incomplete call, or by "not my block".
    """


class TruncatedBlockError(MalformedBlockError):
    """A limit or a lost connection ended the text inside of the block: nothing is there to be repaired."""


class TooLargeError(MalformedBlockError):
    """The call is larger than MAX_ARGUMENTS."""


class JsonScanner:
    """Checks one JSON value that comes in pieces.

    Attributes:
        done: the value is complete.
        bad: the text is not JSON from the place on that was reached.
        out: pieces of the value's text that are confirmed; the caller takes them away.
    """

    __slots__ = ("_held", "_quoted", "_stack", "_state", "bad", "done", "out")

    def __init__(self) -> None:
        self.done = False
        self.bad = False
        self.out: list[str] = []
        self._held: list[str] = []
        self._quoted = False
        self._stack: list[str] = []
        self._state = VALUE

    def tail(self) -> str:
        """Return the end of a complete value that is still to be confirmed: everything from its last closing quote."""
        return "".join(self._held)

    def read(self, text: str, pos: int, *, ended: bool) -> int:
        """Read from `pos` on; return the place up to which the text is understood."""
        while pos < len(text) and not self.done and not self.bad:
            state = self._state
            if state in (STRING, KEY_BODY):
                after = self._string(text, pos)
            elif space := _SPACE.match(text, pos):
                self._held.append(space.group())
                after = space.end()
            elif state in (VALUE, FIRST_ITEM):
                after = self._value(text, pos, ended=ended)
            else:
                after = self._structure(text[pos], pos)
            if after == pos:  # a scalar or an escape that the end of the piece cut
                break
            pos = after
        return pos

    def _emit(self, piece: str) -> None:
        # A value or a colon: what was held before it is JSON for certain.
        self.out.extend(self._held)
        self._held.clear()
        self._quoted = False
        self.out.append(piece)

    def _fail(self, pos: int) -> int:
        self.bad = True
        return pos

    def _ended_value(self) -> None:
        self.done = not self._stack
        self._state = AFTER

    def _string(self, text: str, pos: int) -> int:
        match = _BODY.match(text, pos)
        assert match is not None  # the pattern matches the empty string
        end = match.end()
        key = self._state == KEY_BODY
        if end > pos:
            (self._held if key else self.out).append(text[pos:end])
        # An escape that the piece cut is read with the next one.
        if end == len(text) or _HALF_ESCAPE.match(text, end):
            return end
        if text[end] != '"':
            return self._fail(end)
        if key:
            self._held.append('"')
            self._state = COLON
        elif self._stack:
            # The string may go on after an unescaped quote: hold this one until the next token says otherwise.
            self._held.append('"')
            self._quoted = True
            self._ended_value()
        else:
            self.out.append('"')
            self._ended_value()
        return end + 1

    def _value(self, text: str, pos: int, *, ended: bool) -> int:
        char = text[pos]
        if char in "{[":
            # Checked at every bracket, so that hostile nesting fails at once and costs nothing.
            if len(self._stack) >= MAX_DEPTH:
                return self._fail(pos)
            self._stack.append("}" if char == "{" else "]")
            self._emit(char)
            self._state = FIRST_KEY if char == "{" else FIRST_ITEM
        elif char == '"':
            self._emit(char)
            self._state = STRING
        # `[]`; after a comma a bracket is an error, which a repair takes for a trailing comma.
        elif char == "]" and self._state == FIRST_ITEM:
            self._close(char)
        else:
            return self._scalar(text, pos, ended=ended)
        return pos + 1

    def _scalar(self, text: str, pos: int, *, ended: bool) -> int:
        match = _SCALAR.match(text, pos)
        if match is None:
            return self._fail(pos)
        # `12` may become `123`: a scalar is complete only when the character after it is there.
        if match.end() == len(text) and not ended and match.end() - pos < MAX_SCALAR:
            return pos
        # `True`, `NaN`, `07`: near-JSON, which the repair converts.
        if not _VALID_SCALAR.match(match.group()) or len(match.group()) >= MAX_SCALAR:
            return self._fail(pos)
        self._emit(match.group())
        self._ended_value()
        return match.end()

    def _close(self, char: str) -> None:
        self._stack.pop()
        # After a quote in doubt a bracket is in doubt, too; after a number it closes for certain.
        if self._quoted:
            self._held.append(char)
        else:
            self._emit(char)
        self._ended_value()

    def _structure(self, char: str, pos: int) -> int:
        state = self._state
        if state in (FIRST_KEY, KEY) and char == '"':
            self._held.append(char)
            self._state = KEY_BODY
        elif state == COLON and char == ":":
            self._emit(char)
            self._state = VALUE
        elif state == AFTER and char == ",":
            self._hold_comma()
        elif (state == AFTER or (state == FIRST_KEY and char == "}")) and char == self._stack[-1]:
            self._close(char)
        else:
            return self._fail(pos)
        return pos + 1

    def _hold_comma(self) -> None:
        # A comma may be a trailing one, which JSON has not: it waits for the key or value after it.
        if not self._quoted:
            self.out.extend(self._held)
            self._held.clear()
        self._held.append(",")
        self._state = KEY if self._stack[-1] == "}" else VALUE


def unescape(raw: str) -> str:
    r"""Return what the inside of a JSON string means; a lone half of a surrogate pair becomes U+FFFD.

    Models that write `\ud83d` alone exist, and msgspec refuses such a string as a whole.
    """
    if "\\" not in raw:
        return raw
    try:
        return str(decode(f'"{raw}"'))
    except JsonTextError:
        return str(decode('"' + _LONE_HALF.sub(lambda match: match.group(1) or "\\ufffd", raw) + '"'))


def escape(text: str) -> str:
    """Return `text` as the inside of a JSON string."""
    return encode_str(text)[1:-1]


def read_string(cursor: Cursor, put: Callable[[str], None]) -> Steps[None]:
    """Read a JSON string, its quotes included; `put` gets what it says in pieces.

    Raise `MalformedBlockError` for one that JSON does not allow, or that the text ends in.
    """
    cursor.take(1)
    while True:
        match = _BODY.match(cursor.text, cursor.pos)
        assert match is not None  # the pattern matches the empty string
        body, rest = match.group(), len(cursor.text) - match.end()
        # An escaped pair may be cut between its halves: the first one waits for the second.
        if rest < 6 and cursor.end is None and _ends_in_high_half(body):
            if rest == 0 or _could_be_low(cursor.text[match.end() :]):
                body = body[: len(body) - 6]
        if body:
            put(unescape(cursor.take(len(body))))
        if cursor.remaining and cursor.pos == match.end():
            if cursor.text[cursor.pos] == '"':
                cursor.take(1)
                return
            if not _HALF_ESCAPE.match(cursor.text, cursor.pos):
                raise MalformedBlockError
        if not (yield from cursor.wait()):
            raise MalformedBlockError


def _ends_in_high_half(body: str) -> bool:
    """Whether `body` ends in the escaped first half of a surrogate pair, its backslash not escaped itself."""
    before = body[:-6]
    return _HIGH.match(body[-6:]) is not None and (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _could_be_low(text: str) -> bool:
    return text.startswith("\\") and "\\u".startswith(text[:2])


def continuation(written: str, value: JsonValue) -> str | None:
    """Return what must follow `written`, a beginning of JSON text, so that both together mean `value`.

    None if nothing can: what was emitted is something else than the repaired value. Both sides are compared token by
    token, since numbers and strings may be written differently and still be equal.
    """
    whole = encode_str(value)
    done = _TOKEN.findall(written)
    at = 0
    # Both sides are token lists of the same value, so the n-th tokens must mean the same.
    for index, (token, match) in enumerate(zip(done, _TOKEN.finditer(whole), strict=False)):
        target, at = match.group(), match.end()
        if token == target or _same(token, target):
            continue
        # The last token of what was emitted may be half a string.
        if index == len(done) - 1 and token.startswith('"') and target.startswith('"'):
            return _rest_of_string(token, target, whole[at:])
        return None
    return whole[at:]


def _same(token: str, target: str) -> bool:
    try:
        return decode(token) == decode(target)
    except JsonTextError:
        return False


def _rest_of_string(token: str, target: str, rest: str) -> str | None:
    """`token` is an unfinished string, which may end in the escaped first half of a surrogate pair."""
    half = _HIGH_HALF.search(token)
    said, wanted = unescape(token[1 : half.start(1) - 2] if half else token[1:]), unescape(target[1:-1])
    # The repair read the string differently from what was emitted: there is no way on.
    if not wanted.startswith(said):
        return None
    left = wanted[len(said) :]
    if half is None:
        return f'{escape(left)}"{rest}'
    # The first half of an escaped pair was emitted; the character must end in the second half of the same pair.
    pair = left[:1].encode("utf-16-be").hex()
    if len(pair) != 8 or pair[:4] != half.group(1).lower():
        return None
    return f'\\u{pair[4:]}{escape(left[1:])}"{rest}'
