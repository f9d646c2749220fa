"""Frame: one element per call, one element per argument (Qwen3-Coder, GLM, MiniMax M2, DSML, function_calls …).

```
block = [section] call {call} [section-close]            (the section tags are markup, read between the calls)
call  = call-open ({parameter-open V parameter-close} | JSON object | YAML mapping) call-close  |  call-open with "/"
```
A value ends at its closing tag, or where the next structural tag shows that the closing tag is missing. Values get
their type from the tool's schema; those of plain strings stream, all others wait for their end (`tagged_values`).

The opener is ordinary text in most of these dialects: `<invoke name="f">` may be in an explanation. So a block is
tentative until something that only a call has follows the opening tag: an argument, an object, a closing tag.

What may wait: tags of at most MAX_TAG characters, and what `tagged_values` keeps in doubt. Bounds: MAX_SECTIONS openers
in a row; arguments as in `tagged_arguments`.
"""

from __future__ import annotations

from enum import Enum

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
"""Section tags in a row; models repeat the tag when they begin again."""
_WORD = regex.compile(r"[^<\s]+")


def read_tagged(reader: BlockReader, grammar: TaggedGrammar) -> Steps[bool]:
    """Read one call, with the section tag before it if there is one; false where it is not a call."""
    cursor, patterns = reader.cursor, tag_patterns(grammar)
    match = yield from cursor.read_match(patterns.call, window=MAX_TAG)
    if match is None:
        if (yield from cursor.read_match(patterns.section, window=256)) is None:
            return False
        yield from cursor.skip_space()
        # Models open the section again before they call; each opener is markup.
        for _ in range(MAX_SECTIONS):
            if (yield from cursor.read_match(patterns.section, window=256)) is None:
                break
            yield from cursor.skip_space()
        # A section without a call is markup, and no call.
        if (yield from cursor.read_match(patterns.section_close, window=64)):
            return True
        match = yield from cursor.read_match(patterns.call, window=MAX_TAG)
        if match is None:
            return False
    found = match.groupdict()
    inside = found.get("inside") or ""
    name = found.get("name") or attribute(inside, grammar.name_attribute) or ""
    # Every tag opens a call in these dialects, so only the exact name of a tool may.
    if grammar.declared_only and reader.toolset.get(name) is None:
        return False
    call = CallWriter(reader)
    reader.tentative = True  # a name in a tag may be prose about calls
    if not call.begin(name):
        return False
    return (yield from TaggedCall(reader, grammar, call).read(empty=inside.rstrip().endswith("/")))


class CallEnding(Enum):
    """How a call element ended: by its own tag, by what follows it, or in text that can't be read."""

    CLOSED = "closed"
    UNCLOSED = "unclosed"
    UNREADABLE = "unreadable"


class TaggedCall:
    """Reads one call after its opening tag."""

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
        """Read the call; false if it is not one."""
        # `<invoke name="ping"/>`: the call of a tool without arguments.
        if empty:
            self._call.end()
            return True
        if not (yield from self._looks_like_a_call()):
            return False
        try:
            ending = yield from self._body()
        except TooLargeError:
            self._call.add_repairs("too_large")
            ending = CallEnding.UNREADABLE
        except MalformedBlockError:
            ending = CallEnding.UNREADABLE
        return (yield from self._end(ending))

    def _looks_like_a_call(self) -> Steps[bool]:
        """Whether a call goes on as calls do, so that prose is not held for long."""
        cursor, patterns = self._cursor, self._patterns
        tape = cursor.record()
        char = yield from cursor.skip_space()
        cursor.stop(tape)
        # YAML needs the indentation of its first line, which has been read as white space.
        _, line, self._indent = tape.getvalue().rpartition("\n")
        if char == "{" or (yield from cursor.peek_match(patterns.expected, window=MAX_TAG)) is not None:
            return True
        if self._grammar.yaml and line and char not in ("", "<"):
            return True
        # A word after a tag is a name only if a tool has it, or arguments follow.
        if self._call.tool is None and self._grammar.bare_name:
            return False
        for known in (patterns.call_close, patterns.section_close, patterns.call, patterns.section):
            if (yield from cursor.peek_match(known, window=MAX_TAG)) is not None:
                return not self._grammar.declared_only or known is patterns.call_close
        # The text ends after the name: cut, it may have been a call; stopped, the name alone is text.
        return cursor.starved and (not self._grammar.declared_only or self._truncated)

    @property
    def _truncated(self) -> bool:
        return self._cursor.end in ("length", "cut")

    def _end(self, ending: CallEnding) -> Steps[bool]:
        """End the call; false where the block may as well be text."""
        unreadable = ending is CallEnding.UNREADABLE
        # A name that no tool has, in an element that does not close, is prose about calls.
        if self._call.tool is None and ending is not CallEnding.CLOSED:
            return False
        if unreadable and self._reader.tentative and not self._truncated:
            return False
        if unreadable:
            yield from skip_to_edge(self._cursor, self._patterns.call_close)
            yield from self._cursor.read_match(self._patterns.call_close)
        elif ending is CallEnding.UNCLOSED:
            self._call.add_repairs("missing_close")
        if self._arguments.lost:
            self._call.add_repairs("lost_text")
        self._call.end(complete=not unreadable and not self._arguments.lost)
        return True

    def _body(self) -> Steps[CallEnding]:
        char = yield from self._cursor.skip_space()
        if char == "{":
            # An object after the tag, as in no sentence about calls: from here on the call streams.
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
            # The same JSON as in an envelope, with the same faults.
            repaired = yield from repair_block(self._reader, tape, self._patterns.json_edge)
            if isinstance(repaired, str) or not self._call.write_value(repaired.value):
                raise
            self._call.add_repairs(*repaired.repairs)
        finally:
            self._cursor.stop(tape)

    def _member(self) -> Steps[bool]:
        """Read one argument, or what is between arguments; false where the call ends."""
        cursor = self._cursor
        if (yield from self._arguments.read()):
            return True
        char = yield from cursor.skip_space()
        for known in (
            self._patterns.call_close,
            self._patterns.section_close,
            self._patterns.call,
            self._patterns.section,
        ):
            if (yield from cursor.peek_match(known, window=MAX_TAG)) is not None:
                return False
        if not char or (self._reader.cursor.end is not None and self._tag_is_cut()):
            return False
        # What belongs to no argument is read over in one piece, so that the arguments after it are not lost.
        match = yield from cursor.peek_match(self._patterns.stray, window=MAX_TAG)
        if match is None:
            self._arguments.lost = True
            match = _WORD.match(cursor.text, cursor.pos)
        self._reader.sink.drop("markup", cursor.take(match.end() - cursor.pos if match else 1))
        return True

    def _tag_is_cut(self) -> bool:
        """Whether the end of the text has cut a closing tag here."""
        cursor = self._cursor
        cut = (
            cursor.remaining > 1
            and self._patterns.call_close.fullmatch(cursor.text, cursor.pos, partial=True) is not None
        )
        return cut or self._patterns.parameter.fullmatch(cursor.text, cursor.pos, partial=True) is not None

    def _after_body(self) -> Steps[CallEnding]:
        """Read the closing tag, which may be missing where the model ended the text or wrote something else."""
        cursor = self._cursor
        yield from cursor.skip_space()
        if (yield from cursor.read_closer(self._patterns.call_close)):
            return CallEnding.CLOSED
        if cursor.end is None or (cursor.remaining and not cursor.starved):
            return CallEnding.UNCLOSED
        if not self._reader.stopped or (
            cursor.remaining and self._patterns.parameter.fullmatch(cursor.text, cursor.pos, partial=True)
        ):
            raise MalformedBlockError
        return CallEnding.UNCLOSED
