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
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError
from toolgate_core.extraction.json_values import scan_value
from toolgate_core.extraction.mend import mend, skip, stands
from toolgate_core.extraction.parameters import Parameters
from toolgate_core.extraction.tags import MAX_TAG, TagMarks, attribute, call_marks, tag_marks
from toolgate_core.extraction.yamls import read_mapping

MAX_SECTIONS = 4
_WORD = regex.compile(r"[^<\s]+")


def read_tagged(reading: Reading, grammar: TaggedGrammar) -> Steps[bool]:
    """Read one call, with the section tag before it if there is one; false where it is no call."""
    cursor, mark = reading.cursor, tag_marks(grammar)
    match = yield from cursor.expect(mark.call, window=MAX_TAG)
    if match is None:
        if (yield from cursor.expect(mark.section, window=256)) is None:
            return False
        yield from cursor.space()
        for _ in range(MAX_SECTIONS):
            if (yield from cursor.expect(mark.section, window=256)) is None:
                break
            yield from cursor.space()
        if (yield from cursor.expect(mark.section_close, window=64)):
            return True
        match = yield from cursor.expect(mark.call, window=MAX_TAG)
        if match is None:
            return False
    found = match.groupdict()
    inside = found.get("inside") or ""
    name = found.get("name") or attribute(inside, grammar.name_attribute) or ""
    if grammar.declared and reading.toolset.get(name) is None:
        return False
    call = Call(reading)
    reading.tentative = True  # a name in a tag may be prose about calls
    if not call.begin(name):
        return False
    return (yield from Element(reading, grammar, call).read(empty=inside.rstrip().endswith("/")))


class Element:
    """One call element, behind its opening tag."""

    def __init__(self, reading: Reading, grammar: TaggedGrammar, call: Call) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        schema = call.tool.parameters.get("properties") if call.tool else None
        self._mark: TagMarks = call_marks(grammar, call.name, tuple(schema) if isinstance(schema, dict) else ())
        self._call = call
        self._parameters = Parameters(reading, grammar, self._mark, call)
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
            self._call.repaired("too_large")
            closed = None
        except BadBodyError:
            closed = None
        return (yield from self._end(closed=closed))

    def _structured(self) -> Steps[bool]:
        """Whether a call goes on as calls do, so that prose is not held for long."""
        cursor, mark = self._cursor, self._mark
        tape = cursor.record()
        char = yield from cursor.space()
        cursor.stop(tape)
        _, line, self._indent = tape.getvalue().rpartition("\n")
        if char == "{" or (yield from cursor.comes(mark.expected, window=MAX_TAG)) is not None:
            return True
        if self._grammar.yaml and line and char not in ("", "<"):
            return True
        if self._call.tool is None and self._grammar.bare_name:
            return False
        for known in (mark.call_close, mark.section_close, mark.call, mark.section):
            if (yield from cursor.comes(known, window=MAX_TAG)) is not None:
                return not self._grammar.declared or known is mark.call_close
        return cursor.starved and (not self._grammar.declared or self._cut_off)

    @property
    def _cut_off(self) -> bool:
        return self._cursor.end in ("length", "cut")

    def _end(self, *, closed: bool | None) -> Steps[bool]:
        """`closed`: by its own tag; false: by what follows; none: it can't be read."""
        if (self._call.tool is None and not closed) or (
            closed is None and self._reading.tentative and not self._cut_off
        ):
            return False
        if closed is None:
            yield from skip(self._cursor, self._mark.call_close)
            yield from self._cursor.expect(self._mark.call_close)
        elif not closed:
            self._call.repaired("missing_close")
        if self._parameters.lost:
            self._call.repaired("lost_text")
        self._call.end(complete=closed is not None and not self._parameters.lost)
        return True

    def _body(self) -> Steps[bool]:
        char = yield from self._cursor.space()
        if char == "{":
            self._reading.sure(self._call.tool)
            yield from self._json()
        elif self._grammar.yaml and char not in ("<", ""):
            yield from read_mapping(self._reading, self._call, self._mark.call_close, self._indent)
            self._reading.sure(self._call.tool)
        else:
            self._reading.sure(self._call.tool)
            while (yield from self._member()):
                pass
            self._parameters.end()
        return (yield from self._after_body())

    def _json(self) -> Steps[None]:
        """Read arguments that are one JSON object."""
        tape = self._cursor.record()
        try:
            yield from scan_value(self._reading, tape, self._call)
            if self._call.tail and not (yield from stands(self._cursor, self._mark.json_edge)):
                raise BadBodyError
        except TooLargeError:
            raise
        except BadBodyError:
            mended = yield from mend(self._reading, tape, self._mark.json_edge)
            if isinstance(mended, str) or not self._call.write_value(mended.value):
                raise
            self._call.repaired(*mended.repairs)
        finally:
            self._cursor.stop(tape)

    def _member(self) -> Steps[bool]:
        """Read one argument, or what stands beside arguments; false where the call ends."""
        cursor = self._cursor
        if (yield from self._parameters.read()):
            return True
        char = yield from cursor.space()
        for known in (self._mark.call_close, self._mark.section_close, self._mark.call, self._mark.section):
            if (yield from cursor.comes(known, window=MAX_TAG)) is not None:
                return False
        if not char or (self._reading.cursor.end is not None and self._cut()):
            return False
        match = yield from cursor.comes(self._mark.stray, window=MAX_TAG)
        if match is None:
            self._parameters.lost = True
            match = _WORD.match(cursor.text, cursor.pos)
        self._reading.sink.drop("markup", cursor.take(match.end() - cursor.pos if match else 1))
        return True

    def _cut(self) -> bool:
        """Whether the end of the text has cut a closing tag here."""
        cursor = self._cursor
        cut = cursor.left > 1 and self._mark.call_close.fullmatch(cursor.text, cursor.pos, partial=True) is not None
        return cut or self._mark.parameter.fullmatch(cursor.text, cursor.pos, partial=True) is not None

    def _after_body(self) -> Steps[bool]:
        """Read the closing tag; false where the call ends without it, although the model ended it."""
        cursor = self._cursor
        yield from cursor.space()
        if (yield from cursor.closes(self._mark.call_close)):
            return True
        if cursor.end is None or (cursor.left and not cursor.starved):
            return False
        if not self._reading.stopped or (
            cursor.left and self._mark.parameter.fullmatch(cursor.text, cursor.pos, partial=True)
        ):
            raise BadBodyError
        return False
