"""Frame: name and arguments inside JSON.

```
block  = open (object {[,;] object} | "[" [object {"," object}] "]") [close]
object = "{" … "name": string … "arguments": object | string | null … "}"      (keys in any order)
```
Good JSON streams through as it stands. Broken JSON is read to the block's edge and repaired as a whole.
"""

from __future__ import annotations

from io import StringIO

import regex

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.broken_list import ListElement, list_end, split_list
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.extraction.envelope_patterns import EMPTY_LIST, EnvelopePatterns, envelope_patterns
from toolgate_core.extraction.json_calls import calls_in
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError, TruncatedBlockError
from toolgate_core.extraction.json_values import read_arguments, scan_value, short_string
from toolgate_core.extraction.repair import MAX_BODY, Repaired, repair_block, skip_to_edge, value_is_complete
from toolgate_core.extraction.yaml_body import dedented, read_until, yaml_value
from toolgate_core.jsontext import JsonValue

_FENCE = regex.compile(r"```\w{0,16}\s")
_NAMED = regex.compile(r"""["']?(?:name|arguments|parameters|function|tool|tool_name)["']?\s*:""")
_PYTHON = regex.compile(r"\[\s{0,16}[A-Za-z_][\w.\-]{0,255}\(")
_BARE_EDGE = regex.compile(r"\n[ \t\r]*+\n\s*+(?=\S)|<\|e|\n(?=\{)|(?P<other>(?!))")
_YAML = regex.compile(r"(?:-[ \t]{1,8})?(?:name|function|tool_name)[ \t]{0,8}:[ \t\n]")


def read_envelopes(reader: BlockReader, grammar: EnvelopeGrammar) -> Steps[bool]:
    """Read one block; false where it is not a call."""
    cursor, patterns = reader.cursor, envelope_patterns(grammar)
    if (yield from cursor.expect(patterns.open, window=512)) is None:
        return False
    reader.tentative = grammar.bare
    char = yield from cursor.space()
    fenced = char == "`" and (yield from cursor.expect(_FENCE, window=32)) is not None
    char = (yield from cursor.space()) if fenced else char
    if (yield from _holds_nothing(reader, grammar, patterns, char)):
        return True
    if char not in ("{", "["):
        return grammar.yaml and (yield from _yaml(reader, grammar, patterns))
    if char == "[" and (yield from cursor.comes(_PYTHON, window=320)) is not None:
        return False
    if grammar.special and (yield from _empty_list(cursor, patterns)):
        return True
    body = Body(reader, grammar, _BARE_EDGE if grammar.bare else patterns.edges)
    if not (yield from body.read_all()):
        return grammar.special and (yield from _broken(reader, patterns))
    yield from _close(reader, patterns, "}],`" if fenced else "}],")
    return True


def _holds_nothing(reader: BlockReader, grammar: EnvelopeGrammar, patterns: EnvelopePatterns, char: str) -> Steps[bool]:
    """Whether the block ends at once: at the end of a text that has calls, or by its closer."""
    if not char and reader.stopped and reader.sink.calls:
        reader.sink.drop("markup", reader.tape.getvalue())
        return True
    return grammar.special and (yield from reader.cursor.expect(patterns.empty, window=256)) is not None


def _empty_list(cursor: Cursor, patterns: EnvelopePatterns) -> Steps[bool]:
    if (yield from cursor.expect(EMPTY_LIST, window=128)) is None:
        return False
    yield from cursor.space()
    yield from cursor.closes(patterns.close)
    return True


def _yaml(reader: BlockReader, grammar: EnvelopeGrammar, patterns: EnvelopePatterns) -> Steps[bool]:
    """Read calls that are written in YAML, up to a closing tag of any name."""
    if (yield from reader.cursor.comes(_YAML, window=128)) is None:
        return False
    try:
        text = yield from read_until(reader, patterns.yaml_edge)
        found = calls_in(yaml_value(dedented(text)), grammar)
    except MalformedBlockError:
        return False
    for one in found:
        call = CallWriter(reader)
        call.call_id = one.call_id
        arguments = {} if one.arguments in (None, "") else one.arguments
        if not isinstance(arguments, dict) or not call.begin(one.name):
            return False
        if arguments:
            call.write_value(arguments)
        call.add_repairs("yaml_body")
        call.end()
    yield from reader.cursor.expect(patterns.yaml_edge)
    return bool(found)


def _broken(reader: BlockReader, patterns: EnvelopePatterns) -> Steps[bool]:
    """Drop a block that is no call, if it is complete: special tokens on both sides of it are nothing to be shown."""
    raw = reader.tape.getvalue()
    if not (yield from reader.cursor.closes(patterns.close)):
        return False
    reader.sink.discard()
    reader.sink.drop("bad_json", raw)
    return True


def _close(reader: BlockReader, patterns: EnvelopePatterns, strays: str) -> Steps[None]:
    cursor = reader.cursor
    stray = ""
    while (char := (yield from cursor.space())) and char in strays:
        stray += cursor.take(1)
    reader.sink.drop("markup", stray)
    yield from cursor.closes(patterns.close)


class Body:
    """The JSON of one block."""

    def __init__(self, reader: BlockReader, grammar: EnvelopeGrammar, edges: regex.Pattern[str]) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._edges = edges
        self._closed = bool(grammar.close_tags or grammar.close_tokens)
        self.tape = StringIO()
        self.open: CallWriter | None = None
        self.done = 0
        self._base = 0

    def read_all(self) -> Steps[bool]:
        """Read the objects of a block, repaired where needed; false where they are no calls."""
        self.tape = self._cursor.record()
        try:
            yield from self.values()
        except TooLargeError:
            self._cursor.stop(self.tape)
            return (yield from self.too_large())
        except TruncatedBlockError:
            self._cursor.stop(self.tape)
            if self._grammar.bare:
                return (yield from self._bare())
            return self.failed(self.tape.getvalue())
        except MalformedBlockError:
            if self._grammar.bare:
                self._cursor.stop(self.tape)
                return (yield from self._bare())
            repaired = yield from repair_block(self._reader, self.tape, self._edges)
            return self.listed(repaired) if isinstance(repaired, str) else self.write_repaired(repaired)
        self._cursor.stop(self.tape)
        return True

    def listed(self, raw: str) -> bool:
        """Write what is left of a block that can't be repaired as a whole, object by object; false if no call."""
        stop = len(raw) if self._closed else list_end(raw)
        self._cursor.unread(raw[stop:])
        raw = raw[:stop]
        rest = split_list(raw, self._grammar)[self.done - self._base :]
        named = (one.name if not one.found else one.found[0].name for one in rest)
        call = self.open if self.open and self.open.name else None
        if not rest or (call is None and not self.done and not any(map(self._reader.tool, named))):
            return self.failed(raw)
        for element in rest:
            self._write_element(call, element)
            call = None
        return True

    def _write_element(self, call: CallWriter | None, element: ListElement) -> None:
        for one in element.found:
            self._write(call or CallWriter(self._reader), one.name, one.call_id, one.arguments, element.repairs)
            call = None
        if element.found:
            return
        if call is None and self._reader.tool(element.name) is not None:
            call = CallWriter(self._reader)
            call.begin(element.name)
        if call is not None:
            call.add_repairs("bad_json")
            call.end(complete=False)
        else:
            self._reader.sink.drop("bad_json", element.raw)

    def _bare(self) -> Steps[bool]:
        """A call that no marker announced can't be read: mend its line if its name is declared, if it is not cut."""
        call = self.open
        if call is None or call.tool is None:
            return self._rest_is_text()
        if self._cursor.end in ("length", "cut") and not self._cursor.left:
            call.add_repairs("cut")
            call.end(complete=False)
            return True
        repaired = yield from repair_block(self._reader, self.tape, self._edges)
        found = [] if isinstance(repaired, str) else calls_in(repaired.value, self._grammar, arguments=True)
        if isinstance(repaired, str) or len(found) != 1:
            return self._rest_is_text()
        return self.write_repaired(repaired)

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
                    raise MalformedBlockError
            elif char not in ("]", "{"):
                raise MalformedBlockError
        self._cursor.take(1)
        if not self.done:
            raise MalformedBlockError

    def one_call(self) -> Steps[None]:
        """Read one call."""
        call = self.open = CallWriter(self._reader)
        if (yield from self._cursor.peek()) != "{":
            raise MalformedBlockError
        seen: set[str] = set()
        separator = self._cursor.take(1)
        while separator != "}":
            if (yield from self._cursor.space()) != '"':
                raise MalformedBlockError
            key = yield from short_string(self._reader)
            yield from self.expect(":")
            yield from self._member(call, key, seen)
            separator = yield from self.expect(",}")
        if not call.name or (self._grammar.bare and "arguments" not in seen):
            raise MalformedBlockError
        if call.tail and not (yield from value_is_complete(self._cursor, self._edges)):
            raise MalformedBlockError
        call.end()
        self.open = None
        self.done += 1

    def expect(self, chars: str) -> Steps[str]:
        """Read one of `chars`, white space before it included."""
        char = yield from self._cursor.space()
        if not char or char not in chars:
            raise MalformedBlockError
        return self._cursor.take(1)

    def _member(self, call: CallWriter, key: str, seen: set[str]) -> Steps[None]:
        char = yield from self._cursor.space()
        grammar = self._grammar
        role = "name" if key in grammar.name_keys else "arguments" if key in grammar.argument_keys else key
        if grammar.keyed:
            yield from self._keyed(call, key, seen)
            return
        if grammar.bare and role not in ("name", "arguments") and key not in (*grammar.id_keys, "type"):
            raise MalformedBlockError
        if role == "name" and "name" not in seen:
            yield from self._name(call, char)
        elif role == "arguments" and "arguments" not in seen:
            yield from read_arguments(self._reader, call, self.tape)
        elif key in grammar.id_keys and char == '"':
            call.call_id = yield from short_string(self._reader)
        else:
            yield from scan_value(self._reader, self.tape, None)
        seen.add(role)

    def _name(self, call: CallWriter, char: str) -> Steps[None]:
        if char != '"' or not call.begin((yield from short_string(self._reader))):
            raise MalformedBlockError
        if self._grammar.bare and call.tool is None:
            raise MalformedBlockError

    def _keyed(self, call: CallWriter, key: str, seen: set[str]) -> Steps[None]:
        """Read a member whose key is the tool's name."""
        if seen:
            raise MalformedBlockError
        seen.add(key)
        if not call.begin(key):
            raise MalformedBlockError
        yield from read_arguments(self._reader, call, self.tape)

    def write_repaired(self, repaired: Repaired | str) -> bool:
        """Write what is left of a block that had to be repaired; false where it is no call."""
        if isinstance(repaired, str):
            return self.failed(repaired)
        found = calls_in(repaired.value, self._grammar)[self.done - self._base :]
        call = self.open if self.open and self.open.name else None
        if call is None and not any(self._reader.tool(one.name) for one in found):
            return self.done > 0 or self._reader.sink.holding is False  # prose may hold JSON that is no call
        for one in found:
            call = call or CallWriter(self._reader)
            self._write(call, one.name, one.call_id, one.arguments, repaired.repairs)
            call = None
        if call is not None:
            call.end(complete=False)
        return True

    def _write(
        self, call: CallWriter, name: str, call_id: str | None, arguments: JsonValue, repairs: tuple[str, ...]
    ) -> None:
        if not call.name:
            call.call_id = call_id
            if not call.begin(name):
                self._reader.sink.drop("bad_json", name or "a call without a name")
                return
        call.add_repairs(*repairs)
        try:
            written = call.write_value(arguments)
        except TooLargeError:
            written = False
        call.end(complete=written)

    def failed(self, raw: str) -> bool:
        """The block can't be read: an unfinished call if its name is known, otherwise no call at all."""
        reader = self._reader
        kind = "bad_json" if reader.stopped or reader.cursor.end is None else "cut"
        if self.open is not None and self.open.tool is not None:
            self.open.add_repairs(kind)
            self.open.end(complete=False)
            return True
        if self.done:
            reader.sink.drop(kind, raw)
            self._give_up()
            return True
        if (
            (kind == "cut" or len(raw) > MAX_BODY)
            and self.open is not None
            and not self.open.name
            and _NAMED.search(raw)
        ):
            reader.sink.drop(kind, raw)
            return True
        return False

    def too_large(self) -> Steps[bool]:
        """Read over the rest of a block that is larger than any call may be."""
        yield from skip_to_edge(self._cursor, self._edges)
        if self.open is not None and self.open.name and (self.open.tool is not None or self.done):
            self.open.add_repairs("too_large")
            self.open.end(complete=False)
        else:
            self._reader.sink.discard()
            self._reader.sink.drop("too_large", "arguments are too large")
        return True
