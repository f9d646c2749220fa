"""The extraction engine: a model's text in, events out. Sans-IO, append-only, linear in the text.

`Extraction` walks ordinary text with a `Scan`; at a live marker the frames of the grammars that may begin there are
tried in order, and the first that recognises its own reads the block. A block is *tentative* until its name is complete
and declared: what it says is held, and if it turns out to be no call its text is released and scanned on behind the
marker. A call to a name that nobody declared goes out only once its block is complete, so that prose about tool calling
stays prose and an invented name can still be reported. Calls inside reasoning are parked: if a call comes outside of it
they were drafts; if none comes they are the calls.
"""

from __future__ import annotations

import re
from typing import Literal as OneOf

from toolgate_core.dialects.base import AnyGrammar, MessageGrammar
from toolgate_core.dialects.table import TEXT_ONLY, active_grammars, find_dialect
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.extraction.frames.message import MessageStart
from toolgate_core.extraction.frames.table import read_block
from toolgate_core.extraction.marker_index import Marker, answer, lead
from toolgate_core.extraction.notes import NotedSink, Notes, WatchedScan
from toolgate_core.extraction.scanner import Scan
from toolgate_core.extraction.sink import EventSink
from toolgate_core.schema import Toolset
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd

MAX_RESCAN = 4096
MAX_RESCANS = 16
MAX_AROUND = 512
"""Characters of a tag around a call, and of what a call begins with."""
MAX_TAGS_AROUND = 4
"""Tags around a call, each inside the one before."""
START = ScannerState()

Mode = OneOf["content", "think", "reasoning", "skip", "after"]

_HALVES = re.compile("[\ud800-\udfff]")


class Extraction:
    """Turns one choice's text into events.

    `feed` takes text in pieces of any size and `finish` says how the text ended; the events do not depend on the
    pieces. No text makes it raise. An unknown dialect in the plan is a `ValueError`. `notes` gets what was decided
    where, for people who want to know why.
    """

    def __init__(
        self, plan: Plan, toolset: Toolset, state: ScannerState = START, *, notes: Notes | None = None
    ) -> None:
        name = {"decision": "decision", "native": plan.dialect or "auto"}.get(plan.form, plan.dialect)
        dialect = find_dialect(name)
        if dialect is None:
            raise ValueError(f"unknown dialect: {name}")
        self._cursor = Cursor()
        looked = active_grammars(dialect.name) if plan.form != "text" else TEXT_ONLY
        if notes is None:
            self._sink, self._scan = EventSink(started=state.started), Scan(looked, state)
        else:
            self._sink = NotedSink(notes, self._cursor, started=state.started)
            self._scan = WatchedScan(looked, state, notes, self._cursor)
        self._reader = BlockReader(self._cursor, self._sink, toolset, plan.names)
        self._notes = notes
        self._mode: Mode = "content"
        self._decides = dialect.name == "decision"
        self._last: AnyGrammar | None = None
        self._rescans = MAX_RESCANS
        self._half = ""
        self._refused = ""
        if plan.reasoning_open:
            self._turn("think")
        self._steps = self._read()
        self._idle = True
        self._done = False

    def feed(self, text: str) -> list[Event]:
        """Take the next piece of text; return what is certain now."""
        if not text:
            return []
        if not text.isascii():
            text = self._whole(text)
        elif self._half:
            text, self._half = "\ufffd" + text, ""
        if self._idle and not self._cursor.left and self._scan.plain(text):
            self._cursor.skip(len(text))
            self._say(text)
        else:
            self._cursor.push(text)
            self._step()
        return self._sink.take()

    def finish(self, end: TextEnd) -> list[Event]:
        """The text has ended; return the last events. Nothing is fed after this."""
        if self._half:
            self._cursor.push("\ufffd")
        self._cursor.end = end
        self._scan.literal.cut = end != "stop"
        while not self._done:
            self._step()
        self._sink.finish(promote=end == "stop")
        return self._sink.take()

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self._done = True

    def _whole(self, text: str) -> str:
        """Join halves of surrogate pairs that came apart; a lone half becomes U+FFFD."""
        text, self._half = self._half + text, ""
        if _HALVES.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _read(self) -> Steps[None]:
        cursor, scan = self._cursor, self._scan
        while True:
            ended = cursor.end is not None
            upto, entry = scan.run(cursor.text, cursor.pos, ended=ended)
            scan.mute = -1
            self._say(cursor.take(upto - cursor.pos))
            if entry is not None:
                self._idle = False
                yield from self._marker(entry)
                self._idle = True
            elif ended:
                return
            else:
                yield

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._mode == "content" and self._decides:
            # Only a decision may answer: what stands beside it is for whoever judges a text without one.
            self._sink.drop("prose", text)
        elif self._mode == "content":
            self._sink.text(text)
        elif self._mode in ("skip", "after"):
            self._sink.drop("markup" if self._mode == "skip" else "after_call", text)
        else:
            self._sink.reasoning(text)

    def _turn(self, mode: Mode, *, quoted: bool = False) -> None:
        """Text is of another kind from here on. `quoted`: calls in it are quotations."""
        self._mode = mode
        self._reader.parking = mode in ("think", "reasoning")
        self._scan.thinking = mode == "think"
        self._scan.thought |= mode == "think"
        self._scan.quoted = quoted
        self._scan.block()
        self._sink.boundary()

    def _marker(self, entry: Marker) -> Steps[None]:
        inside = entry.around and not entry.other
        self._refused = ""
        if entry.calls and (yield from self._block(entry.calls, last=not entry.other and not inside)):
            return
        if not inside:
            yield from self._other(entry)
        elif not (yield from self._around()):
            self._release(self._refused)

    def _around(self) -> Steps[bool]:
        """Read tags around a call, and the call; false where there is none, and the first tag is left.

        Whatever such a tag is called, it vanishes with the call; without one it is text.
        """
        cursor, began = self._cursor, self._cursor.place
        around, opens = self._scan.patterns
        raw, names = "", set[str]()
        for _ in range(MAX_TAGS_AROUND):
            cursor.starved = False
            match = yield from cursor.expect(around, window=MAX_AROUND)
            if match is None:
                break
            names.add(match["name"].lower())
            raw += match[0] + (yield from self._space())
            inner = yield from cursor.comes(opens, window=MAX_AROUND)
            grammars = self._scan.opened(cursor.text, cursor.pos, inner[0]) if inner else ()
            cut = cursor.end in ("length", "cut") and (cursor.starved or not cursor.left)
            if cut or (grammars and (yield from self._block(grammars, last=False))):
                self._scan.around |= names
                self._sink.drop("cut" if cut else "markup", raw)
                self._note(began, "wrap", raw)
                return True
        cursor.unread(raw)
        return False

    def _space(self) -> Steps[str]:
        """Read white space and return it."""
        tape = self._cursor.record()
        yield from self._cursor.space()
        self._cursor.stop(tape)
        return tape.getvalue()

    def _other(self, entry: Marker) -> Steps[None]:
        """A marker that begins no call."""
        cursor, kind = self._cursor, entry.other
        began = cursor.place
        marker = cursor.take(self._scan.size)
        ends_message = self._mode in ("reasoning", "skip") or self._scan.quoted
        if kind == "think":
            assert entry.reasoning is not None  # it is this marker's
            if (yield from cursor.expect(answer(entry.reasoning), window=64)) is not None:
                self._turn("content")
            else:
                if entry.reasoning.header:
                    yield from cursor.expect(lead(entry.reasoning), window=64)
                self._turn("think")
        elif (kind == "unthink" and (self._mode == "think" or not entry.special)) or (
            kind in ("close", "end") and ends_message
        ):
            self._turn("content")
        else:
            self._sink.boundary()
            self._scan.block()
        if kind in ("close", "wrap", "end"):
            self._last = None
            self._scan.around.discard(marker.lower().strip("</> \t\r\n"))
            self._sink.drop("markup", marker)
        self._note(began, kind, marker)

    def _block(self, grammars: tuple[AnyGrammar, ...], *, last: bool) -> Steps[bool]:
        """Let the frames of `grammars` try to read a block here; false where none does and the marker is left.

        `last`: the marker means nothing else, so that what is no block is ordinary text.
        """
        if self._last in grammars:  # a section goes on as it began
            grammars = (self._last, *(grammar for grammar in grammars if grammar is not self._last))
        cursor, began = self._cursor, self._cursor.place
        cursor.starved = False
        for grammar in grammars:
            tape = cursor.record()
            self._reader.begin(tape, plain=grammar.plain_opener)
            if isinstance(grammar, MessageGrammar) and self._mode == "reasoning":
                self._reader.parking = False  # a new header says itself what its message is
            read = yield from read_block(self._reader, grammar)
            cursor.stop(tape)
            if read is not False:
                self._accept(grammar, read, tape.getvalue())
                self._note(began, "call" if self._reader.has_call else "markup", grammar)
                return True
            self._sink.discard()
            self._reader.parking = self._mode in ("think", "reasoning")
            raw = tape.getvalue()
            self._note(began, "unread" if self._reader.has_call else "refused", grammar)
            if grammar is not grammars[-1]:
                cursor.unread(raw)
        return self._refuse(raw, last=last)

    def _accept(self, grammar: AnyGrammar, read: bool | MessageStart, raw: str) -> None:
        """A block has been read."""
        sink = self._sink
        self._scan.closes = True
        self._last = grammar
        if sink.holding:
            sink.park(raw) if self._reader.parking else sink.commit()
        if isinstance(read, MessageStart):
            self._turn(read.kind, quoted=read.quoted)
        elif isinstance(grammar, MessageGrammar):
            self._turn("content")
        else:
            self._scan.block()
            sink.boundary()
            if grammar.after == "drop" and self._mode == "content" and self._reader.has_call:
                self._mode = "after"

    def _refuse(self, raw: str, *, last: bool) -> bool:
        """A block was none: its text is ordinary, unless the end of the text cut what had begun.

        Return whether that is all there is to the marker.
        """
        cursor = self._cursor
        if cursor.end in ("length", "cut") and cursor.starved and not self._reader.plain:
            self._sink.boundary()
            self._sink.drop("cut", raw + cursor.take(cursor.left))
            return True
        cursor.unread(raw)
        self._refused = raw
        if last:
            self._release(raw)
        return last

    def _release(self, raw: str) -> None:
        """What stands here, and has been read as a block in vain, is ordinary text."""
        if len(raw) > MAX_RESCAN and self._rescans <= 0:
            self._say(self._cursor.take(len(raw)))
            self._scan.block()
        else:
            self._rescans -= len(raw) > MAX_RESCAN
            self._scan.mute = self._cursor.pos

    def _note(self, began: int, what: str, about: AnyGrammar | str) -> None:
        if self._notes is not None:
            self._notes.add(began, self._cursor.place, what, about)
