"""Frame: one element per call, one element per argument.

```
block = [section] call {call} [section-close]            (the section tags are markup, read between the calls)
call  = call-open ({parameter-open V parameter-close} | JSON object | YAML mapping) call-close  |  call-open with "/"
```
A value ends at its closing tag, or where the next structural tag shows that the closing tag is missing. Values get
their type from the tool's schema; those of plain strings stream, all others wait for their end.
"""

from __future__ import annotations

import regex

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError
from toolgate_core.extraction.json_values import scan_value
from toolgate_core.extraction.repair import repair_block, skip_to_edge, value_is_complete
from toolgate_core.extraction.tag_patterns import MAX_TAG, TagPatterns, attribute, call_patterns, tag_patterns
from toolgate_core.extraction.tagged_arguments import TaggedArguments
from toolgate_core.extraction.yaml_body import read_mapping

MAX_SECTIONS = 4
_WORD = regex.compile(r"[^<\s]+")


def read_tagged(reader: BlockReader, grammar: TaggedGrammar) -> Steps[bool]:
    """Read one call, with the section tag before it if there is one; false where it is no call."""
    cursor, patterns = reader.cursor, tag_patterns(grammar)
    match = yield from cursor.expect(patterns.call, window=MAX_TAG)
    if match is None:
        if (yield from cursor.expect(patterns.section, window=256)) is None:
            return False
        yield from cursor.space()
        for _ in range(MAX_SECTIONS):
            if (yield from cursor.expect(patterns.section, window=256)) is None:
                break
            yield from cursor.space()
        if (yield from cursor.expect(patterns.section_close, window=64)):
            return True
        match = yield from cursor.expect(patterns.call, window=MAX_TAG)
        if match is None:
            return False
    found = match.groupdict()
    inside = found.get("inside") or ""
    name = found.get("name") or attribute(inside, grammar.name_attribute) or ""
    if grammar.declared_only and reader.toolset.get(name) is None:
        return False
    call = CallWriter(reader)
    reader.tentative = True  # a name in a tag may be prose about calls
    if not call.begin(name):
        return False
    return (yield from Element(reader, grammar, call).read(empty=inside.rstrip().endswith("/")))


class Element:
    """One call element, behind its opening tag."""

    def __init__(self, reader: BlockReader, grammar: TaggedGrammar, call: CallWriter) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        schema = call.tool.parameters.get("properties") if call.tool else None
        self._patterns: TagPatterns = call_patterns(
            grammar, call.name, tuple(schema) if isinstance(schema, dict) else ()
        )
        self._call = call
        self._arguments = TaggedArguments(reader, grammar, self._patterns, call)
        self._indent = ""

    def read(self, *, empty: bool) -> Steps[bool]:
        """Read the call; false where it is none."""
        if empty:
            self._call.end()
            return True
        if not (yield from self._structured()):
            return False
        try:
            closed = yield from self._body()
        except TooLargeError:
            self._call.add_repairs("too_large")
            closed = None
        except MalformedBlockError:
            closed = None
        return (yield from self._end(closed=closed))

    def _structured(self) -> Steps[bool]:
        """Whether a call goes on as calls do, so that prose is not held for long."""
        cursor, patterns = self._cursor, self._patterns
        tape = cursor.record()
        char = yield from cursor.space()
        cursor.stop(tape)
        _, line, self._indent = tape.getvalue().rpartition("\n")
        if char == "{" or (yield from cursor.comes(patterns.expected, window=MAX_TAG)) is not None:
            return True
        if self._grammar.yaml and line and char not in ("", "<"):
            return True
        if self._call.tool is None and self._grammar.bare_name:
            return False
        for known in (patterns.call_close, patterns.section_close, patterns.call, patterns.section):
            if (yield from cursor.comes(known, window=MAX_TAG)) is not None:
                return not self._grammar.declared_only or known is patterns.call_close
        return cursor.starved and (not self._grammar.declared_only or self._cut_off)

    @property
    def _cut_off(self) -> bool:
        return self._cursor.end in ("length", "cut")

    def _end(self, *, closed: bool | None) -> Steps[bool]:
        """`closed`: by its own tag; false: by what follows; none: it can't be read."""
        if (self._call.tool is None and not closed) or (
            closed is None and self._reader.tentative and not self._cut_off
        ):
            return False
        if closed is None:
            yield from skip_to_edge(self._cursor, self._patterns.call_close)
            yield from self._cursor.expect(self._patterns.call_close)
        elif not closed:
            self._call.add_repairs("missing_close")
        if self._arguments.lost:
            self._call.add_repairs("lost_text")
        self._call.end(complete=closed is not None and not self._arguments.lost)
        return True

    def _body(self) -> Steps[bool]:
        char = yield from self._cursor.space()
        if char == "{":
            self._reader.confirm(self._call.tool)
            yield from self._json()
        elif self._grammar.yaml and char not in ("<", ""):
            yield from read_mapping(self._reader, self._call, self._patterns.call_close, self._indent)
            self._reader.confirm(self._call.tool)
        else:
            self._reader.confirm(self._call.tool)
            while (yield from self._member()):
                pass
            self._arguments.end()
        return (yield from self._after_body())

    def _json(self) -> Steps[None]:
        """Read arguments that are one JSON object."""
        tape = self._cursor.record()
        try:
            yield from scan_value(self._reader, tape, self._call)
            if self._call.tail and not (yield from value_is_complete(self._cursor, self._patterns.json_edge)):
                raise MalformedBlockError
        except TooLargeError:
            raise
        except MalformedBlockError:
            repaired = yield from repair_block(self._reader, tape, self._patterns.json_edge)
            if isinstance(repaired, str) or not self._call.write_value(repaired.value):
                raise
            self._call.add_repairs(*repaired.repairs)
        finally:
            self._cursor.stop(tape)

    def _member(self) -> Steps[bool]:
        """Read one argument, or what stands beside arguments; false where the call ends."""
        cursor = self._cursor
        if (yield from self._arguments.read()):
            return True
        char = yield from cursor.space()
        for known in (
            self._patterns.call_close,
            self._patterns.section_close,
            self._patterns.call,
            self._patterns.section,
        ):
            if (yield from cursor.comes(known, window=MAX_TAG)) is not None:
                return False
        if not char or (self._reader.cursor.end is not None and self._cut()):
            return False
        match = yield from cursor.comes(self._patterns.stray, window=MAX_TAG)
        if match is None:
            self._arguments.lost = True
            match = _WORD.match(cursor.text, cursor.pos)
        self._reader.sink.drop("markup", cursor.take(match.end() - cursor.pos if match else 1))
        return True

    def _cut(self) -> bool:
        """Whether the end of the text has cut a closing tag here."""
        cursor = self._cursor
        cut = cursor.left > 1 and self._patterns.call_close.fullmatch(cursor.text, cursor.pos, partial=True) is not None
        return cut or self._patterns.parameter.fullmatch(cursor.text, cursor.pos, partial=True) is not None

    def _after_body(self) -> Steps[bool]:
        """Read the closing tag; false where the call ends without it, although the model ended it."""
        cursor = self._cursor
        yield from cursor.space()
        if (yield from cursor.closes(self._patterns.call_close)):
            return True
        if cursor.end is None or (cursor.left and not cursor.starved):
            return False
        if not self._reader.stopped or (
            cursor.left and self._patterns.parameter.fullmatch(cursor.text, cursor.pos, partial=True)
        ):
            raise MalformedBlockError
        return False
