"""Where readers put what they found: events in order, white space around blocks trimmed, doubtful calls held.

Text is exact except for white space next to a block (a call, a reasoning block): that is not meant for the user. Where
text stands on both sides of a block, the white space before the block (or after it) is kept once, so that words do not
run together.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from toolgate_core.extraction.cursor import WHITE
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta

MAX_CALLS = 128
MAX_PARKED = 2 << 20
MAX_RAW = 4096
MAX_PIECES = 1024


class TextChannel:
    """One channel of text; decides which white space is part of it."""

    __slots__ = ("_fresh", "_gap", "_joint", "_visible")

    def __init__(self, *, visible: bool = False, fresh: bool = False) -> None:
        self._visible = visible
        self._fresh = fresh
        self._gap: list[str] = []
        self._joint = ""

    def write(self, text: str) -> str:
        """Return what may go out now that `text` has come."""
        body = text.lstrip(WHITE)
        if not body:
            self._gap.append(text)
            return ""
        lead = "".join(self._gap) + text[: len(text) - len(body)]
        if self._fresh:
            lead = (self._joint or lead) if self._visible else ""
            self._joint = ""
            self._fresh = False
        core = body.rstrip(WHITE)
        self._gap = [body[len(core) :]] if len(core) < len(body) else []
        self._visible = True
        return lead + core

    def boundary(self) -> None:
        """A block stands here."""
        if self._visible and not self._joint:
            self._joint = "".join(self._gap)
        self._gap = []
        self._fresh = True

    def rest(self) -> str:
        """Return what is still due at the end of the text."""
        rest = "" if self._fresh else "".join(self._gap)
        self._gap = []
        return rest


class ParkedCall(Struct):
    """A call that stood inside reasoning, with its text."""

    events: list[Event]
    raw: str


class EventSink:
    """Collects the events of an extraction."""

    def __init__(self, *, started: bool) -> None:
        self.calls = 0
        self._content = TextChannel(visible=started)
        self._reasoning = TextChannel(fresh=True)
        self._out: list[Event] = []
        self._kind = ""
        self._pieces: list[str] = []
        self._held: list[Event] | None = None
        self._parked: list[ParkedCall] = []
        self._parked_size = 0
        self._muted = False

    def take(self) -> list[Event]:
        """Return the events since the last time."""
        if self._held is None:
            self._flush()
        out, self._out = self._out, []
        return out

    def text(self, text: str) -> None:
        """Text for the user."""
        if piece := self._content.write(text):
            self._piece("text", piece)

    def verbatim(self, text: str) -> None:
        """Text for the user whose ends the model itself has marked: its white space is all meant."""
        if text:
            self._piece("text", text)

    def reasoning(self, text: str) -> None:
        """Text that the model meant for itself."""
        if piece := self._reasoning.write(text):
            self._piece("reasoning", piece)

    def boundary(self) -> None:
        """Trim white space on both sides of this place."""
        self._content.boundary()
        self._reasoning.boundary()

    def drop(self, kind: str, raw: str) -> None:
        """Report text that is neither for the user nor a call; `raw` is cut to 4096 characters.

        Text beside a decision (`prose`) is whole, because it may still become the answer.
        """
        if raw:
            self._put(Drop(kind, raw if kind == "prose" else raw[:MAX_RAW]))

    def start(self, name: str, call_id: str | None) -> None:
        """A call begins."""
        self._put(CallStart(0, name, call_id))

    def arguments(self, piece: str) -> None:
        """The next piece of the arguments of the call that began last."""
        if self._held is not None or not self._muted:
            self._piece("arguments", piece)

    def end(self, *, complete: bool, repairs: tuple[str, ...]) -> None:
        """The call that began last ends."""
        self._put(CallEnd(0, complete, repairs))

    def hold(self) -> None:
        """Hold the events of a block that may turn out to be text."""
        self._flush()
        self._held = []

    @property
    def holding(self) -> bool:
        """Whether events are held."""
        return self._held is not None

    def commit(self) -> None:
        """What is held is true: let it out, and hold no more."""
        self._flush()
        held, self._held = self._held or [], None
        self._replay(held)

    def discard(self) -> None:
        """What is held never was."""
        self._flush()
        self._held = None

    def park(self, raw: str) -> None:
        """Keep what is held apart: it stood inside reasoning, so the end of the text decides what it is."""
        self._flush()
        held, self._held = self._held or [], None
        self._reasoning.boundary()
        self._parked_size += len(raw)
        if self._parked_size > MAX_PARKED:
            self.drop("markup", raw)
        else:
            self._parked.append(ParkedCall(held, raw))

    def finish(self, *, promote: bool) -> None:
        """The text has ended. `promote`: parked calls are real if none came outside of reasoning."""
        parked, self._parked = self._parked, []
        real = promote and not self.calls
        for block in parked:
            if real:
                self._replay(block.events)
            else:
                self.drop("markup", block.raw)
        if rest := self._content.rest():
            self._piece("text", rest)

    def _replay(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, ArgumentsDelta):
                self.arguments(event.json)
            else:
                self._put(event)

    def _put(self, event: Event) -> None:
        self._flush()
        if self._held is not None:
            self._held.append(event)
        elif isinstance(event, CallStart):
            self._begin(event)
        elif not isinstance(event, CallEnd):
            self._out.append(event)
        elif not self._muted:
            self._out.append(replace(event, index=self.calls - 1))

    def _begin(self, event: CallStart) -> None:
        self.boundary()
        self._muted = self.calls >= MAX_CALLS
        if self._muted:
            self._out.append(Drop("too_many_calls", event.name))
            return
        self._out.append(replace(event, index=self.calls))
        self.calls += 1

    def _piece(self, kind: str, piece: str) -> None:
        if kind != self._kind:
            self._flush()
            self._kind = kind
        elif len(self._pieces) > MAX_PIECES:
            self._pieces = ["".join(self._pieces)]
        self._pieces.append(piece)

    def _flush(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._kind == "text":
            self._out.append(TextDelta(text))
        elif self._kind == "reasoning":
            self._out.append(ReasoningDelta(text))
        elif self._held is not None:
            self._held.append(ArgumentsDelta(0, text))
        else:
            self._out.append(ArgumentsDelta(self.calls - 1, text))
