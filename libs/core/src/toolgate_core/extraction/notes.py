"""Notes of what an extraction decided where, for people who want to know why: `toolgate extract --explain`.

An ordinary extraction takes no notes and pays nothing for them. Where notes are wanted, `WatchedScan` and `NotedSink`
stand in for the scan and the sink. They decide nothing themselves, so that an explained extraction gives the same
events; the fuzzer compares both. A note is one span of the text, counted from its start, and the rule that applied.

The notes also serve as a proof that nothing is lost: what is neither text nor noted as consumed would be a hole
(`test_nothing_of_a_text_is_lost`). So everything that is taken out of the text must be noted, and once only.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.dialects.base import AnyGrammar
from toolgate_core.dialects.table import ActiveGrammars, dialect_of
from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.marker_index import Marker
from toolgate_core.extraction.scanner import Scan
from toolgate_core.extraction.sink import EventSink
from toolgate_core.extraction.verdict import MarkerVerdict
from toolgate_core.types.plan import ScannerState


class Note(Struct, frozen=True):
    """One decision: the characters of the text from `start` to `stop`, what they were taken for, and the rule.

    `what`: `call`; `markup`, which is not a call; `refused` (a dialect looked and it was not its own) or `unread` (the
    same after a name); the role of a marker: `think`, `think_end`, `close`, `wrapper`, `end`; `inert` (a marker that
    means nothing here; the rule says why); `dropped` (the rule is the kind of the drop); `draft` or `promoted` (a call
    in reasoning).
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
        """Add a decision; `about` is the grammar, or the rule in words.

        Adjacent drops of a kind become one note: in how many pieces the text came is not a decision.
        """
        rule = (
            about
            if isinstance(about, str)
            else f"{dialect_of(about)} ({type(about).__name__.removesuffix('Grammar').lower()})"
        )
        last = self.all[-1] if self.all else None
        if last is not None and what == "dropped" and (last.what, last.rule, last.stop) == (what, rule, start):
            start = self.all.pop().start
        self.all.append(Note(start, stop, what, rule))


class WatchedScan(Scan):
    """A scan that notes which markers it passes over, and why; markers of one character are not worth a note."""

    __slots__ = ("_cursor", "_noted_to", "_notes")

    def __init__(self, active: ActiveGrammars, state: ScannerState, notes: Notes, cursor: Cursor) -> None:
        super().__init__(active, state)
        self._notes = notes
        self._cursor = cursor
        # A place that waited for more text is judged again when it has come; it is noted once.
        self._noted_to = -1

    def _judge(
        self, marker: Marker, text: str, span: tuple[int, int, int], *, ended: bool
    ) -> tuple[Marker, MarkerVerdict]:
        live, verdict = super()._judge(marker, text, span, ended=ended)
        _, start, stop = span
        # The scan counts in the text that is there, notes count in the whole text.
        place = self._cursor.offset + start - self._cursor.pos
        is_text = isinstance(verdict, int)
        if is_text and start != self.ignored_at and stop - start > 1 and place > self._noted_to:
            self._noted_to = place
            self._notes.add(place, place + stop - start, "inert", self._why(live))
        return live, verdict

    def _why(self, live: Marker) -> str:
        """Return why a marker is ordinary text; `live` is what it could still have been."""
        if not live.grammars and self.quoted and not live.special:
            return "in a message that is not for a tool"
        if not live.grammars and live.role == "end":
            return "not at the end of the turn"
        if not live.grammars and live.role == "close" and not self.had_call:
            return "no call before it"
        if (live.grammars or live.role) and (self.code.fence or self.code.ticks):
            return "inside code"
        return "not where it counts: at the start of a line or of the text"


class NotedSink(EventSink):
    """A sink that notes what is dropped, where calls begin, and what becomes of calls in reasoning."""

    def __init__(self, notes: Notes, cursor: Cursor, *, started: bool) -> None:
        super().__init__(started=started)
        self._notes = notes
        self._cursor = cursor
        self._before_block = (0, 0)
        self._blocks: list[tuple[int, int, list[int]]] = []

    def drop(self, kind: str, raw: str) -> None:
        """See `EventSink`; what is dropped is what was read last, so its place is known."""
        super().drop(kind, raw)
        if raw:
            place = self._cursor.offset
            self._notes.add(max(0, place - len(raw)), place, "dropped", kind)

    def start(self, name: str, call_id: str | None) -> None:
        """See `EventSink`."""
        super().start(name, call_id)
        self._notes.calls.append(self._cursor.offset)

    def hold(self) -> None:
        """See `EventSink`."""
        super().hold()
        self._before_block = (len(self._notes.all), len(self._notes.calls))

    def discard(self) -> None:
        """See `EventSink`: what was noted since `hold` did not happen either."""
        if self.holding:
            notes, calls = self._before_block
            del self._notes.all[notes:], self._notes.calls[calls:]
        super().discard()

    def park(self, raw: str) -> None:
        """See `EventSink`: whether the calls of the block are calls is noted at the end."""
        place, known = self._cursor.offset, self._before_block[1]
        # The places of these calls are given back if the block is promoted.
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
        # Replaying a parked block notes its drops a second time, at the end of the text: those are thrown away.
        self._notes.all = noted
        for start, stop, calls in self._blocks:
            self._notes.add(start, stop, "promoted" if real else "draft", why)
            self._notes.calls.extend(calls if real else ())
