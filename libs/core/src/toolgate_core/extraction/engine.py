"""The extraction engine: a model's text in, events out. Sans-IO, append-only, linear in the text.

`Extraction` walks ordinary text with a `Scan`; at a live marker it lets the grammar's frame read a block. A block is
*tentative* until its name is complete and declared: what it says is held, and if it turns out to be no call its text
is released and scanned on behind the marker. A call to a name that nobody declared goes out only once its block is
complete, so that prose about tool calling stays prose and an invented name can still be reported. Calls inside
reasoning are parked: if a call comes outside of it they were drafts; if none comes they are the calls.
"""

from __future__ import annotations

import re
from typing import Literal as OneOf

from toolgate_core.dialects.base import (
    AnyGrammar,
    DecisionGrammar,
    EnvelopeGrammar,
    MessageGrammar,
    TaggedGrammar,
)
from toolgate_core.extraction.calls import Reading
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.extraction.decision_frame import read_decision
from toolgate_core.extraction.envelope import read_envelopes
from toolgate_core.extraction.message import Turn, read_message
from toolgate_core.extraction.scanner import THINK_CLOSE, THINK_OPEN, Entry, Scan
from toolgate_core.extraction.sink import Sink
from toolgate_core.dialects.table import DIALECTS, grammars_of
from toolgate_core.extraction.tagged import read_tagged
from toolgate_core.events import Event
from toolgate_core.plan import Plan, ScannerState
from toolgate_core.schema import Toolset
from toolgate_core.vocabulary import TextEnd

MAX_RESCAN = 4096
START = ScannerState()

Mode = OneOf["content", "think", "reasoning", "skip"]

_CLOSER = re.compile(r"</\s*[\w:.-]+\s*>|<\|\w+\|>")
_HALVES = re.compile("[\ud800-\udfff]")


class Extraction:
    """Turns one choice's text into events.

    `feed` takes text in pieces of any size and `finish` says how the text ended; the events do not depend on the
    pieces. No text makes it raise. An unknown dialect in the plan is a `ValueError`.
    """

    def __init__(self, plan: Plan, toolset: Toolset, state: ScannerState = START) -> None:
        name = {"decision": "decision", "native": "auto"}.get(plan.form, plan.dialect)
        if name not in DIALECTS:
            raise ValueError(f"unknown dialect: {name}")
        self._cursor = Cursor()
        self._sink = Sink(started=state.started)
        self._scan = Scan(grammars_of(name) if plan.form != "text" else (), state)
        self._reading = Reading(self._cursor, self._sink, toolset, plan.names)
        self._mode: Mode = "content"
        self._decides = name == "decision"
        self._half = ""
        if plan.reasoning_open:
            self._turn("think")
        self._steps = self._read()
        self._done = False

    def feed(self, text: str) -> list[Event]:
        """Take the next piece of text; return what is certain now."""
        if not text.isascii():
            text = self._whole(text)
        elif self._half:
            text, self._half = "\ufffd" + text, ""
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
                yield from self._marker(entry)
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
        elif self._mode == "skip":
            self._sink.drop("markup", text)
        else:
            self._sink.reasoning(text)

    def _turn(self, mode: Mode) -> None:
        """Text is of another kind from here on."""
        self._mode = mode
        self._reading.parking = mode in ("think", "reasoning")
        self._scan.thinking = mode == "think"
        self._scan.thought |= mode == "think"
        self._scan.block()
        self._sink.boundary()

    def _marker(self, entry: Entry) -> Steps[None]:
        cursor = self._cursor
        if entry.kind == "think":
            cursor.take(len(THINK_OPEN))
            self._turn("think")
        elif entry.kind == "unthink":
            cursor.take(len(THINK_CLOSE))
            self._turn("content")
        elif entry.kind == "close":
            match = _CLOSER.match(cursor.text, cursor.pos)
            assert match is not None  # the scan has found it here
            cursor.take(match.end() - cursor.pos)
            if self._mode in ("reasoning", "skip"):
                self._turn("content")
            else:
                self._sink.boundary()
                self._scan.block()
        else:
            assert entry.grammar is not None  # calls have one
            yield from self._block(entry.grammar)

    def _block(self, grammar: AnyGrammar) -> Steps[None]:
        reading, sink = self._reading, self._sink
        reading.tape = self._cursor.record()
        self._cursor.starved = False
        if isinstance(grammar, MessageGrammar) and self._mode == "reasoning":
            reading.parking = False  # a new header says itself what its message is
        sink.hold()
        read = yield from self._frame(grammar)
        self._cursor.stop(reading.tape)
        if read is False:
            self._refuse(reading.tape.getvalue())
            return
        self._scan.closes = True
        if sink.holding:
            sink.park(reading.tape.getvalue()) if reading.parking else sink.commit()
        if isinstance(read, str):
            self._turn(read)
        elif isinstance(grammar, MessageGrammar):
            self._turn("content")
        else:
            self._scan.block()
            sink.boundary()

    def _frame(self, grammar: AnyGrammar) -> Steps[bool | Turn]:
        if isinstance(grammar, EnvelopeGrammar):
            return (yield from read_envelopes(self._reading, grammar))
        if isinstance(grammar, TaggedGrammar):
            return (yield from read_tagged(self._reading, grammar))
        if isinstance(grammar, DecisionGrammar):
            return (yield from read_decision(self._reading, grammar))
        return (yield from read_message(self._reading, grammar))

    def _refuse(self, raw: str) -> None:
        """A block was none: its text is ordinary, unless the end of the text cut what had begun."""
        self._sink.discard()
        self._reading.parking = self._mode in ("think", "reasoning")
        cursor = self._cursor
        if cursor.end in ("length", "cut") and cursor.starved:
            self._sink.boundary()
            self._sink.drop("cut", raw + cursor.take(cursor.left))
        elif len(raw) > MAX_RESCAN:
            self._say(raw)
            self._scan.block()
        else:
            cursor.unread(raw)
            self._scan.mute = cursor.pos
