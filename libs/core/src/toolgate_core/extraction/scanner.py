"""Finds where a call may begin in ordinary text.

`Scan` is what the engine and `MarkerScanner` share: it walks text, follows code contexts, and stops at a marker that is
live there. Ordinary text costs it one `str.find` per lead character (see `triggers`).
"""

from __future__ import annotations

import re

import regex
from msgspec.structs import replace

from toolgate_core.dialects.base import AnyGrammar, MessageGrammar
from toolgate_core.dialects.table import ActiveGrammars
from toolgate_core.extraction.code_spans import MAX_LINE, CodeSpans
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.marker_index import Marker, behind, marker_index
from toolgate_core.types.plan import ScannerState

NOWHERE = 1 << 62
MAX_END = 512
MAX_HEAD = 512
MAX_HELD = 192
_SUFFIX = re.compile(r"(</.+):[\w-]+\s*>\Z")
_SUFFIX_HEAD = re.compile(r"(</[^\s>]+?)(?::[\w-]{0,32})?\s{0,64}\Z")
_CLOSE_SPACE = "> \t\r\n\f\v"
_ANSWER_BEGINS = frozenset("$\\({-+*_")


class Scan:
    """Walks text up to the next live marker.

    Attributes:
        head: nothing but white space since the start of the text or the last block.
        started: text other than white space has passed.
        closes: closing markers without an opener count (there has been a call).
        thinking: the text is reasoning.
        thought: there has been reasoning.
        quoted: only the headers of messages count.
        mute: the marker at this place of the text is ordinary text.
        size: how long the marker is that was found last.
        wrapped: a marker around text has counted.
        around: the tags that have vanished around calls and are not closed yet.
    """

    __slots__ = (
        "_start", "_triggers", "around", "closes", "head", "literal", "mute", "quoted", "size", "started", "thinking",
        "thought", "wrapped",
    )  # fmt: skip

    def __init__(self, active: ActiveGrammars, state: ScannerState) -> None:
        self._triggers = marker_index(active)
        self.literal = CodeSpans(state)
        self.started = state.started
        self.head = not state.started
        self.closes = False
        self.thinking = False
        self.thought = False
        self.quoted = False
        self.mute = -1
        self.size = 0
        self.wrapped = False
        self.around: set[str] = set()
        self._start = 0

    @property
    def patterns(self) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
        """The patterns of tags that vanish around a call, and of what a call may begin with."""
        return self._triggers.around, self._triggers.opens

    def opened(self, text: str, at: int, marker: str) -> tuple[AnyGrammar, ...]:
        """Return what may begin at `marker`, which stands behind tags around it."""
        calls = self._triggers.table[marker.lower()].calls
        return tuple(grammar for grammar in calls if self._counts(grammar, text, at, at))

    def state(self) -> ScannerState:
        """Return where the scan stands."""
        literal = self.literal
        return ScannerState(fence=literal.fence, ticks=literal.ticks, line=literal.line, started=self.started)

    def block(self) -> None:
        """A block has been read here."""
        self.literal.reset()
        self.head = True

    def plain(self, text: str) -> bool:
        """Walk over `text` if it is ordinary for sure and leaves nothing to wait for; false where `run` must tell."""
        if self.head or self._pending(text):
            return False
        for char in self._triggers.leads:
            if char in text:
                return False
        self.literal.advance(text, 0, len(text))
        return True

    def _pending(self, text: str) -> bool:
        """Whether a marker may have begun, before its lead, at the end of `text`."""
        return text[-self._triggers.longest :].lower().endswith(self._triggers.loose)

    def run(self, text: str, pos: int, *, ended: bool) -> tuple[int, Marker | None]:
        """Return up to where `text` is ordinary from `pos` on, and the marker that stands there.

        Without a marker, what lies beyond may become one when more text comes.
        """
        if self.head and pos != self.mute and (verdict := self._at_head(text, pos, ended=ended)) is not None:
            return verdict
        base = at = floor = self._start = pos
        next_at = dict.fromkeys(self._triggers.leads, -1)
        while (place := self._next(text, at, next_at)) < NOWHERE:
            found = self._found(text, place, pos)
            if found is None:
                at = place + 1
                continue
            entry, start, stop = found
            if entry is None:
                waits = not ended and (stop == len(text) or self._may_become(text, start))
                if waits or not self.literal.run(text, base, start, stop, ended=ended):
                    return self._clean(text, pos, base, start), None
                base = at = floor = stop
                continue
            if not ended and (hold := self._partial(text, floor)) <= start:
                return self._clean(text, pos, base, hold), None  # a longer marker may be on its way
            live, skip = self._live(entry, text, (base, start, stop), ended=ended)
            if not skip:
                self.size = stop - start
                return self._clean(text, pos, base, start), live if skip == 0 else None
            at = floor = max(skip, place + 1)
        hold = self._partial(text, floor) if not ended or self.closes else len(text)
        if ended and hold < len(text) and not self._cut_close(text[hold:]):
            hold = len(text)
        if ended and hold < len(text):
            self.size = len(text) - hold
            return self._clean(text, pos, base, hold), Marker(other="close", special=True)
        return self._clean(text, pos, base, hold), None

    def _next(self, text: str, at: int, next_at: dict[str, int]) -> int:
        """Return where the next lead stands; `next_at` remembers where each one was found."""
        nearest = NOWHERE
        for char, known in next_at.items():
            place = known
            if place < at:
                place = text.find(char, at)
                next_at[char] = place = NOWHERE if place < 0 else place
            nearest = min(nearest, place)
        return nearest

    def _found(self, text: str, place: int, pos: int) -> tuple[Marker | None, int, int] | None:
        """Return what stands at a lead (see `_read`); none if nothing does."""
        match = self._triggers.leads[text[place]].match(text, place)
        return None if match is None else self._read(match, pos)

    def _read(self, match: re.Match[str], pos: int) -> tuple[Marker | None, int, int]:
        """Return what was found (nothing: a run of backticks or tildes) and where it stands.

        A marker whose beginning has been read already, before `pos`, is not there any more.
        """
        start, stop = match.span()
        table = self._triggers.table
        text = match.string
        if text[start] in "`~":
            marker = match.group().lower()
            if marker in table and start != self.mute:
                return table[marker], start, stop
            size = len(marker) - len(marker.lstrip(marker[0]))
            fence = self._triggers.fence
            if fence is not None and size > 2 and start != self.mute and not self.literal.fence:
                return fence, start, start + size
            return None, start, start + size
        key = text[start:stop].lower()
        for marker in self._triggers.behind.get(key, ()):  # markers whose lead is not their beginning
            first = stop - len(marker)
            if first >= pos and text[first:stop].lower() == marker:
                return table[marker], first, stop
        entry = table.get(key) or table.get(key.rstrip(_CLOSE_SPACE))
        if entry is None and (suffixed := _SUFFIX.match(key)):
            entry = table.get(suffixed[1])
        return entry or Marker(), start, stop

    def _may_become(self, text: str, start: int) -> bool:
        rest = text[start : start + self._triggers.longest].lower()
        known = self._triggers.prefixes.get(rest[-1])
        return start != self.mute and known is not None and rest in known[1]

    def _at_head(self, text: str, pos: int, *, ended: bool) -> tuple[int, Marker | None] | None:
        """Some blocks without a marker count where a text begins; the place after white space is the block's."""
        waits = False
        for pattern, entry in self._triggers.heads:
            if self.quoted:
                break
            match = pattern.match(text, pos, pos + MAX_HEAD, partial=not ended)
            if match is not None and not match.partial:
                if waits:
                    break  # one that goes first may still come
                self.size = match.end() - pos
                return pos, entry
            waits = waits or (match is not None and pos + MAX_HEAD > len(text))
        return (pos, None) if waits else None

    def _clean(self, text: str, pos: int, base: int, upto: int) -> int:
        self.literal.advance(text, base, upto)
        if self.head and text[pos:upto].strip(WHITE):
            self.head = False
            self.started = True
        return upto

    def _live(self, entry: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> tuple[Marker, int | None]:
        """Return what counts of the marker here, and where to go on if nothing does.

        0 if the marker is live, none if more text must tell.
        """
        base, start, _ = span
        calls = tuple(grammar for grammar in entry.calls if self._counts(grammar, text, base, start))
        if len(calls) < len(entry.calls):
            entry = replace(entry, calls=calls)
        text_only = not entry.other and (not entry.around or start == self.mute)
        if not entry.calls and (text_only or (self.quoted and not entry.special)):
            return entry, start + 1
        return entry, self._inert(entry, text, span, ended=ended)

    def _counts(self, grammar: AnyGrammar, text: str, base: int, at: int) -> bool:
        """Whether a block of `grammar` may begin here at all."""
        if at == self.mute or (self.quoted and not isinstance(grammar, MessageGrammar)):
            return False
        if grammar.where == "anywhere":
            return True
        line = self.literal.prefix(text, base, at)
        if grammar.where == "word" and len(line) < MAX_LINE:
            return not line or line[-1] in WHITE
        return not line.strip(WHITE)

    def _glued(self, text: str, stop: int, *, ended: bool) -> bool | None:
        """Whether another marker follows at once, as no sentence has it; none if more text must tell."""
        if stop == len(text):
            return False if ended else None
        pattern = self._triggers.leads.get(text[stop]) if text[stop] in "<[" else None
        if pattern is None:
            return False
        if pattern.match(text, stop) is not None:
            return True
        if self._partial(text, stop) > stop:
            return False
        return True if ended else None  # at the end of a text it is another marker that was cut

    def _inert(self, entry: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> int | None:
        """Return where to go on if the marker means nothing there; 0 if it is live, none if more must tell."""
        base, at, _ = span
        if not entry.calls:
            inert = self._beside_calls(entry, text, span, ended=ended)
            if inert != 0 or entry.special:
                return inert
        if entry.live_in_code:
            return 0
        fence = self.literal.fence
        if not entry.calls and entry.other in ("think", "unthink"):
            if not self._thought(entry.other, text, base, at):
                return at + 1
        inside = self.literal.inside(text, base, at, ended=ended)
        self.literal.fence = fence
        return inside

    def _beside_calls(self, entry: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> int | None:
        """Return what `_inert` does, for a marker that opens no call; 0 also where its place in code decides."""
        base, at, stop = span
        if entry.special and entry.other in ("wrap", "unthink"):
            glued = self._glued(text, stop, ended=ended)
            if glued is not False:
                return None if glued is None else 0
        if entry.other == "wrap" and stop == len(text) and not ended:
            return None
        if entry.other == "end" or (entry.other == "wrap" and not self._wraps(text, base, at, stop)):
            return self._at_end(text, at, ended=ended)
        if entry.other == "close":
            known = not entry.around or text[at + 2 : stop].rstrip(_CLOSE_SPACE).lower() in self.around
            return self._closes(entry, text, at, ended=ended, known=known)
        if entry.special and entry.other in ("think", "unthink"):
            return self._special_thought(entry, text, base, at, ended=ended)
        return 0

    def _closes(self, entry: Marker, text: str, at: int, *, ended: bool, known: bool) -> int | None:
        """A closing marker counts behind a call, inside thoughts if it is special, and else at the ends of a text.

        One that is `known` to none of the grammars, and whose opener has not vanished, only right behind a call.
        """
        if (self.closes and known) or (entry.special and self.thinking):
            return 0
        if entry.special:
            return self._at_end(text, at, ended=ended)
        blank = self.head and not text[self._start : at].strip(WHITE)
        return 0 if blank and (known or self.closes) else at + 1

    def _thought(self, kind: str, text: str, base: int, at: int) -> bool:
        """Whether a think marker that is plain text may count here."""
        blank = self.head and not text[self._start : at].strip(WHITE)
        if kind == "think":
            return blank
        if self.thinking:
            self.literal.fence = ""  # an unclosed fence in a thought does not reach into the answer
            return True
        return blank or self.thought or not self.literal.prefix(text, base, at).strip(WHITE)

    def _wraps(self, text: str, base: int, at: int, stop: int) -> bool:
        """Whether a marker around text counts here.

        That is so where a text or a line begins, where a word is glued to it, as to no token that is written about, and
        once one has counted.
        """
        blank = self.head and not text[self._start : at].strip(WHITE)
        behind = text[stop : stop + 1]
        glued = behind.isalnum() or behind in _ANSWER_BEGINS
        self.wrapped = self.wrapped or blank or glued or not self.literal.prefix(text, base, at).strip(WHITE)
        return self.wrapped

    def _special_thought(self, entry: Marker, text: str, base: int, at: int, *, ended: bool) -> int | None:
        """Return what `_inert` returns, for a special think marker.

        Somebody may write about such tokens: so they count where a text or a line begins, or with what belongs to them.
        """
        blank = self.head and not text[self._start : at].strip(WHITE)
        if blank or not self.literal.prefix(text, base, at).strip(WHITE):
            return 0
        if entry.other == "unthink":
            known = self.thinking or self.thought or self.wrapped
            return 0 if known else self._at_end(text, at, ended=ended)
        assert entry.reasoning is not None  # think markers have one
        if not entry.reasoning.header:
            return at + 1
        match = behind(entry.reasoning).match(text, at + len(entry.reasoning.open), partial=not ended)
        if match is not None and match.partial:
            return None
        return 0 if match and match.end() > match.start() else at + 1

    def _at_end(self, text: str, at: int, *, ended: bool) -> int | None:
        """The end of a turn counts behind a call, and where nothing but such tokens follows."""
        ends = self._triggers.ends
        if self.closes:
            return 0
        match = ends.fullmatch(text, at, partial=True) if len(text) - at <= MAX_END else None
        if match is None:
            return at + 1
        if ended:
            self.closes = True  # what is left of another such token behind it vanishes, too
        return 0 if ended else None

    def _cut_close(self, tail: str) -> bool:
        """Whether `tail`, the end of the text behind a call, is what is left of a closing marker."""
        start = tail.lower().rstrip()
        return len(start) > 1 and any(
            marker.startswith(start)
            for marker, entry in self._triggers.table.items()
            if entry.other in ("close", "end")
        )

    def _partial(self, text: str, at: int) -> int:
        """Return where a marker may have begun that the end of the text cuts, the end itself if nowhere."""
        hold = len(text)
        last = text[-MAX_HELD:]
        if not self._pending(last) and not any(char in last for char in self._triggers.leads):
            return hold
        bare = text.rstrip(WHITE)
        for tail in (text, bare) if bare is not text else (text,):
            lengths, prefixes = self._triggers.prefixes.get(tail[-1:].lower(), ((), frozenset()))
            for length in lengths:
                start = len(tail) - length
                if start >= at and start < hold and start != self.mute and tail[start:].lower() in prefixes:
                    hold = start
                    break
        tag = text.rfind("</", max(at, len(text) - 128), hold)
        if tag >= 0 and (head := _SUFFIX_HEAD.match(text, tag)) and head[1].lower() in self._triggers.closes:
            hold = tag
        if text.endswith("~"):
            hold = min(hold, max(at, len(text.rstrip("~"))))
        return hold
