"""Collects the events of an extraction: in order, white space around blocks trimmed, doubtful events held back.

Text is exact, except for white space next to a block (a call, reasoning): models put line breaks around their markup
that are not meant for the user. Where text is on both sides of a block, the white space in front of the block (or
after it, if there is none in front) is kept once, so that two words do not run together.

```
content   = text { block text }        white space at its start and around blocks is layout, at its end it is text
reasoning = the same, and the white space at its start and end is layout, too
```

Invariants:

- Events leave in the order of the text, calls are numbered from 0, and each `CallStart` has one `CallEnd` before the
  next one.
- While the sink holds (`hold` … `commit`, `discard` or `park`), no event leaves. A frame may be wrong until `commit`.
- White space at the end of what has come waits in a `TextChannel`, because it may turn out to be before a block.

Bounds: at most MAX_CALLS calls leave (the rest are dropped and reported), parked blocks hold at most MAX_PARKED
characters together, and pieces are joined before there are more than MAX_PIECES of them.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from toolgate_core.extraction.cursor import WHITE
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta

MAX_CALLS = 128
"""Calls of one answer; a model that loops writes thousands, and each costs an event and a validation."""
MAX_PARKED = 2 << 20
"""Characters of all calls in reasoning; drafts beyond it are dropped, since they are most likely a loop."""
MAX_RAW = 4096
"""Characters of a dropped text that are reported: for logs and for the fault that a retry quotes to the model."""
MAX_PIECES = 1024
"""Pieces of one event that wait to be joined; a list of a million one-character strings would be the larger cost."""


class TextChannel:
    """Decides which white space is part of a channel of text, content or reasoning.

    `visible`: text of the channel has been emitted, so that white space in front of more text is meant. `fresh`: a
    block is right before, so that white space is layout until other text comes.
    """

    __slots__ = ("_fresh", "_gap", "_joint", "_visible")

    def __init__(self, *, visible: bool = False, fresh: bool = False) -> None:
        self._visible = visible
        self._fresh = fresh
        self._gap: list[str] = []
        self._joint = ""

    def write(self, text: str) -> str:
        """Return what may be emitted now that `text` has come."""
        body = text.lstrip(WHITE)
        if not body:
            self._gap.append(text)
            return ""
        before = "".join(self._gap) + text[: len(text) - len(body)]
        if self._fresh:
            # One gap remains of the two around a block: the one in front of it, which the text had before the call.
            before = (self._joint or before) if self._visible else ""
            self._joint = ""
            self._fresh = False
        core = body.rstrip(WHITE)
        self._gap = [body[len(core) :]] if len(core) < len(body) else []
        self._visible = True
        return before + core

    def boundary(self) -> None:
        """Remember that a block is here."""
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
    """The events of a block that stood inside reasoning, and its text, which is reported if they do not count."""

    events: list[Event]
    raw: str


class EventSink:
    """Collects the events of an extraction; `started`: text of the answer was emitted before this sink began."""

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
        # Of held events nothing may leave, not even pieces that were joined before.
        if self._held is None:
            self._flush()
        out, self._out = self._out, []
        return out

    def text(self, text: str) -> None:
        """Add text for the user."""
        if piece := self._content.write(text):
            self._add_piece("text", piece)

    def verbatim(self, text: str) -> None:
        """Add text whose ends the model itself has marked (a decision's answer): all of its white space is meant."""
        if text:
            self._add_piece("text", text)

    def reasoning(self, text: str) -> None:
        """Add text that the model meant for itself."""
        if piece := self._reasoning.write(text):
            self._add_piece("reasoning", piece)

    def boundary(self) -> None:
        """Trim white space on both sides of this place."""
        self._content.boundary()
        self._reasoning.boundary()

    def drop(self, kind: str, raw: str) -> None:
        """Report text that is neither for the user nor a call; `raw` is cut to 4096 characters.

        Text beside a decision (`prose`) is whole, because it may still become the answer.
        """
        if raw:
            self._add(Drop(kind, raw if kind == "prose" else raw[:MAX_RAW]))

    def start(self, name: str, call_id: str | None) -> None:
        """Begin a call; its number is known when it leaves."""
        self._add(CallStart(0, name, call_id))

    def arguments(self, piece: str) -> None:
        """Add to the arguments of the call that began last."""
        if self._held is not None or not self._muted:
            self._add_piece("arguments", piece)

    def end(self, *, complete: bool, repairs: tuple[str, ...]) -> None:
        """End the call that began last."""
        self._add(CallEnd(0, complete, repairs))

    def hold(self) -> None:
        """Hold the events of a block that may turn out to be text."""
        self._flush()
        self._held = []

    @property
    def holding(self) -> bool:
        """Whether events are held."""
        return self._held is not None

    def commit(self) -> None:
        """Let out what is held, and hold no more: the block is what it looked like."""
        self._flush()
        held, self._held = self._held or [], None
        self._replay(held)

    def discard(self) -> None:
        """Forget what is held: the block was something else."""
        self._flush()
        self._held = None

    def park(self, raw: str) -> None:
        """Keep what is held apart: it stood inside reasoning, and the end of the text decides whether it counts."""
        self._flush()
        held, self._held = self._held or [], None
        self._reasoning.boundary()
        self._parked_size += len(raw)
        # A model that drafts without end: what does not fit is reported as markup at once.
        if self._parked_size > MAX_PARKED:
            self.drop("markup", raw)
        else:
            self._parked.append(ParkedCall(held, raw))

    def finish(self, *, promote: bool) -> None:
        """End the text. `promote`: parked calls count if none came outside of reasoning.

        Where the text was cut they do not: the call outside of the reasoning may be what is missing.
        """
        parked, self._parked = self._parked, []
        real = promote and not self.calls
        for block in parked:
            if real:
                self._replay(block.events)
            else:
                self.drop("markup", block.raw)
        if rest := self._content.rest():
            self._add_piece("text", rest)

    def _replay(self, events: list[Event]) -> None:
        for event in events:
            # Through `arguments`, so that a muted call stays muted.
            if isinstance(event, ArgumentsDelta):
                self.arguments(event.json)
            else:
                self._add(event)

    def _add(self, event: Event) -> None:
        # The number of a call is given where it leaves: whether held or parked calls count is not known before.
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
        # Further calls are reported by name; their arguments are swallowed.
        self._muted = self.calls >= MAX_CALLS
        if self._muted:
            self._out.append(Drop("too_many_calls", event.name))
            return
        self._out.append(replace(event, index=self.calls))
        self.calls += 1

    def _add_piece(self, kind: str, piece: str) -> None:
        # Adjacent pieces of a kind are joined into one event when events are taken: fewer events, the same text.
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
