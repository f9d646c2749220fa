"""Values of tagged arguments: text up to a closing tag, typed by the tool's schema."""

from __future__ import annotations

import re
from io import StringIO

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.calls import MAX_ARGUMENTS, Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError, escape
from toolgate_core.extraction.tags import ENTITY, MAX_TAG, TagMarks, ValueEnds, attribute, decoded
from toolgate_core.jsontext import JsonObject, JsonValue

MAX_GAP = 4096
_ENTITY_HEAD = re.compile(r"&(?:[a-z]{0,4}|#[xX]?[0-9a-fA-F]{0,7})\Z")
_PLAIN = re.compile(r"[^<&\]]+")
_LAYOUT = re.compile(r"\n[ \t]*\Z")
_CDATA = "<![CDATA["
_CDATA_HEADS = frozenset(_CDATA[:size] for size in range(1, len(_CDATA)))
_NOT_STREAMED = frozenset(("enum", "const", "$ref", "allOf", "anyOf", "oneOf"))


def streams(schema: JsonValue) -> bool:
    """Whether a value of this schema is its text, whatever the text is, so that it need not wait for its end."""
    return isinstance(schema, dict) and schema.get("type") == "string" and not _NOT_STREAMED & schema.keys()


class Value:
    """Reads one value. Without a call it is read over.

    White space at the edges that is layout (see `TaggedGrammar.trim`) is left out; white space around CDATA sections is
    layout too. A closing tag that nothing confirms, or an end of the call that may be text, is *in doubt*: what follows
    is kept back until a closing tag that counts shows that it was text, or the end of the text shows that it was not.
    """

    def __init__(
        self,
        reading: Reading,
        grammar: TaggedGrammar,
        mark: TagMarks,
        *,
        ends: ValueEnds,
        call: Call | None,
        schema: JsonValue,
        declared: JsonObject,
        seen: set[str],
        raw: bool,
    ) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        self._mark = mark
        self._ends = ends
        self._call = call
        self._declared = declared
        self._seen = seen
        self.streams = call is not None and (raw or streams(schema))
        self._held: StringIO | None = None
        self._gap = ""
        self._begun = False
        self._layout = False
        self._after_cdata = False
        self._overflow = False
        self._line_start = True
        self._doubt: StringIO | None = None
        self._doubt_tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of a value that was held."""
        return self._held.getvalue() if self._held else ""

    def hold(self) -> None:
        """Keep the text instead of writing it into the call."""
        self.streams = False
        self._held = StringIO()

    def read(self, *, empty: bool) -> Steps[tuple[str, ...]]:
        """Read up to the end of the value; return the tags of mends. Raises `BadBodyError` where it is cut."""
        tags: tuple[str, ...] = ()
        try:
            while not empty and (edge := (yield from self._part())) is None:
                pass
            tags = () if empty else edge or ()
        finally:
            if self._doubt is not None:
                self._cursor.stop(self._doubt)
        if "missing_close" in tags and self._grammar.trim in ("none", "layout"):
            self._gap = _LAYOUT.sub("", self._gap).removesuffix("\r")  # before the next tag a line break is layout
        self._last()
        return tags

    def _part(self) -> Steps[tuple[str, ...] | None]:
        """Read the next piece; at the end of the value return the tags of how it ended."""
        cursor = self._cursor
        char = yield from cursor.peek()
        if not char:
            return self._settled_at_the_end()
        if char in "<]":
            return (yield from self._tag())
        if char == "&" and self._grammar.entities:
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
            if not waits or not (yield from cursor.more()):
                self._put(cursor.take(1))
                return

    def _tag(self) -> Steps[tuple[str, ...] | None]:
        """At what may be a tag: the end of the value, a CDATA section, or text."""
        cursor, grammar = self._cursor, self._grammar
        closing = self._ends.close if not grammar.confirm else self._ends.confirmed
        match = yield from cursor.comes(closing, window=MAX_TAG)
        if match is None and self._reading.stopped:
            match = self._ends.last.match(cursor.text, cursor.pos)
        if match is not None:
            self._settle(text=True)
            cursor.take(match.end() - cursor.pos)
            return ()
        if grammar.entities and (yield from self._at_cdata()):
            yield from self._cdata()
            return None
        if (yield from self._structure()):
            if self._doubt is not None and not self._doubt_tags:
                return self._ended_in_doubt()  # no other closing tag has come: that one was the value's
            self._settle(text=True)
            return ("missing_close",)
        if (yield from self._in_doubt()):
            return None
        if self._cut_close():
            cursor.take(cursor.left)
            return ("missing_close",)
        self._put(cursor.take(1))
        return None

    def _structure(self) -> Steps[bool]:
        """Whether the next tag shows that the value's own closing tag is missing."""
        cursor, mark, sure = self._cursor, self._mark, not self._grammar.confirm
        match = yield from cursor.comes(mark.between, window=MAX_TAG)
        if match is not None:
            found = match.groupdict()
            key = found.get("key") or found.get("property")
            if found.get("property") is not None:
                return key in self._declared and key not in self._seen
            if key is None:
                key = attribute(found.get("inside") or "", self._grammar.key_attribute)
            known = (key or "").strip() in self._declared if self._declared else self._line_start
            if sure or known:
                return True
        if (yield from cursor.comes(mark.ends.close if sure else mark.ends.confirmed, window=MAX_TAG)):
            return True
        if self._reading.stopped and mark.ends.last.match(cursor.text, cursor.pos):
            return True
        if self._grammar.declared:
            return False
        match = yield from cursor.comes(mark.call, window=MAX_TAG)
        return match is not None and (sure or self._line_start)

    def _in_doubt(self) -> Steps[bool]:
        """Keep back what follows if a tag here would end the value but for what stands behind it; whether it does."""
        cursor = self._cursor
        if self._doubt is not None or not self._grammar.confirm or not self._reading.patience:
            return False
        for pattern, tags in ((self._ends.close, ()), (self._mark.ends.close, ("missing_close",))):
            if (yield from cursor.comes(pattern, window=MAX_TAG)):
                self._doubt, self._doubt_tags = cursor.record(), tags
                cursor.take(1)
                return True
        return False

    def _settle(self, *, text: bool) -> None:
        """What was kept back is `text` of the value, or is unread."""
        if self._doubt is None:
            return
        kept, self._doubt = self._doubt, None
        self._cursor.stop(kept)
        if text:
            self._put(kept.getvalue())
        else:
            self._reading.patience -= 1
            self._cursor.unread(kept.getvalue())

    def _settled_at_the_end(self) -> tuple[str, ...]:
        """The text has ended inside the value: it ended where it was in doubt, or it is cut."""
        if self._doubt is None or not self._reading.stopped:
            raise BadBodyError
        return self._ended_in_doubt()

    def _ended_in_doubt(self) -> tuple[str, ...]:
        """The value ended where that was in doubt: what has been read since is unread."""
        assert self._doubt is not None  # whoever asks has seen it
        tags = self._doubt_tags
        close = not tags and self._ends.close.match(self._doubt.getvalue())
        self._settle(text=False)
        if close:
            self._cursor.take(close.end())
        return tags

    def _cut_close(self) -> bool:
        """Whether the end of the text has cut the closing tag, after the model itself had stopped."""
        cursor = self._cursor
        if not self._reading.stopped or cursor.left < 3 or self._doubt is not None:
            return False
        return self._ends.close.fullmatch(cursor.text, cursor.pos, partial=True) is not None

    def _at_cdata(self) -> Steps[bool]:
        cursor = self._cursor
        while cursor.text[cursor.pos : cursor.pos + len(_CDATA)] in _CDATA_HEADS:
            if not (yield from cursor.more()):
                return False
        return cursor.text.startswith(_CDATA, cursor.pos)

    def _cdata(self) -> Steps[None]:
        cursor = self._cursor
        cursor.take(len(_CDATA))
        if not self._begun or self._after_cdata:
            self._gap = ""
        self._flush()
        self._begun = True
        while True:
            stop = cursor.text.find("]]>", cursor.pos)
            if stop >= 0:
                self._out(cursor.take(stop - cursor.pos))
                cursor.take(3)
                self._after_cdata = True
                return
            keep = 2 if cursor.text.endswith("]]", cursor.pos) else 1 if cursor.text.endswith("]", cursor.pos) else 0
            self._out(cursor.take(cursor.left - keep))
            if not (yield from cursor.more()):
                raise BadBodyError

    def _put(self, text: str, *, literal: bool = False) -> None:
        """Text of the value; white space at its edges waits, because it may belong to the layout."""
        tail = text[len(text.rstrip(" \t\r\n")) :]
        self._line_start = "\n" in tail or (self._line_start and tail == text)
        if self._doubt is not None:
            if self._doubt.tell() > MAX_ARGUMENTS:
                raise TooLargeError
            return
        self._overflow = self._overflow and tail == text
        body = text if literal or self._overflow else text.rstrip(" \t\r\n")
        if not body:
            self._gap += text
            self._bound()
        else:
            self._gap += text[: len(body)]
            self._begin()
            self._flush()
            self._gap = text[len(body) :]
            self._bound()

    def _bound(self) -> None:
        if len(self._gap) > MAX_GAP:
            self._begin()
            self._layout = False
            self._overflow = True
            self._flush()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            if self._grammar.trim == "strip":
                self._gap = self._gap.lstrip()
            elif self._grammar.trim != "none":
                line = re.match(r"\r?\n", self._gap)
                self._layout = line is not None
                self._gap = self._gap[line.end() :] if line else self._gap
        self._after_cdata = False

    def _flush(self) -> None:
        if self._gap:
            self._out(self._gap)
            self._gap = ""

    def _last(self) -> None:
        """What waited at the end of the value is layout, or part of it."""
        if self._after_cdata:
            return
        self._begin()
        trim = self._grammar.trim
        if trim == "strip":
            self._gap = ""
        elif trim == "line" and not self._overflow:
            self._gap = self._gap.removesuffix("\n").removesuffix("\r")
        elif self._layout:
            self._gap = _LAYOUT.sub("", self._gap).removesuffix("\r")
        self._flush()

    def _out(self, text: str) -> None:
        if self._call is None or not text:
            return
        if self.streams:
            self._call.write(escape(text))
            return
        assert self._held is not None  # what does not stream is held
        if self._held.tell() + len(text) > MAX_ARGUMENTS:
            raise TooLargeError
        self._held.write(text)
