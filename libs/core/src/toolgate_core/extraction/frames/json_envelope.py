"""Frame: name and arguments inside JSON, the most common form (hermes, Mistral, Granite, Jamba, xLAM, Llama 3 …).

```
block    = open (envelope {[,;] envelope} | "[" [envelope {"," envelope}] "]") [close]
envelope = "{" … "name": string … "arguments": object | string | null … "}"      (keys in any order)
```
Good JSON streams through unchanged: arguments are emitted while they come, once the name is known. Broken JSON is read
to the edge of the block and repaired as a whole (`repair`); a list that can't be repaired is read object by object
(`broken_list`), so that one bad call does not take the others along.

A `bare` grammar has no markers (Llama 3): an object counts only with the name of a declared tool and with arguments,
and nothing but keys of envelopes may be in it, because answers hold JSON, too. `{"name": "Bob", "age": 3}` is data.

Invariants: false only while nothing has been emitted. A call that has been emitted and can't be read on ends
incomplete. What may wait: what the JSON readers hold, and the end of a value until its neighbour is known. Bounds:
MAX_BODY characters for one call, MAX_BLOCK for a list; what is larger is skipped to the edge.
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
from toolgate_core.extraction.json_values import read_json_arguments, scan_value, short_string
from toolgate_core.extraction.repair import MAX_BODY, Repaired, repair_block, skip_to_edge, value_is_complete
from toolgate_core.extraction.yaml_envelope import read_yaml_envelopes
from toolgate_core.jsontext import JsonValue

_FENCE = regex.compile(r"```\w{0,16}\s")
_NAMED = regex.compile(r"""["']?(?:name|arguments|parameters|function|tool|tool_name)["']?\s*:""")
_PYTHON = regex.compile(r"\[\s{0,16}[A-Za-z_][\w.\-]{0,255}\(")
_BARE_EDGE = regex.compile(r"\n[ \t\r]*+\n\s*+(?=\S)|<\|e|\n(?=\{)|(?P<other>(?!))")


def read_envelopes(reader: BlockReader, grammar: EnvelopeGrammar) -> Steps[bool]:
    """Read one block; false where it is not a call."""
    cursor, patterns = reader.cursor, envelope_patterns(grammar)
    if (yield from cursor.read_match(patterns.open, window=512)) is None:
        return False
    # Without markers even a declared name commits nothing before the object is complete.
    reader.tentative = grammar.bare
    char = yield from cursor.skip_space()
    # Models put the JSON into a code fence inside of their markers.
    fenced = char == "`" and (yield from cursor.read_match(_FENCE, window=32)) is not None
    char = (yield from cursor.skip_space()) if fenced else char
    if (yield from _holds_nothing(reader, grammar, patterns, char)):
        return True
    if char not in ("{", "["):
        return grammar.yaml and (yield from read_yaml_envelopes(reader, grammar, patterns))
    # `[get_weather(` is a list of Python calls: another grammar of the same opener reads it.
    if char == "[" and (yield from cursor.peek_match(_PYTHON, window=320)) is not None:
        return False
    if grammar.special and (yield from _empty_list(cursor, patterns)):
        return True
    body = EnvelopeBody(reader, grammar, _BARE_EDGE if grammar.bare else patterns.edges)
    if not (yield from body.read_all()):
        # Text tags around nonsense are prose about them and stay; special tokens are never written as prose.
        return grammar.special and (yield from _drop_broken_block(reader, patterns))
    yield from _read_close(reader, patterns, "}],`" if fenced else "}],")
    return True


def _holds_nothing(reader: BlockReader, grammar: EnvelopeGrammar, patterns: EnvelopePatterns, char: str) -> Steps[bool]:
    """Whether the block ends at once: at the end of a text that has calls, or by its closer."""
    # An opener after a call, and then the end: no call was begun, and the marker is not an answer either.
    if not char and reader.stopped and reader.sink.calls:
        reader.sink.drop("markup", reader.tape.getvalue())
        return True
    # A block of special tokens without a call is markup, with or without an empty list.
    return grammar.special and (yield from reader.cursor.read_match(patterns.empty, window=256)) is not None


def _empty_list(cursor: Cursor, patterns: EnvelopePatterns) -> Steps[bool]:
    if (yield from cursor.read_match(EMPTY_LIST, window=128)) is None:
        return False
    yield from cursor.skip_space()
    yield from cursor.read_closer(patterns.close)
    return True


def _drop_broken_block(reader: BlockReader, patterns: EnvelopePatterns) -> Steps[bool]:
    """Drop a block that is not a call, if it is complete: special tokens on both sides of it are not for users."""
    raw = reader.tape.getvalue()
    if not (yield from reader.cursor.read_closer(patterns.close)):
        return False
    # The name of a tool may have begun a call here that was held; the block as a whole is none.
    reader.sink.discard()
    reader.sink.drop("bad_json", raw)
    return True


def _read_close(reader: BlockReader, patterns: EnvelopePatterns, strays: str) -> Steps[None]:
    cursor = reader.cursor
    # Models close brackets that they did not open; strays are markup, like the closer after them.
    stray = ""
    while (char := (yield from cursor.skip_space())) and char in strays:
        stray += cursor.take(1)
    reader.sink.drop("markup", stray)
    yield from cursor.read_closer(patterns.close)


class EnvelopeBody:
    """Reads the JSON of one block.

    Attributes:
        tape: the text from the last object on, for a repair.
        open: the call that is being read, none between two calls.
        done: how many calls of the block are complete.
    """

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
        """Read the objects of a block, repaired where needed; false where they are not calls."""
        self.tape = self._cursor.record()
        try:
            yield from self.read_objects()
        except TooLargeError:
            self._cursor.stop(self.tape)
            return (yield from self.skip_too_large())
        except TruncatedBlockError:
            self._cursor.stop(self.tape)
            if self._grammar.bare:
                return (yield from self._repair_unmarked())
            # Cut by the length limit: nothing is repaired, since the missing part may be more than brackets.
            return self.end_unreadable(self.tape.getvalue())
        except MalformedBlockError:
            if self._grammar.bare:
                self._cursor.stop(self.tape)
                return (yield from self._repair_unmarked())
            repaired = yield from repair_block(self._reader, self.tape, self._edges)
            return self.write_list(repaired) if isinstance(repaired, str) else self.write_repaired(repaired)
        self._cursor.stop(self.tape)
        return True

    def write_list(self, raw: str) -> bool:
        """Write what is left of a block that can't be repaired as a whole, object by object; false if no call."""
        # Without a closing marker text may follow the list, and belongs to the answer.
        stop = len(raw) if self._closed else list_end(raw)
        self._cursor.put_back(raw[stop:])
        raw = raw[:stop]
        rest = split_list(raw, self._grammar)[self.done - self._base :]
        # A list in which no element names a tool may be text as well as calls.
        named = (one.name if not one.found else one.found[0].name for one in rest)
        call = self.open if self.open and self.open.name else None
        if not rest or (call is None and not self.done and not any(map(self._reader.tool, named))):
            return self.end_unreadable(raw)
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
        # A bad element that names a tool is a broken call, for which the ladder may retry; others are only reported.
        if call is None and self._reader.tool(element.name) is not None:
            call = CallWriter(self._reader)
            call.begin(element.name)
        if call is not None:
            call.add_repairs("bad_json")
            call.end(complete=False)
        else:
            self._reader.sink.drop("bad_json", element.raw)

    def _repair_unmarked(self) -> Steps[bool]:
        """A call that no marker announced can't be read: repair its line if its name is declared, if it is not cut."""
        call = self.open
        if call is None or call.tool is None:
            return self._put_back_rest()
        if self._cursor.end in ("length", "cut") and not self._cursor.remaining:
            call.add_repairs("cut")
            call.end(complete=False)
            return True
        repaired = yield from repair_block(self._reader, self.tape, self._edges)
        # One object only: without markers two objects in a line that had to be repaired are more likely data.
        found = [] if isinstance(repaired, str) else calls_in(repaired.value, self._grammar, arguments=True)
        if isinstance(repaired, str) or len(found) != 1:
            return self._put_back_rest()
        return self.write_repaired(repaired)

    def _put_back_rest(self) -> bool:
        """What follows the last good object is none; true where there has been a good one."""
        # What was read of the broken object is put back as text; the calls before it are certain.
        if self.done:
            self._cursor.put_back(self.tape.getvalue())
            self._end_incomplete()
        return self.done > 0

    def _end_incomplete(self) -> None:
        """End the call that can't be read, if it has begun."""
        if self.open is not None and self.open.name:
            self.open.end(complete=False)

    def read_objects(self) -> Steps[None]:
        """Read one object, several, or an array of them."""
        if (yield from self._cursor.peek()) == "[":
            yield from self.read_array()
            return
        while True:
            yield from self.read_call()
            self._cursor.stop(self.tape)
            self.tape, self._base = self._cursor.record(), self.done
            char = yield from self._cursor.skip_space()
            if char and char in ",;":
                self._cursor.take(1)
                char = yield from self._cursor.skip_space()
            if char != "{":
                return
            # A repair begins at the object that broke: those before it have been emitted.
            self._cursor.stop(self.tape)
            self.tape = self._cursor.record()

    def read_array(self) -> Steps[None]:
        """Read an array of calls, between which commas may be missing; raise `MalformedBlockError` for any other."""
        self._cursor.take(1)
        char = yield from self._cursor.skip_space()
        while char != "]":
            yield from self.read_call()
            char = yield from self._cursor.skip_space()
            if char == ",":
                self._cursor.take(1)
                # A comma must be followed by another call; an array of anything else is not a list of calls.
                if (yield from self._cursor.skip_space()) != "{":
                    raise MalformedBlockError
            elif char not in ("]", "{"):  # a missing comma between objects does no harm
                raise MalformedBlockError
        self._cursor.take(1)
        # An empty array was read by `EMPTY_LIST` where the grammar has one; here it is not a call.
        if not self.done:
            raise MalformedBlockError

    def read_call(self) -> Steps[None]:
        """Read one call; raise `MalformedBlockError` for an object that is none."""
        call = self.open = CallWriter(self._reader)
        if (yield from self._cursor.peek()) != "{":
            raise MalformedBlockError
        seen: set[str] = set()
        separator = self._cursor.take(1)
        while separator != "}":
            if (yield from self._cursor.skip_space()) != '"':
                raise MalformedBlockError
            key = yield from short_string(self._reader)
            yield from self.read_char(":")
            yield from self._read_member(call, key, seen)
            separator = yield from self.read_char(",}")
        # Without a marker around it, an object with a name alone is data and no call.
        if not call.name or (self._grammar.bare and "arguments" not in seen):
            raise MalformedBlockError
        # The quote that ended the last string may be one inside of it: what follows the object decides.
        if call.tail and not (yield from value_is_complete(self._cursor, self._edges)):
            raise MalformedBlockError
        call.end()
        self.open = None
        self.done += 1

    def read_char(self, chars: str) -> Steps[str]:
        """Read one of `chars`, white space before it included; raise `MalformedBlockError` for another one."""
        char = yield from self._cursor.skip_space()
        if not char or char not in chars:
            raise MalformedBlockError
        return self._cursor.take(1)

    def _read_member(self, call: CallWriter, key: str, seen: set[str]) -> Steps[None]:
        char = yield from self._cursor.skip_space()
        grammar = self._grammar
        # Models mix up the keys of dialects: `parameters` for `arguments`, `tool_name` for `name`. The first of a role
        # counts.
        role = "name" if key in grammar.name_keys else "arguments" if key in grammar.argument_keys else key
        if grammar.keyed:
            yield from self._read_keyed(call, key, seen)
            return
        # A key that no envelope has: the object is data.
        if grammar.bare and role not in ("name", "arguments") and key not in (*grammar.id_keys, "type"):
            raise MalformedBlockError
        if role == "name" and "name" not in seen:
            yield from self._name(call, char)
        elif role == "arguments" and "arguments" not in seen:
            yield from read_json_arguments(self._reader, call, self.tape)
        elif key in grammar.id_keys and char == '"':
            call.call_id = yield from short_string(self._reader)
        else:
            yield from scan_value(self._reader, self.tape, None)
        seen.add(role)

    def _name(self, call: CallWriter, char: str) -> Steps[None]:
        if char != '"' or not call.begin((yield from short_string(self._reader))):
            raise MalformedBlockError
        # Given up at the name already, so that JSON in an answer is not held to its end.
        if self._grammar.bare and call.tool is None:
            raise MalformedBlockError

    def _read_keyed(self, call: CallWriter, key: str, seen: set[str]) -> Steps[None]:
        """Read a member whose key is the tool's name."""
        # `keyed`: the only key is the name. An object with two names is refused.
        if seen:
            raise MalformedBlockError
        seen.add(key)
        if not call.begin(key):
            raise MalformedBlockError
        yield from read_json_arguments(self._reader, call, self.tape)

    def write_repaired(self, repaired: Repaired | str) -> bool:
        """Write what is left of a block that had to be repaired; false where it is not a call."""
        if isinstance(repaired, str):
            return self.end_unreadable(repaired)
        found = calls_in(repaired.value, self._grammar)[self.done - self._base :]
        call = self.open if self.open and self.open.name else None
        # A block that needed a repair and names no tool is text, unless something has been emitted already.
        if call is None and not any(self._reader.tool(one.name) for one in found):
            return self.done > 0 or self._reader.sink.holding is False  # prose may hold JSON that is not a call
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

    def end_unreadable(self, raw: str) -> bool:
        """The block can't be read: an unfinished call if its name is known, otherwise no call at all."""
        reader = self._reader
        kind = "bad_json" if reader.stopped or reader.cursor.end is None else "cut"
        if self.open is not None and self.open.tool is not None:
            self.open.add_repairs(kind)
            self.open.end(complete=False)
            return True
        if self.done:
            reader.sink.drop(kind, raw)
            self._end_incomplete()
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

    def skip_too_large(self) -> Steps[bool]:
        """Read over the rest of a block that is larger than any call may be."""
        yield from skip_to_edge(self._cursor, self._edges)
        if self.open is not None and self.open.name and (self.open.tool is not None or self.done):
            self.open.add_repairs("too_large")
            self.open.end(complete=False)
        else:
            self._reader.sink.discard()
            self._reader.sink.drop("too_large", "arguments are too large")
        return True
