"""Finds the next place in ordinary text where something begins that is not text.

`Scan` is shared by the engine (`Extraction`) and by the guard of native answers (`MarkerScanner`), so that both stop at
the same places. It knows markers and code, and nothing of what is between markers: that is the frames' part.

```
text   = { ordinary | run of backticks or tildes | marker }
marker = any entry of the MarkerIndex, longest first; at the start of a text also what a start pattern matches
```

Invariants:

- *Append-only*: `run` returns up to where the text is ordinary for certain; that part is passed on and never comes
  back.
- *The split law*: where a decision needs text that has not come yet, `run` stops in front of it and returns no marker.
  The same question is asked again when more text is there, from the same place. Every method that looks ahead returns
  `Verdict.WAIT` then, and may look at the end of what has come only if `ended` is true.
- What may wait: a proper beginning of a marker (at most the longest marker), white space after a run of tildes or at
  the start of a text (at most MAX_AT_START), a marker inside an inline code span (`code_spans.MAX_SPAN`), and a token
  that may be the last thing in the text (MAX_ENDING).
- *Linear*: text without an anchor costs one `str.find` per anchor and piece (see `marker_index`); a marker that turns
  out to be text costs a bounded look around it, and the search goes on after it.

When a marker counts is decided in `marker_rules`.
"""

from __future__ import annotations

import re

import regex

from toolgate_core.dialects.base import AnyGrammar
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.marker_index import Marker
from toolgate_core.extraction.marker_rules import CLOSE_SPACE, MarkerRules
from toolgate_core.extraction.verdict import Verdict
from toolgate_core.types.plan import ScannerState

NOWHERE = 1 << 62
"""An index after the end of any text."""
MAX_AT_START = 512
"""Characters that a block without a marker may take to show itself at the start of a text, white space included."""
_SUFFIX = re.compile(r"(</.+):[\w-]+\s*>\Z")


class Scan(MarkerRules):
    """Walks text up to the next marker that counts. The state that decides about markers is that of `MarkerRules`."""

    __slots__ = ()

    @property
    def enclosing_patterns(self) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
        """The patterns of tags that vanish around a call, and of what a call may begin with."""
        return self._index.enclosing_tag, self._index.call_openers

    def grammars_at(self, text: str, at: int, marker: str) -> tuple[AnyGrammar, ...]:
        """Return the grammars whose block may begin with `marker`, which is at `at` after enclosing tags."""
        grammars = self._index.markers[marker.lower()].grammars
        return tuple(grammar for grammar in grammars if self._may_begin(grammar, text, at, at))

    def state(self) -> ScannerState:
        """Return where the scan stands, so that another one can go on from here (see `ScannerState`)."""
        code = self.code
        return ScannerState(fence=code.fence, ticks=code.ticks, line=code.line, started=self.started)

    def after_block(self) -> None:
        """Look at what follows as the start of a text: a block has been read here."""
        self.code.reset()
        self.at_start = True

    def skip_ordinary(self, text: str) -> bool:
        """Pass over `text` if it certainly is ordinary and leaves nothing to wait for; false if `run` must decide.

        This is the path of nearly every token of an answer: a few searches for one character, and no state but the
        current line.
        """
        if self.at_start or self._may_begin_marker(text):
            return False
        for char in self._index.anchors:
            if char in text:
                return False
        self.code.advance(text, 0, len(text))
        return True

    def run(self, text: str, pos: int, *, ended: bool) -> tuple[int, Marker | None]:
        """Return up to where `text` is ordinary from `pos` on, and the marker that is there.

        Without a marker, what lies beyond may become one when more text comes. `ended`: no more text comes.
        """
        if self.at_start and pos != self.ignored_at and (found := self._at_start(text, pos, ended=ended)) is not None:
            return found
        # `base` is where the text begins that CodeSpans does not know yet, `floor` where the next marker may begin.
        base = at = floor = self._start = pos
        next_at = dict.fromkeys(self._index.anchors, -1)
        while (place := self._next_anchor(text, at, next_at)) < NOWHERE:
            candidate = self._candidate(text, place, pos)
            if candidate is None:
                at = place + 1
                continue
            marker, start, stop = candidate
            if marker is None:
                # A run at the end of the text may grow, and "```json\n{" may become a marker.
                waits = not ended and (stop == len(text) or self._may_become_marker(text, start))
                if waits or not self.code.read_run(text, base, start, stop, ended=ended):
                    return self._pass(text, pos, base, start), None
                base = at = floor = stop
                continue
            if not ended and (hold := self._held_from(text, floor)) <= start:
                return self._pass(text, pos, base, hold), None  # a longer marker may be on its way
            live, verdict = self._judge(marker, text, (base, start, stop), ended=ended)
            if isinstance(verdict, Verdict):
                self.marker_size = stop - start
                return self._pass(text, pos, base, start), live if verdict is Verdict.LIVE else None
            at = floor = max(verdict, place + 1)
        return self._rest(text, pos, base, floor, ended=ended)

    def _rest(self, text: str, pos: int, base: int, floor: int, *, ended: bool) -> tuple[int, Marker | None]:
        """Return what `run` returns where no marker is left: the end of the text may be the beginning of one."""
        hold = self._held_from(text, floor) if not ended or self.had_call else len(text)
        # Behind a call the model stopped inside its closing marker: what is left of it is not an answer.
        if ended and hold < len(text) and self._is_cut_closer(text[hold:]):
            self.marker_size = len(text) - hold
            return self._pass(text, pos, base, hold), Marker(role="close", special=True)
        return self._pass(text, pos, base, len(text) if ended else hold), None

    def _next_anchor(self, text: str, at: int, next_at: dict[str, int]) -> int:
        """Return the index of the next anchor; `next_at` remembers it for each one, so that each is searched once."""
        nearest = NOWHERE
        for char, known in next_at.items():
            place = known
            if place < at:
                place = text.find(char, at)
                next_at[char] = place = NOWHERE if place < 0 else place
            nearest = min(nearest, place)
        return nearest

    def _candidate(self, text: str, place: int, pos: int) -> tuple[Marker | None, int, int] | None:
        """Return what is at an anchor and from where to where (see `_read`); none if nothing does."""
        match = self._index.anchors[text[place]].match(text, place)
        return None if match is None else self._read(match, pos)

    def _read(self, match: re.Match[str], pos: int) -> tuple[Marker | None, int, int]:
        """Return the marker of a match and where it stands; without a marker it is a run of backticks or tildes.

        A marker whose beginning was read before `pos` is not there any more: it was emitted as text.
        """
        start, stop = match.span()
        table = self._index.markers
        text = match.string
        if text[start] in "`~":
            return self._read_run(match.group(), start, stop)
        key = text[start:stop].lower()
        for candidate in self._index.inner_anchors.get(key, ()):
            first = stop - len(candidate)
            if first >= pos and text[first:stop].lower() == candidate:
                return table[candidate], first, stop
        marker = table.get(key) or table.get(key.rstrip(CLOSE_SPACE))
        if marker is None and (suffixed := _SUFFIX.match(key)):
            marker = table.get(suffixed[1])
        return marker or Marker(), start, stop

    def _read_run(self, run: str, start: int, stop: int) -> tuple[Marker | None, int, int]:
        r"""Return what a match that begins with backticks or tildes is: a marker such as "```json\n{", or a run."""
        marker, table = run.lower(), self._index.markers
        if marker in table and start != self.ignored_at:
            return table[marker], start, stop
        size = len(marker) - len(marker.lstrip(marker[0]))
        fence = self._index.fence_marker
        if fence is not None and size > 2 and start != self.ignored_at and not self.code.fence:
            return fence, start, start + size
        return None, start, start + size

    def _may_become_marker(self, text: str, start: int) -> bool:
        rest = text[start : start + self._index.max_length].lower()
        known = self._index.prefixes.get(rest[-1])
        return start != self.ignored_at and known is not None and rest in known[1]

    def _at_start(self, text: str, pos: int, *, ended: bool) -> tuple[int, Marker | None] | None:
        """Return what `run` returns where a block without a marker begins the text; none where none can.

        The patterns are tried in order. One that may still match holds back those after it: otherwise a text that
        comes in pieces would be given to another grammar than the same text as a whole.
        """
        waits = False
        for pattern, marker in self._index.start_patterns:
            if self.quoted:
                break
            match = pattern.match(text, pos, pos + MAX_AT_START, partial=not ended)
            if match is not None and not match.partial:
                if waits:
                    break
                self.marker_size = match.end() - pos
                return pos, marker
            waits = waits or (match is not None and pos + MAX_AT_START > len(text))
        return (pos, None) if waits else None

    def _pass(self, text: str, pos: int, base: int, upto: int) -> int:
        """Go on to `upto`; return it."""
        self.code.advance(text, base, upto)
        if self.at_start and text[pos:upto].strip(WHITE):
            self.at_start = False
            self.started = True
        return upto

    def _is_cut_closer(self, tail: str) -> bool:
        """Whether `tail`, the end of the text after a call, is what is left of a closing marker.

        One character is too little to tell: a final `<` of an answer must stay.
        """
        start = tail.lower().rstrip()
        return len(start) > 1 and any(
            text.startswith(start) for text, marker in self._index.markers.items() if marker.role in ("close", "end")
        )
