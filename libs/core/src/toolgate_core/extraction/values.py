"""Values of tagged arguments: text up to a closing tag, typed by the tool's schema."""

from __future__ import annotations

import re
from io import StringIO

from toolgate_core.extraction.calls import MAX_ARGUMENTS, Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError, escape
from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.schema import coerce_text

_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_ENTITY_HEAD = re.compile(r"&(?:[a-z]{0,4}|#[xX]?[0-9a-fA-F]{0,7})\Z")
_NAMES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_PLAIN = re.compile(r"[^<&]+")
_LAYOUT = re.compile(r"\n[ \t]*\Z")
_TAG_HEAD = re.compile(r"<(?:!\[?C?D?A?T?A?|/?\s{0,4}[\w.:-]{0,40}\s{0,8}(?:n|na|nam|name)?\s{0,4})\Z")
MAX_GAP = 4096
_CDATA = "<![CDATA["
_NOT_STREAMED = frozenset(("enum", "const", "$ref", "allOf", "anyOf", "oneOf"))


def unescape_entities(text: str) -> str:
    """Return `text` with the five XML entities and numeric ones decoded once."""
    return _ENTITY.sub(_decoded, text) if "&" in text else text


def _decoded(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    valid = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if valid else match.group()


def streams(schema: JsonValue) -> bool:
    """Whether a value of this schema is its text, whatever the text is, so that it need not wait for its end."""
    return isinstance(schema, dict) and schema.get("type") == "string" and not _NOT_STREAMED & schema.keys()


def may_be_tag(text: str) -> bool:
    """Whether `text`, the end of what has come, may be the head of a tag that more text completes."""
    return not text or _TAG_HEAD.match(text) is not None


class Value:
    """Reads one value. Without a call it is read over.

    One line break on each side belongs to the layout where the value begins with one; white space around CDATA
    sections does too. All other white space is the value's.
    """

    def __init__(
        self,
        reading: Reading,
        ends: tuple[re.Pattern[str], re.Pattern[str]],
        call: Call | None = None,
        schema: JsonValue = True,
        root: JsonObject | None = None,
    ) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._close, self._edge = ends
        self._call = call
        self._schema = schema
        self._root = root or {}
        self._streams = streams(schema)
        self._text = StringIO()
        self._gap = ""
        self._begun = False
        self._layout = False
        self._after_cdata = False
        self._overflow = False

    def open(self, key: str) -> None:
        """Write the key."""
        assert self._call is not None  # values that are read over have no key
        lead = "{" if self._call.empty else ","
        self._call.write(lead + encode_str(key) + (':"' if self._streams else ":"))

    def read(self, *, empty: bool) -> Steps[tuple[str, ...]]:
        """Read up to the end of the value; return the tags of mends. Raises `BadBodyError` where it is cut."""
        tags: tuple[str, ...] = ()
        if not empty:
            while (edge := (yield from self._part())) is None:
                pass
            tags = edge
        self._last()
        if self._call is None:
            return tags
        if self._streams:
            self._call.write('"')
            return tags
        value, mended = coerce_text(self._text.getvalue(), self._schema, self._root)
        self._call.write(encode_str(value))
        return (*tags, *mended)

    def _part(self) -> Steps[tuple[str, ...] | None]:
        """Read the next piece; at the end of the value return the tags of how it ended."""
        cursor = self._cursor
        char = yield from cursor.peek()
        if not char:
            raise BadBodyError
        if char == "<":
            return (yield from self._tag())
        if char == "&":
            yield from self._entity()
        else:
            match = _PLAIN.match(cursor.text, cursor.pos)
            assert match is not None  # neither of the two characters is here
            self._put(cursor.take(match.end() - cursor.pos))
        return None

    def _entity(self) -> Steps[None]:
        cursor = self._cursor
        while True:
            if match := _ENTITY.match(cursor.text, cursor.pos):
                cursor.take(match.end() - cursor.pos)
                self._put(_decoded(match), literal=True)
                return
            waits = _ENTITY_HEAD.match(cursor.text[cursor.pos : cursor.pos + 12])
            if not waits or not (yield from cursor.more()):
                self._put(cursor.take(1))
                return

    def _tag(self) -> Steps[tuple[str, ...] | None]:
        cursor = self._cursor
        while True:
            if match := self._close.match(cursor.text, cursor.pos):
                cursor.take(match.end() - cursor.pos)
                return ()
            if cursor.text.startswith(_CDATA, cursor.pos):
                cursor.take(len(_CDATA))
                yield from self._cdata()
                return None
            if self._edge.match(cursor.text, cursor.pos):
                return ("missing_close",)
            rest = cursor.text[cursor.pos : cursor.pos + 64]
            if not may_be_tag(rest):
                self._put(cursor.take(1))
                return None
            if not (yield from cursor.more()):
                if self._reading.stopped and rest.startswith("</p"):
                    cursor.take(cursor.left)
                    return ("missing_close",)
                raise BadBodyError

    def _cdata(self) -> Steps[None]:
        cursor = self._cursor
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
        body = text if literal or self._overflow else text.rstrip(" \t\r\n")
        if not body:
            self._gap += text
            self._bound()
            return
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
            line = re.match(r"\r?\n", self._gap)
            if line:
                self._layout = True
                self._gap = self._gap[line.end() :]
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
        if self._layout:
            self._gap = _LAYOUT.sub("", self._gap).removesuffix("\r")
        self._flush()

    def _out(self, text: str) -> None:
        if self._call is None or not text:
            return
        if self._streams:
            self._call.write(escape(text))
        elif self._text.tell() + len(text) > MAX_ARGUMENTS:
            raise TooLargeError
        else:
            self._text.write(text)
