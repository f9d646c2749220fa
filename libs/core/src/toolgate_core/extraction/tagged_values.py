"""Values of tagged arguments: text up to a closing tag, typed by the schema of the tool.

```
value = { text | entity | CDATA section | inner element } closing tag
```
The dialects do not escape values, so `</parameter>` or a whole call may be part of one: models write files that hold
such markup. Where a value ends is decided by these rules; each of them was once a wrong call.

1. A closing tag counts where structure follows it (the next argument, the end of the call or of the section, the end of
   the text) and no element of the same kind is open inside the value. Closing tags without an opener between it and
   the structure are strays.
2. The tag of a sibling, or of another call at the start of a line, shows that the closing tag is missing, unless the
   value goes on: an inner element that is closed, and then the value's own closing tag, are text; so is an inner tag
   whose argument comes once more after the value.
3. The end of the call ends the value.

What can't be decided yet is *in doubt* (`tagged_doubt`): the text is kept on a tape from the doubtful place on, and
either becomes part of the value or is unread, so that it is read again as what it was. `BlockReader.rereads_left`
bounds how often that happens in one text; beyond it a doubtful place is an end, which keeps reading linear in the text.
"""

from __future__ import annotations

import re
from typing import Literal as OneOf

import regex

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS, CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError
from toolgate_core.extraction.tag_patterns import (
    ENTITY,
    MAX_TAG,
    TagPatterns,
    ValueEnds,
    argument_key,
    decoded,
    without_escapes,
)
from toolgate_core.extraction.tagged_doubt import Doubt, Siblings
from toolgate_core.extraction.tagged_value_text import CDATA, CDATA_END, ValueText
from toolgate_core.jsontext import JsonValue

_ENTITY_HEAD = re.compile(r"&(?:[a-z]{0,4}|#[xX]?[0-9a-fA-F]{0,7})\Z")
_PLAIN = re.compile(r"[^<&\]]+")
_SPACE = regex.compile(r"\s*")
_CDATA_HEADS = frozenset(CDATA[:size] for size in range(1, len(CDATA)))
_NOT_STREAMED = frozenset(("enum", "const", "$ref", "allOf", "anyOf", "oneOf"))

# How a value ended, as the tags of repairs that the call gets. None in its place: the value goes on.
CLOSED: tuple[str, ...] = ()
UNCLOSED: tuple[str, ...] = ("missing_close",)


def streams(schema: JsonValue) -> bool:
    """Whether a value of this schema is its text, whatever the text is, so that it need not wait for its end.

    An `enum` or a union may still turn the text into another value, and white space around it perhaps does not count.
    """
    return isinstance(schema, dict) and schema.get("type") == "string" and not _NOT_STREAMED & schema.keys()


class TaggedValue:
    """Reads one value. Without a call it is read over; `tag`: the name of the tag where it is named after the argument.

    White space at the edges that is layout (see `TaggedGrammar.trim`) is left out; white space around CDATA sections is
    layout too.
    """

    def __init__(
        self,
        reader: BlockReader,
        grammar: TaggedGrammar,
        patterns: TagPatterns,
        *,
        tag: str | None,
        call: CallWriter | None,
        schema: JsonValue,
        siblings: Siblings,
        raw: bool,
    ) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._patterns = patterns
        self._ends: ValueEnds = patterns.value if tag is None else patterns.property
        self._own = None if tag is None else tag.casefold()
        self._siblings = siblings
        # Entities may be decoded only when the whole value is known to hold no markup.
        flows = call is not None and (raw or streams(schema)) and grammar.entities != "unless_markup"
        self._text = ValueText(call, grammar, streams=flows)
        self._raw = raw
        self._line_start = True
        self._open = 0
        self._calls = 0
        self._cdata_seen = False
        self._doubt: Doubt | None = None

    @property
    def streams(self) -> bool:
        """Whether the text goes into the call as it comes."""
        return self._text.streams

    @property
    def text(self) -> str:
        """The text of a value that was held."""
        text = self._text.text
        return without_escapes(text) if self._grammar.entities == "unless_markup" and not self._cdata_seen else text

    def hold(self) -> None:
        """Keep the text instead of writing it into the call."""
        self._text.hold()

    def read(self, *, empty: bool) -> Steps[tuple[str, ...]]:
        """Read up to the end of the value; return the tags of repairs. Raises `MalformedBlockError` where it is cut."""
        tags = CLOSED
        try:
            while not empty and (edge := (yield from self._part())) is None:
                pass
            tags = CLOSED if empty else edge or CLOSED
        finally:
            if self._doubt is not None:
                self._cursor.stop(self._doubt.tape)
        self._text.end(closed=tags is CLOSED)
        return tags

    def _part(self) -> Steps[tuple[str, ...] | None]:
        """Read the next piece; at the end of the value return the tags of how it ended."""
        cursor = self._cursor
        char = yield from cursor.peek()
        if not char:
            # A value that was cut is not a value; one that its model ended may have ended at the doubtful place.
            if self._doubt is None or not self._reader.stopped:
                raise MalformedBlockError
            return self._end_in_doubt()
        if char in "<]":
            return (yield from self._at_tag())
        # Entities are decoded as they come, except on a tape: what is put back must be as it was.
        if char == "&" and self._grammar.entities == "always" and self._doubt is None:
            yield from self._entity()
            return None
        match = _PLAIN.match(cursor.text, cursor.pos)
        self._put(cursor.take(match.end() - cursor.pos if match else 1))
        return None

    def _entity(self) -> Steps[None]:
        cursor = self._cursor
        while True:
            if match := ENTITY.match(cursor.text, cursor.pos):
                cursor.take(match.end() - cursor.pos)
                self._put(decoded(match), literal=True)
                return
            waits = _ENTITY_HEAD.match(cursor.text[cursor.pos : cursor.pos + 12])
            if not waits or not (yield from cursor.wait()):
                self._put(cursor.take(1))
                return

    def _at_tag(self) -> Steps[tuple[str, ...] | None]:
        """Read what is at a `<` or `]`: the end of the value, a CDATA section, or text."""
        match = yield from self._cursor.peek_match(self._ends.close, window=MAX_TAG)
        if match is not None and self._is_own(match):
            return (yield from self._at_closer())
        if (yield from self._at_cdata()):
            yield from self._cdata()
            return None
        if (yield from self._call_ends()):
            return self._end_by_call()
        if (yield from self._at_opener()):
            if self._reader.rereads_left:
                self._put(self._cursor.take(1))
                return None
            self._settle_doubt(text=True)
            return UNCLOSED
        # A closing tag of the call without anything after it that confirms it, as in a value about markup.
        yield from self._doubtful_end()
        if self._closer_is_cut():
            self._cursor.take(self._cursor.remaining)
            return UNCLOSED
        self._put(self._cursor.take(1))
        return None

    def _is_own(self, match: regex.Match[str]) -> bool:
        """Whether a tag is of the kind that the value is in."""
        return self._own is None or match["own"].casefold() == self._own

    def _at_closer(self) -> Steps[tuple[str, ...] | None]:
        """Read a closing tag: the value's own, that of an inner element, or text."""
        cursor, ends = self._cursor, self._ends
        # With an inner element open, strays are not skipped: they may be its closing tags.
        match = yield from cursor.peek_match(ends.confirmed if self._open else ends.strayed, window=MAX_TAG)
        if match is None and self._reader.stopped:
            match = (ends.last if self._open else ends.strayed_last).match(cursor.text, cursor.pos)
        if match is None:
            if not self._open:
                self._begin_doubt("closer")
        elif not self._open:
            return self._end_here(match)
        elif (ended := self._confirmed_inside(match)) is not None:
            return ended
        # This tag closed an inner element, or nothing.
        self._open = max(0, self._open - 1)
        self._put(cursor.take(1))
        return None

    def _confirmed_inside(self, match: regex.Match[str]) -> tuple[str, ...] | None:
        """Return how the value ends at a closing tag with structure after it, while an inner element is open.

        None where that is not known yet.
        """
        key = self._argument_behind(match)
        # The closing tags of a call that is shown inside the value count down first.
        if key is None and self._calls:
            return None  # a call inside the value ends
        if self._doubt is not None and self._doubt.kind == "end":
            self._settle_doubt(text=True)
        doubt = self._doubt
        if key is None:
            return self._end_here(match) if doubt is None else self._end_in_doubt()
        if doubt is not None and key in doubt.keys:  # the inner tag was text: its argument comes now
            return self._end_here(match) if doubt.confirmed < 0 else self._end_in_doubt(doubt.confirmed)
        if doubt is None:
            if not self._reader.rereads_left:
                return self._end_here(match)
            self._begin_doubt("closer")
        # The first confirmed closer is remembered: if the inner tag turns out to be text, the value ends there.
        elif doubt.confirmed < 0:
            doubt.confirmed = doubt.tape.tell()
        return None

    def _argument_behind(self, match: regex.Match[str]) -> str | None:
        """Return the name of the argument that begins after a closing tag; none where something else does."""
        text = self._cursor.text
        space = _SPACE.match(text, match.end())
        assert space is not None  # the pattern matches the empty string
        found = self._patterns.parameter.match(text, space.end())
        return None if found is None else argument_key(found, self._grammar) or ""

    def _call_ends(self) -> Steps[bool]:
        """Whether the call ends here, so that the value's own closing tag is missing."""
        cursor, ends = self._cursor, self._patterns.ends
        if self._calls and (yield from cursor.peek_match(self._patterns.call_close, window=MAX_TAG)) is not None:
            self._calls -= 1  # that of a call inside the value, or of one that begins there
            return False
        if (yield from cursor.peek_match(ends.confirmed, window=MAX_TAG)):
            return True
        return self._reader.stopped and ends.last.match(cursor.text, cursor.pos) is not None

    def _at_opener(self) -> Steps[bool]:
        """Count the opening tag of an element inside the value; return whether it may belong after the value."""
        cursor, patterns = self._cursor, self._patterns
        if self._ends.open is not None:
            match = yield from cursor.peek_match(self._ends.open, window=MAX_TAG)
            if match is not None and self._is_own(match):
                self._open += 1
                return False
        match = yield from cursor.peek_match(patterns.between, window=MAX_TAG)
        if match is not None:
            # An element of the value's own kind: its closer must be counted, unless it closes itself.
            self._open += self._own is None and not match[0].endswith("/>")
            return self._sibling(argument_key(match, self._grammar) or "")
        if self._grammar.declared_only:
            return False
        if not self._line_start or (yield from cursor.peek_match(patterns.call, window=MAX_TAG)) is None:
            return False
        self._calls += 1
        self._begin_doubt("opener")
        return True

    def _sibling(self, key: str) -> bool:
        """Whether the argument `key` may be the one after the value; if so, its end here is in doubt."""
        if not self._siblings.may_follow(key, line_start=self._line_start):
            return False
        if self._doubt is not None and self._doubt.kind == "end":
            self._settle_doubt(text=True)
        self._begin_doubt("opener")
        # Only of an argument that can't repeat does a second tag prove that the first one was text.
        if self._doubt is not None and key not in self._siblings.repeated:
            self._doubt.keys.add(key)
        return True

    def _doubtful_end(self) -> Steps[None]:
        """Begin a doubt at a closing tag of the call that nothing after it confirms."""
        if self._doubt is None and (yield from self._cursor.peek_match(self._patterns.ends.close, window=MAX_TAG)):
            self._begin_doubt("end")

    def _begin_doubt(self, kind: OneOf["closer", "opener", "end"]) -> None:
        """Remember that the value may have ended here, unless an earlier place is in doubt already."""
        if self._doubt is None and self._reader.rereads_left:
            self._doubt = Doubt(kind, self._cursor.record())

    def _settle_doubt(self, *, text: bool) -> None:
        """End the doubt: what was kept back is `text` of the value, or is put back to be read again."""
        if self._doubt is None:
            return
        kept, self._doubt = self._doubt.tape, None
        self._cursor.stop(kept)
        if text:
            self._text.put_source(kept.getvalue())
        else:
            self._reader.rereads_left -= 1
            self._cursor.put_back(kept.getvalue())

    def _end_here(self, match: regex.Match[str]) -> tuple[str, ...]:
        """End the value at its own closing tag; what was in doubt before it was text."""
        self._settle_doubt(text=True)
        self._cursor.take(match.end() - self._cursor.pos)
        return CLOSED

    def _end_by_call(self) -> tuple[str, ...]:
        """End the value with the call; where a place was in doubt, the value ended there."""
        if self._doubt is not None and self._doubt.kind != "end":
            return self._end_in_doubt()
        self._settle_doubt(text=True)
        return UNCLOSED

    def _end_in_doubt(self, at: int = 0) -> tuple[str, ...]:
        """End the value at index `at` of what was kept back; put back what was read after it."""
        assert self._doubt is not None  # the callers have checked it
        kept, kind = self._doubt.tape.getvalue(), self._doubt.kind
        self._settle_doubt(text=False)
        self._text.put_source(self._cursor.take(at))
        # At the doubtful place of a closer, the closer itself is read again as what it is: the value's end.
        close = self._ends.close.match(kept, at) if at or kind == "closer" else None
        if close is None:
            return UNCLOSED
        self._cursor.take(close.end() - at)
        return CLOSED

    def _closer_is_cut(self) -> bool:
        """Whether the end of the text has cut the closing tag, after the model itself had stopped."""
        cursor = self._cursor
        if not self._reader.stopped or cursor.remaining < 3 or self._doubt is not None:
            return False
        return self._ends.close.fullmatch(cursor.text, cursor.pos, partial=True) is not None

    def _at_cdata(self) -> Steps[bool]:
        """Whether a CDATA section begins here that is markup. One at the start of a value is hardly ever text."""
        cursor = self._cursor
        if self._doubt is not None or (self._grammar.entities != "always" and (self._text.begun or self._raw)):
            return False
        while cursor.text[cursor.pos : cursor.pos + len(CDATA)] in _CDATA_HEADS:
            if not (yield from cursor.wait()):
                return False
        return cursor.text.startswith(CDATA, cursor.pos)

    def _cdata(self) -> Steps[None]:
        cursor = self._cursor
        cursor.take(len(CDATA))
        self._cdata_seen = True
        self._text.cdata()
        while True:
            stop = cursor.text.find(CDATA_END, cursor.pos)
            if stop >= 0:
                self._text.section(cursor.take(stop - cursor.pos))
                cursor.take(len(CDATA_END))
                return
            # Only the end of the section can be cut by the piece.
            keep = 2 if cursor.text.endswith("]]", cursor.pos) else 1 if cursor.text.endswith("]", cursor.pos) else 0
            self._text.section(cursor.take(cursor.remaining - keep), ended=False)
            if not (yield from cursor.wait()):
                raise MalformedBlockError

    def _put(self, text: str, *, literal: bool = False) -> None:
        """Add text to the value, or to what is kept back."""
        # Tags of other calls count at the start of a line only, so the line must be followed.
        tail = text[len(text.rstrip(" \t\r\n")) :]
        self._line_start = "\n" in tail or (self._line_start and tail == text)
        if self._doubt is None:
            self._text.put(text, literal=literal)
        elif self._doubt.tape.tell() > MAX_ARGUMENTS:
            raise TooLargeError
