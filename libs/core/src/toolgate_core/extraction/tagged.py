"""Frame: one element per call, one element per argument.

```
block = [section-open] call {call} [section-close]       (the section tags are markup, read between the calls)
call  = <invoke name="F"> ({<parameter name="K">V</parameter>} | JSON object) </invoke>  |  <invoke name="F"/>
V     = text with entities | <![CDATA[ … ]]>
```
A value ends at its closing tag, or where the next structural tag shows that the closing tag is missing. Values get
their type from the tool's schema; those of plain strings stream, all others wait for their end.
"""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps, beginnings
from toolgate_core.extraction.envelope import scan_value
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError
from toolgate_core.extraction.mend import mend, skip
from toolgate_core.extraction.values import Value, may_be_tag, unescape_entities

MAX_TAG = 2048
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>/]+))""")
_WORD = re.compile(r"[^<\s]+")
_INSIDE = r"""((?:[^<>"']|"[^"]*"|'[^']*')*)>"""


class TagMarks(Struct, frozen=True):
    """A grammar's tags, compiled; group 1 of an opening tag is what stands inside of it."""

    section: re.Pattern[str]
    section_close: re.Pattern[str]
    call: re.Pattern[str]
    call_head: re.Pattern[str]
    call_prefixes: frozenset[str]
    parameter: re.Pattern[str]
    parameter_head: re.Pattern[str]
    value_close: re.Pattern[str]
    value_edge: re.Pattern[str]
    call_edge: re.Pattern[str]
    json_edge: re.Pattern[str]


@cache
def tag_marks(grammar: TaggedGrammar) -> TagMarks:
    """Return the patterns of a grammar's tags."""
    names = {
        "section": "|".join(map(re.escape, grammar.sections)),
        "call": "|".join(map(re.escape, grammar.calls)),
        "parameter": "|".join(map(re.escape, grammar.parameters)),
    }

    def build(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.IGNORECASE)

    return TagMarks(
        section=build(rf"<(?:{names['section']})\s*>"),
        section_close=build(rf"</\s*(?:{names['section']})\s*>"),
        call=build(rf"<(?:{names['call']}){_INSIDE}"),
        call_head=build(rf"<(?:{names['call']})(?=[\s/>])"),
        call_prefixes=beginnings(tuple(f"</{name}>" for name in grammar.calls)),
        parameter=build(rf"<(?:{names['parameter']}){_INSIDE}"),
        parameter_head=build(rf"<(?:{names['parameter']})(?=[\s/>])"),
        value_close=build(rf"</\s*(?:{names['parameter']})\s*>"),
        value_edge=build(
            rf"<(?:(?:{names['parameter']}|{names['call']})\s+name\s*=|/\s*(?:{names['call']}|{names['section']})\s*>)"
        ),
        call_edge=build(rf"</\s*(?:{names['call']})\s*>"),
        json_edge=build(rf"</\s*(?:{names['call']}|{names['section']})\s*>|(<(?:{names['call']})\s+name\s*=)"),
    )


def read_tagged(reading: Reading, grammar: TaggedGrammar) -> Steps[bool]:
    """Read one call, with the section tag before it if there is one; false where it is no call."""
    cursor, mark = reading.cursor, tag_marks(grammar)
    if not (yield from at_tag(reading, mark.call_head)):
        if (yield from cursor.match(mark.section, 64)) is None:
            return False
        yield from cursor.space()
        if (yield from at_tag(reading, mark.section_close)):
            yield from cursor.match(mark.section_close, 64)
            return True
        if not (yield from at_tag(reading, mark.call_head)):
            return False
    return (yield from Element(reading, mark).read())


def at_tag(reading: Reading, pattern: re.Pattern[str]) -> Steps[bool]:
    """Whether `pattern` matches here, without reading it; waits while a tag's head may still come."""
    cursor = reading.cursor
    while True:
        if pattern.match(cursor.text, cursor.pos):
            return True
        if not may_be_tag(cursor.text[cursor.pos : cursor.pos + 64]) or not (yield from cursor.more()):
            return False


def attribute(inside: str, name: str) -> str | None:
    """Return an attribute of a tag, its entities decoded."""
    for match in _ATTRIBUTE.finditer(inside):
        if match.group(1).lower() == name:
            return unescape_entities(match.group(2) or match.group(3) or match.group(4) or "")
    return None


class Element:
    """One call element."""

    def __init__(self, reading: Reading, mark: TagMarks) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._mark = mark
        self._call = Call(reading)
        self._seen: set[str] = set()

    def read(self) -> Steps[bool]:
        """Read the call; false where it is none."""
        match = yield from self._cursor.match(self._mark.call, MAX_TAG)
        inside = match.group(1) if match else ""
        if not self._call.begin(attribute(inside, "name") or ""):
            return False
        if inside.rstrip().endswith("/"):
            self._call.end()
            return True
        try:
            closed = yield from self._body()
        except TooLargeError:
            self._call.repaired("too_large")
            closed = None
        except BadBodyError:
            closed = None
        return (yield from self._end(closed=closed))

    def _end(self, *, closed: bool | None) -> Steps[bool]:
        """`closed`: by its own tag; false: by what follows; none: it can't be read."""
        if self._call.tool is None and not closed:
            return False
        if closed is None:
            yield from self._skip()
        elif not closed:
            self._call.repaired("missing_close")
        self._call.end(complete=closed is not None)
        return True

    def _skip(self) -> Steps[None]:
        """Read over the rest of a call that can't be read."""
        yield from skip(self._cursor, self._mark.call_edge)
        yield from self._cursor.match(self._mark.call_edge, 64)

    def _body(self) -> Steps[bool]:
        if (yield from self._cursor.space()) == "{":
            yield from self._json()
            return (yield from self._after_parameters())
        while (yield from self._parameter()):
            pass
        if not self._call.empty:
            self._call.write("}")
        return (yield from self._after_parameters())

    def _json(self) -> Steps[None]:
        """Read arguments that are one JSON object."""
        tape = self._cursor.record()
        try:
            yield from scan_value(self._reading, tape, self._call)
        except TooLargeError:
            raise
        except BadBodyError:
            mended = yield from mend(self._reading, tape, self._mark.json_edge)
            if isinstance(mended, str) or not self._call.write_value(mended.value):
                raise
            self._call.repaired(*mended.repairs)
        finally:
            self._cursor.stop(tape)

    def _parameter(self) -> Steps[bool]:
        """Read one argument; false where none follows."""
        cursor = self._cursor
        while (yield from cursor.space()) not in ("<", ""):
            self._reading.sink.drop("markup", self._text())
        match = None
        if (yield from at_tag(self._reading, self._mark.parameter_head)):
            match = yield from cursor.match(self._mark.parameter, MAX_TAG)
            if match is None and cursor.starved:
                raise BadBodyError
        if match is None:
            return (yield from self._stray_tag())
        inside = match.group(1)
        key = attribute(inside, "name")
        empty = inside.rstrip().endswith("/")
        if key is None or key in self._seen:
            self._call.repaired("duplicate_key" if key is not None else "stray_text")
            value = Value(self._reading, (self._mark.value_close, self._mark.value_edge))
        else:
            self._seen.add(key)
            value = self._value(key)
        self._call.repaired(*(yield from value.read(empty=empty)))
        return True

    def _value(self, key: str) -> Value:
        root = self._call.tool.parameters if self._call.tool else {}
        properties = root.get("properties")
        schema = properties.get(key, {}) if isinstance(properties, dict) else {}
        value = Value(self._reading, (self._mark.value_close, self._mark.value_edge), self._call, schema, root)
        value.open(key)
        return value

    def _text(self) -> str:
        cursor = self._cursor
        match = _WORD.match(cursor.text, cursor.pos)
        return cursor.take(match.end() - cursor.pos if match else 1)

    def _stray_tag(self) -> Steps[bool]:
        """At a tag that is no argument: true where it was read over because it means nothing here."""
        cursor, mark = self._cursor, self._mark
        for known in (mark.call_edge, mark.section_close, mark.call_head):
            if (yield from at_tag(self._reading, known)):
                return False
        if not cursor.left:
            return False
        self._reading.sink.drop("markup", cursor.take(1))
        return True

    def _after_parameters(self) -> Steps[bool]:
        """Read the closing tag; false where the call ends without it, although the model ended it."""
        cursor = self._cursor
        yield from cursor.space()
        if (yield from cursor.literal(self._mark.call_edge, self._mark.call_prefixes)):
            return True
        if not cursor.left and not self._reading.stopped:
            raise BadBodyError
        return False
