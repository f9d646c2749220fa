"""Frame: name and arguments inside JSON.

```
block  = open (object {[,;] object} | "[" [object {"," object}] "]") [close]
object = "{" … "name": string … "arguments": object | string | null … "}"      (keys in any order)
```
Good JSON streams through as it stands. Broken JSON is read to the block's edge and mended as a whole.
"""

from __future__ import annotations

from functools import cache
from io import StringIO

import regex
from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, CutBodyError, TooLargeError
from toolgate_core.extraction.json_values import read_arguments, scan_value, short_string
from toolgate_core.extraction.listed import Element, elements, ends_at
from toolgate_core.extraction.mend import MAX_BODY, Mended, calls_in, mend, skip, stands
from toolgate_core.extraction.yamls import dedented, read_until, yaml_value
from toolgate_core.jsontext import JsonValue

_FENCE = regex.compile(r"```\w{0,16}\s")
_NAMED = regex.compile(r"""["']?(?:name|arguments|parameters|function|tool|tool_name)["']?\s*:""")
_PYTHON = regex.compile(r"\[\s{0,16}[A-Za-z_][\w.\-]{0,255}\(")
_EMPTY = regex.compile(r"\[\s{0,64}\]")
_BARE_EDGE = regex.compile(r"\n[ \t\r]*+\n\s*+(?=\S)|<\|e|\n(?=\{)|(?P<other>(?!))")
_YAML = regex.compile(r"(?:-[ \t]{1,8})?(?:name|function|tool_name)[ \t]{0,8}:[ \t\n]")


class Marks(Struct, frozen=True):
    """A grammar's markers, compiled; `empty` is all that stands in a block without calls, and what closes it."""

    open: regex.Pattern[str]
    close: regex.Pattern[str]
    empty: regex.Pattern[str]
    edges: regex.Pattern[str]
    yaml_edge: regex.Pattern[str]


@cache
def marks(grammar: EnvelopeGrammar) -> Marks:
    """Return the patterns of a grammar's markers."""
    tags = "|".join(regex.escape(f"<{tag}") + f"{ANY_ATTRIBUTES}>" for tag in grammar.tags)
    tokens = "|".join(map(regex.escape, grammar.tokens))
    opens = grammar.open or "|".join(filter(None, (tags, tokens)))
    closes = [rf"</\s*{regex.escape(tag)}\s*>" for tag in grammar.close_tags]
    close = grammar.close or "|".join((*closes, *map(regex.escape, grammar.close_tokens))) or "(?!)"
    return Marks(
        open=regex.compile(opens, regex.IGNORECASE),
        close=regex.compile(close, regex.IGNORECASE),
        empty=regex.compile(rf"(?:{_EMPTY.pattern}\s{{0,64}})?+(?:{close})", regex.IGNORECASE),
        edges=regex.compile(rf"{close}|(?P<other>(?:{opens})\s*[{{\[])", regex.IGNORECASE),
        yaml_edge=regex.compile(rf"</[\w.:-]{{1,64}}\s*>|{opens}", regex.IGNORECASE),
    )


def read_envelopes(reading: Reading, grammar: EnvelopeGrammar) -> Steps[bool]:
    """Read one block; false where it is not a call."""
    cursor, mark = reading.cursor, marks(grammar)
    if (yield from cursor.expect(mark.open, window=512)) is None:
        return False
    reading.tentative = grammar.bare
    char = yield from cursor.space()
    fenced = char == "`" and (yield from cursor.expect(_FENCE, window=32)) is not None
    if fenced:
        char = yield from cursor.space()
    if not char and reading.stopped and reading.sink.calls:
        reading.sink.drop("markup", reading.tape.getvalue())
        return True
    if grammar.special and (yield from cursor.expect(mark.empty, window=256)) is not None:
        return True
    if char == "[" and (yield from cursor.comes(_PYTHON, window=320)) is not None:
        return False
    if not char or char not in "{[":
        return grammar.yaml and (yield from _yaml(reading, grammar, mark))
    if grammar.special and (yield from cursor.expect(_EMPTY, window=128)) is not None:
        yield from cursor.space()
        yield from cursor.closes(mark.close)
        return True
    body = Body(reading, grammar, _BARE_EDGE if grammar.bare else mark.edges)
    if not (yield from body.read_all()):
        return grammar.special and (yield from _broken(reading, mark))
    yield from _close(reading, mark, "}],`" if fenced else "}],")
    return True


def _yaml(reading: Reading, grammar: EnvelopeGrammar, mark: Marks) -> Steps[bool]:
    """Read calls that are written in YAML, up to a closing tag of any name."""
    if (yield from reading.cursor.comes(_YAML, window=128)) is None:
        return False
    try:
        text = yield from read_until(reading, mark.yaml_edge)
        found = calls_in(yaml_value(dedented(text)), grammar)
    except BadBodyError:
        return False
    for one in found:
        call = Call(reading)
        call.call_id = one.call_id
        arguments = {} if one.arguments in (None, "") else one.arguments
        if not isinstance(arguments, dict) or not call.begin(one.name):
            return False
        if arguments:
            call.write_value(arguments)
        call.repaired("yaml_body")
        call.end()
    yield from reading.cursor.expect(mark.yaml_edge)
    return bool(found)


def _broken(reading: Reading, mark: Marks) -> Steps[bool]:
    """Drop a block that is no call, if it is complete: special tokens on both sides of it are nothing to be shown."""
    raw = reading.tape.getvalue()
    if not (yield from reading.cursor.closes(mark.close)):
        return False
    reading.sink.discard()
    reading.sink.drop("bad_json", raw)
    return True


def _close(reading: Reading, mark: Marks, strays: str) -> Steps[None]:
    cursor = reading.cursor
    stray = ""
    while (char := (yield from cursor.space())) and char in strays:
        stray += cursor.take(1)
    reading.sink.drop("markup", stray)
    yield from cursor.closes(mark.close)


class Body:
    """The JSON of one block."""

    def __init__(self, reading: Reading, grammar: EnvelopeGrammar, edges: regex.Pattern[str]) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        self._edges = edges
        self._closed = bool(grammar.close_tags or grammar.close_tokens)
        self.tape = StringIO()
        self.open: Call | None = None
        self.done = 0
        self._base = 0

    def read_all(self) -> Steps[bool]:
        """Read the objects of a block, mended where needed; false where they are no calls."""
        self.tape = self._cursor.record()
        try:
            yield from self.values()
        except TooLargeError:
            self._cursor.stop(self.tape)
            return (yield from self.too_large())
        except CutBodyError:
            self._cursor.stop(self.tape)
            if self._grammar.bare:
                return (yield from self._bare())
            return self.failed(self.tape.getvalue())
        except BadBodyError:
            if self._grammar.bare:
                self._cursor.stop(self.tape)
                return (yield from self._bare())
            mended = yield from mend(self._reading, self.tape, self._edges)
            return self.listed(mended) if isinstance(mended, str) else self.mended(mended)
        self._cursor.stop(self.tape)
        return True

    def listed(self, raw: str) -> bool:
        """Write what is left of a block that can't be mended as a whole, by its objects; false where it is no call."""
        stop = len(raw) if self._closed else ends_at(raw)
        self._cursor.unread(raw[stop:])
        raw = raw[:stop]
        rest = elements(raw, self._grammar)[self.done - self._base :]
        named = (one.name if not one.found else one.found[0].name for one in rest)
        call = self.open if self.open and self.open.name else None
        if not rest or (call is None and not self.done and not any(map(self._reading.tool, named))):
            return self.failed(raw)
        for element in rest:
            self._write_element(call, element)
            call = None
        return True

    def _write_element(self, call: Call | None, element: Element) -> None:
        for one in element.found:
            self._write(call or Call(self._reading), one.name, one.call_id, one.arguments, element.repairs)
            call = None
        if element.found:
            return
        if call is None and self._reading.tool(element.name) is not None:
            call = Call(self._reading)
            call.begin(element.name)
        if call is not None:
            call.repaired("bad_json")
            call.end(complete=False)
        else:
            self._reading.sink.drop("bad_json", element.raw)

    def _bare(self) -> Steps[bool]:
        """A call that no marker announced can't be read: mend its line if its name is declared, if it is not cut."""
        call = self.open
        if call is None or call.tool is None:
            return self._rest_is_text()
        if self._cursor.end in ("length", "cut") and not self._cursor.left:
            call.repaired("cut")
            call.end(complete=False)
            return True
        mended = yield from mend(self._reading, self.tape, self._edges)
        found = [] if isinstance(mended, str) else calls_in(mended.value, self._grammar, arguments=True)
        if isinstance(mended, str) or len(found) != 1:
            return self._rest_is_text()
        return self.mended(mended)

    def _rest_is_text(self) -> bool:
        """What follows the last good object is none; true where there has been a good one."""
        if self.done:
            self._cursor.unread(self.tape.getvalue())
            self._give_up()
        return self.done > 0

    def _give_up(self) -> None:
        """End the call that can't be read, if it has begun."""
        if self.open is not None and self.open.name:
            self.open.end(complete=False)

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
        """Read an array of objects; the commas between them may be missing."""
        self._cursor.take(1)
        char = yield from self._cursor.space()
        while char != "]":
            yield from self.one_call()
            char = yield from self._cursor.space()
            if char == ",":
                self._cursor.take(1)
                if (yield from self._cursor.space()) != "{":
                    raise BadBodyError
            elif char not in ("]", "{"):
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
        if not call.name or (self._grammar.bare and "arguments" not in seen):
            raise BadBodyError
        if call.tail and not (yield from stands(self._cursor, self._edges)):
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
        if grammar.keyed:
            yield from self._keyed(call, key, seen)
            return
        if grammar.bare and role not in ("name", "arguments") and key not in (*grammar.id_keys, "type"):
            raise BadBodyError
        if role == "name" and "name" not in seen:
            if char != '"' or not call.begin((yield from short_string(self._reading))):
                raise BadBodyError
            if grammar.bare and call.tool is None:
                raise BadBodyError
        elif role == "arguments" and "arguments" not in seen:
            yield from read_arguments(self._reading, call, self.tape)
        elif key in grammar.id_keys and char == '"':
            call.call_id = yield from short_string(self._reading)
        else:
            yield from scan_value(self._reading, self.tape, None)
        seen.add(role)

    def _keyed(self, call: Call, key: str, seen: set[str]) -> Steps[None]:
        """Read a member whose key is the tool's name."""
        if seen:
            raise BadBodyError
        seen.add(key)
        if not call.begin(key):
            raise BadBodyError
        yield from read_arguments(self._reading, call, self.tape)

    def mended(self, mended: Mended | str) -> bool:
        """Write what is left of a block that had to be mended; false where it is no call."""
        if isinstance(mended, str):
            return self.failed(mended)
        found = calls_in(mended.value, self._grammar)[self.done - self._base :]
        call = self.open if self.open and self.open.name else None
        if call is None and not any(self._reading.tool(one.name) for one in found):
            return self.done > 0 or self._reading.sink.holding is False  # prose may hold JSON that is no call
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
            self._give_up()
            return True
        if (
            (kind == "cut" or len(raw) > MAX_BODY)
            and self.open is not None
            and not self.open.name
            and _NAMED.search(raw)
        ):
            reading.sink.drop(kind, raw)
            return True
        return False

    def too_large(self) -> Steps[bool]:
        """Read over the rest of a block that is larger than any call may be."""
        yield from skip(self._cursor, self._edges)
        if self.open is not None and self.open.name and (self.open.tool is not None or self.done):
            self.open.repaired("too_large")
            self.open.end(complete=False)
        else:
            self._reading.sink.discard()
            self._reading.sink.drop("too_large", "arguments are too large")
        return True
