"""Which rule fired where: what an extraction decided, for people who want to know why.

An ordinary extraction takes no notes. Where some are wanted, a scan and a sink stand in that say what they pass over
and what they drop; they decide nothing themselves.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.dialects.base import AnyGrammar
from toolgate_core.dialects.table import ActiveGrammars, owner
from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.marker_index import Marker
from toolgate_core.extraction.scanner import Scan
from toolgate_core.extraction.sink import EventSink
from toolgate_core.types.plan import ScannerState


class Note(Struct, frozen=True):
    """One decision: the characters of the text from `start` to `stop`, what they were taken for, and the rule.

    `what`: `call`; `markup`, which is no call; `refused` (a dialect looked and it was not its own) or `unread` (the
    same behind a name); what a marker is: `think`, `unthink`, `close`, `wrap`, `end`; `inert` (a marker that means
    nothing here; the rule says why); `dropped` (the rule is the kind of the drop); `draft` or `promoted` (a call in
    reasoning).
    """

    start: int
    stop: int
    what: str
    rule: str


class Notes:
    """Collects the decisions of one extraction, and in `calls` the places where the names of its calls were known."""

    def __init__(self) -> None:
        self.all: list[Note] = []
        self.calls: list[int] = []

    def add(self, start: int, stop: int, what: str, about: AnyGrammar | str) -> None:
        """Take one more decision; `about` is the grammar, or the rule in words.

        What is dropped piece by piece, because it came so, is one decision.
        """
        rule = (
            about
            if isinstance(about, str)
            else f"{owner(about)} ({type(about).__name__.removesuffix('Grammar').lower()})"
        )
        last = self.all[-1] if self.all else None
        if last is not None and what == "dropped" and (last.what, last.rule, last.stop) == (what, rule, start):
            start = self.all.pop().start
        self.all.append(Note(start, stop, what, rule))


class WatchedScan(Scan):
    """A scan that notes which markers it passes over, and why; markers of one character are not worth a note."""

    __slots__ = ("_cursor", "_notes", "_told")

    def __init__(self, active: ActiveGrammars, state: ScannerState, notes: Notes, cursor: Cursor) -> None:
        super().__init__(active, state)
        self._notes = notes
        self._cursor = cursor
        self._told = -1

    def _live(self, entry: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> tuple[Marker, int | None]:
        live, skip = super()._live(entry, text, span, ended=ended)
        _, start, stop = span
        place = self._cursor.place + start - self._cursor.pos
        if skip and start != self.mute and stop - start > 1 and place > self._told:
            self._told = place
            self._notes.add(place, place + stop - start, "inert", self._why(live))
        return live, skip

    def _why(self, live: Marker) -> str:
        """Return why a marker is ordinary text; `live` is what it could still have been."""
        if not live.calls and self.quoted and not live.special:
            return "in a message that is not for a tool"
        if not live.calls and live.other == "end":
            return "not at the end of the turn"
        if not live.calls and live.other == "close" and not self.closes:
            return "no call before it"
        if (live.calls or live.other) and (self.literal.fence or self.literal.ticks):
            return "inside code"
        return "not where it counts: at the start of a line or of the text"


class NotedSink(EventSink):
    """A sink that notes what is dropped, where calls begin, and what becomes of calls in reasoning."""

    def __init__(self, notes: Notes, cursor: Cursor, *, started: bool) -> None:
        super().__init__(started=started)
        self._notes = notes
        self._cursor = cursor
        self._known = (0, 0)
        self._blocks: list[tuple[int, int, list[int]]] = []

    def drop(self, kind: str, raw: str) -> None:
        """See `EventSink`; what is dropped has just been read."""
        super().drop(kind, raw)
        if raw:
            place = self._cursor.place
            self._notes.add(max(0, place - len(raw)), place, "dropped", kind)

    def start(self, name: str, call_id: str | None) -> None:
        """See `EventSink`."""
        super().start(name, call_id)
        self._notes.calls.append(self._cursor.place)

    def hold(self) -> None:
        """See `EventSink`."""
        super().hold()
        self._known = (len(self._notes.all), len(self._notes.calls))

    def discard(self) -> None:
        """See `EventSink`: what was noted in the meantime never was, either."""
        if self.holding:
            notes, calls = self._known
            del self._notes.all[notes:], self._notes.calls[calls:]
        super().discard()

    def park(self, raw: str) -> None:
        """See `EventSink`."""
        place, known = self._cursor.place, self._known[1]
        calls = self._notes.calls[known:]
        del self._notes.calls[known:]
        before = len(self._parked)
        super().park(raw)
        if len(self._parked) > before:
            self._blocks.append((place - len(raw), place, calls))

    def finish(self, *, promote: bool) -> None:
        """See `EventSink`: now it is known what calls in reasoning are."""
        real = promote and not self.calls
        why = "the text was cut" if not promote else f"{'a' if self.calls else 'no'} call came outside of the reasoning"
        noted = list(self._notes.all)
        super().finish(promote=promote)
        self._notes.all = noted
        for start, stop, calls in self._blocks:
            self._notes.add(start, stop, "promoted" if real else "draft", why)
            self._notes.calls.extend(calls if real else ())
