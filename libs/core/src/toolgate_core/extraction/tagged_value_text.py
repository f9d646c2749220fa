"""The text of one tagged argument: which white space at its edges is layout, and what its escapes stand for.

```
value text = [layout] text [layout]         layout by `TaggedGrammar.trim`:
    none     nothing (Kimi K3, DSML: spaces count)            line    one line break on each side (Qwen3-Coder)
    layout   one line break on each side, if the value begins with one (GLM, function_calls)
    strip    all white space (MiniMax M2: its template strips values)
```
Text comes in pieces and is emitted as soon as it is certain: into the call where the value streams, else into a buffer.
White space waits, because it may turn out to be at the end of the value; at most MAX_GAP characters of it, then it
is text whatever follows. Where a value's own closing tag is missing, the line break before the next tag is layout in
every dialect, since a model that forgets the tag still begins a new line.
"""

from __future__ import annotations

import re
from io import StringIO

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS, CallWriter
from toolgate_core.extraction.json_reader import TooLargeError, escape
from toolgate_core.extraction.tag_patterns import unescape_entities

MAX_GAP = 4096
"""Characters of white space that may wait at the end of what has come; layout is never longer."""
CDATA, CDATA_END = "<![CDATA[", "]]>"
_LAYOUT = re.compile(r"\n[ \t]*\Z")
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


class ValueText:
    """Collects the text of one value; without a call it goes nowhere.

    Attributes:
        streams: the text goes into the call as it comes.
        begun: something other than white space has come.
    """

    def __init__(self, call: CallWriter | None, grammar: TaggedGrammar, *, streams: bool) -> None:
        self._call = call
        self._trim = grammar.trim
        self._entities = grammar.entities
        self.streams = streams
        self.begun = False
        self._held: StringIO | None = None
        self._gap = ""
        self._layout = False
        self._after_cdata = False
        self._overflow = False

    @property
    def text(self) -> str:
        """The text of a value that was held."""
        return self._held.getvalue() if self._held else ""

    def hold(self) -> None:
        """Keep the text instead of writing it into the call."""
        self.streams = False
        self._held = StringIO()

    def put(self, text: str, *, literal: bool = False) -> None:
        """Take the next piece; `literal`: white space in it was written as an entity, and is not layout."""
        tail = text[len(text.rstrip(" \t\r\n")) :]
        # Behind MAX_GAP of white space all further white space is text, until something else comes.
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

    def put_source(self, text: str) -> None:
        """Take a piece whose escapes have not been decoded."""
        at = 0
        for section in _SECTION.finditer(text) if self._entities == "always" else ():
            self.put(unescape_entities(text[at : section.start()]))
            self.cdata()
            self.section(section[1])
            at = section.end()
        rest = text[at:]
        if rest:
            self.put(unescape_entities(rest) if self._entities == "always" else rest)

    def cdata(self) -> None:
        """Begin a CDATA section; white space around such sections is layout."""
        # Before the first and between two sections white space is layout of the writer.
        if not self.begun or self._after_cdata:
            self._gap = ""
        self._flush()
        self.begun = True

    def section(self, text: str, *, ended: bool = True) -> None:
        """Take the next piece of a CDATA section."""
        self._out(text)
        self._after_cdata = ended

    def end(self, *, closed: bool) -> None:
        """End the value: decide whether the white space at its end is layout. `closed`: by its own closing tag."""
        if not closed and self._trim in ("none", "layout"):
            self._gap = _LAYOUT.sub("", self._gap).removesuffix("\r")  # before the next tag a line break is layout
        # A section marks its own ends: white space after it is layout, whatever the grammar trims.
        if self._after_cdata:
            return
        self._begin()
        if self._trim == "strip":
            self._gap = ""
        elif self._trim == "line" and not self._overflow:
            self._gap = self._gap.removesuffix("\n").removesuffix("\r")
        elif self._layout:
            self._gap = _LAYOUT.sub("", self._gap).removesuffix("\r")
        self._flush()

    def _bound(self) -> None:
        if len(self._gap) > MAX_GAP:
            self._begin()
            self._layout = False
            self._overflow = True
            self._flush()

    def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            if self._trim == "strip":
                self._gap = self._gap.lstrip()
            elif self._trim != "none":
                # Whether a line break precedes the value decides whether its last line break is layout.
                line = re.match(r"\r?\n", self._gap)
                self._layout = line is not None
                self._gap = self._gap[line.end() :] if line else self._gap
        self._after_cdata = False

    def _flush(self) -> None:
        if self._gap:
            self._out(self._gap)
            self._gap = ""

    def _out(self, text: str) -> None:
        # A value that is only read over.
        if self._call is None or not text:
            return
        if self.streams:
            self._call.write(escape(text))
            return
        assert self._held is not None  # what does not stream is held
        if self._held.tell() + len(text) > MAX_ARGUMENTS:
            raise TooLargeError
        self._held.write(text)
