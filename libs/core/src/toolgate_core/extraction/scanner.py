"""Finds the next place in ordinary text where something begins that is not text.

`Scan` is shared by the engine (`Extraction`) and by the guard of native answers (`MarkerScanner`), so that both stop at
the same places. It knows markers and code, and nothing of what stands between markers: that is the frames' part.

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
- What may wait: a proper beginning of a marker (at most the longest marker), white space behind a run of tildes or at
  the start of a text (at most MAX_AT_START), a marker inside an inline code span (`code_spans.MAX_SPAN`), and a token
  that may be the last thing in the text (MAX_ENDING).
- *Linear*: text without an anchor costs one `str.find` per anchor and piece (see `marker_index`); a marker that turns
  out to be text costs a bounded look around it, and the search goes on behind it.

When a marker counts is the larger part of this file. Markers come in kinds, because models write *about* their tokens
("the `<think>` tag …", "`</tool_call>` closes it"), and every one of the rules was once a wrong answer:

- A marker at which a call may begin counts where its grammar says (`Grammar.where`), except in code; special tokens
  also count in code. Whether it is a call is then up to the frame.
- A closing marker counts only behind a call, or where nothing else is left of the text.
- A marker of reasoning counts where a text or a line begins. In the middle of a sentence it is written about.
- A wrapper around text counts at the start of a text or line, where a word is glued to it, and from then on anywhere.
- The end of a turn counts behind a call, and where only such tokens follow up to the end of the text.
"""

from __future__ import annotations

import re

import regex
from msgspec.structs import replace

from toolgate_core.dialects.base import AnyGrammar, MessageGrammar
from toolgate_core.dialects.table import ActiveGrammars
from toolgate_core.extraction.code_spans import MAX_LINE, CodeSpans
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.marker_index import Marker, marker_index, reasoning_evidence
from toolgate_core.extraction.verdict import MarkerVerdict, Verdict
from toolgate_core.types.plan import ScannerState

NOWHERE = 1 << 62
"""An index behind the end of any text."""
MAX_ENDING = 512
"""Characters at the end of a text that may be a row of tokens which end it; a longer row is text."""
MAX_AT_START = 512
"""Characters that a block without a marker may take to show itself at the start of a text, white space included."""
MAX_HELD = 192
"""Characters at the end of a piece that are searched for anchors; longer than any marker with its suffix."""
_SUFFIX = re.compile(r"(</.+):[\w-]+\s*>\Z")
_SUFFIX_BEGINS = re.compile(r"(</[^\s>]+?)(?::[\w-]{0,32})?\s{0,64}\Z")
_CLOSE_SPACE = "> \t\r\n\f\v"
_ANSWER_BEGINS = frozenset("$\\({-+*_")
"""Characters besides letters and digits with which an answer begins right behind a wrapper: mathematics, lists."""


class Scan:
    """Walks text up to the next marker that counts.

    Attributes:
        at_start: nothing but white space since the start of the text or the last block.
        started: text other than white space has passed.
        had_call: a call has been read, so that closing markers and ends of turns need no opener.
        in_reasoning: the text is reasoning.
        had_reasoning: there has been reasoning.
        quoted: the text is a message in which calls are quotations: only headers of messages count.
        ignored_at: the marker at this index of the text is ordinary text, because no frame could read it.
        marker_size: characters of the marker that was found last.
        had_wrapper: a marker around text has counted.
        open_enclosing: the names of tags that have vanished around calls and are not closed yet.
        code: whether the place is inside Markdown code.
    """

    __slots__ = (
        "_index", "_start", "at_start", "code", "had_call", "had_reasoning", "had_wrapper", "ignored_at",
        "in_reasoning", "marker_size", "open_enclosing", "quoted", "started",
    )  # fmt: skip

    def __init__(self, active: ActiveGrammars, state: ScannerState) -> None:
        self._index = marker_index(active)
        self.code = CodeSpans(state)
        self.started = state.started
        self.at_start = not state.started
        self.had_call = False
        self.in_reasoning = False
        self.had_reasoning = False
        self.quoted = False
        self.ignored_at = -1
        self.marker_size = 0
        self.had_wrapper = False
        self.open_enclosing: set[str] = set()
        self._start = 0

    @property
    def enclosing_patterns(self) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
        """The patterns of tags that vanish around a call, and of what a call may begin with."""
        return self._index.enclosing_tag, self._index.call_openers

    def grammars_at(self, text: str, at: int, marker: str) -> tuple[AnyGrammar, ...]:
        """Return the grammars whose block may begin with `marker`, which stands at `at` behind enclosing tags."""
        grammars = self._index.markers[marker.lower()].grammars
        return tuple(grammar for grammar in grammars if self._may_begin(grammar, text, at, at))

    def state(self) -> ScannerState:
        """Return where the scan stands, so that another one can go on from here (see `ScannerState`)."""
        code = self.code
        return ScannerState(fence=code.fence, ticks=code.ticks, line=code.line, started=self.started)

    def after_block(self) -> None:
        """A block has been read here: what follows is looked at as the start of a text."""
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

    def _may_begin_marker(self, text: str) -> bool:
        """Whether a marker may have begun at the end of `text` whose anchor has not come yet."""
        return text[-self._index.max_length :].lower().endswith(self._index.anchorless)

    def run(self, text: str, pos: int, *, ended: bool) -> tuple[int, Marker | None]:
        """Return up to where `text` is ordinary from `pos` on, and the marker that stands there.

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
                # A run at the end of the text may grow, and "```json\n{" may become a marker of its own.
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
        # Behind a call the model stopped inside of its own closing marker: what is left of it is no answer.
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
        """Return what stands at an anchor and from where to where (see `_read`); none if nothing does."""
        match = self._index.anchors[text[place]].match(text, place)
        return None if match is None else self._read(match, pos)

    def _read(self, match: re.Match[str], pos: int) -> tuple[Marker | None, int, int]:
        """Return the marker of a match and where it stands; without a marker it is a run of backticks or tildes.

        A marker whose beginning was read before `pos` is not there any more: it went out as text.
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
        marker = table.get(key) or table.get(key.rstrip(_CLOSE_SPACE))
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

        The patterns are tried in order. One that may still match holds back those behind it: otherwise a text that
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

    def _judge(
        self, marker: Marker, text: str, span: tuple[int, int, int], *, ended: bool
    ) -> tuple[Marker, MarkerVerdict]:
        """Return what is left of the marker here, and whether it counts.

        Args:
            marker: what stands in the text.
            text: the text that is there.
            span: where the code around is known up to, where the marker begins, and where it ends.
            ended: no more text comes.
        """
        base, start, _ = span
        grammars = tuple(grammar for grammar in marker.grammars if self._may_begin(grammar, text, base, start))
        if len(grammars) < len(marker.grammars):
            marker = replace(marker, grammars=grammars)
        only_text = not marker.role and (not marker.enclosing or start == self.ignored_at)
        if not marker.grammars and (only_text or (self.quoted and not marker.special)):
            return marker, start + 1
        return marker, self._verdict(marker, text, span, ended=ended)

    def _may_begin(self, grammar: AnyGrammar, text: str, base: int, at: int) -> bool:
        """Whether a block of `grammar` may begin at `at`, by what stands before it on the line."""
        if at == self.ignored_at or (self.quoted and not isinstance(grammar, MessageGrammar)):
            return False
        if grammar.where == "anywhere":
            return True
        line = self.code.line_before(text, base, at)
        # Of a line that is longer than what is remembered the last character is unknown.
        if grammar.where == "word" and len(line) < MAX_LINE:
            return not line or line[-1] in WHITE
        return not line.strip(WHITE)

    def _blank_before(self, text: str, at: int) -> bool:
        """Whether nothing but white space stands between the start of the text, or the last block, and `at`."""
        return self.at_start and not text[self._start : at].strip(WHITE)

    def _glued_marker(self, text: str, stop: int, *, ended: bool) -> Verdict | None:
        """Say whether another marker follows at once, as it does in no sentence about markers; none if not."""
        if stop == len(text):
            return None if ended else Verdict.WAIT
        pattern = self._index.anchors.get(text[stop]) if text[stop] in "<[" else None
        if pattern is None:
            return None
        if pattern.match(text, stop) is not None:
            return Verdict.LIVE
        if self._held_from(text, stop) > stop:
            return None
        # At the end of a text the beginning of a marker counts as one that was cut.
        return Verdict.LIVE if ended else Verdict.WAIT

    def _verdict(self, marker: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> MarkerVerdict:
        """Decide whether a marker counts; first by its own kind, then by the code around it."""
        base, at, _ = span
        if not marker.grammars:
            verdict = self._verdict_of_role(marker, text, span, ended=ended)
            if verdict is not Verdict.LIVE or marker.special:
                return verdict
        if marker.live_in_code:
            return Verdict.LIVE
        fence = self.code.fence
        if not marker.grammars and marker.role in ("think", "think_end"):
            if not self._plain_reasoning_counts(marker.role, text, base, at):
                return at + 1
        verdict = self.code.verdict(text, base, at, ended=ended)
        self.code.fence = fence
        return verdict

    def _verdict_of_role(self, marker: Marker, text: str, span: tuple[int, int, int], *, ended: bool) -> MarkerVerdict:
        """Decide for a marker that opens no call; `LIVE` also where the code around it is still to be asked."""
        base, at, stop = span
        if marker.special and marker.role in ("wrapper", "think_end"):
            glued = self._glued_marker(text, stop, ended=ended)
            if glued is not None:
                return glued
        if marker.role == "wrapper" and stop == len(text) and not ended:
            return Verdict.WAIT
        if marker.role == "end" or (marker.role == "wrapper" and not self._wrapper_counts(text, base, at, stop)):
            return self._verdict_at_end(text, at, ended=ended)
        if marker.role == "close":
            known = not marker.enclosing or text[at + 2 : stop].rstrip(_CLOSE_SPACE).lower() in self.open_enclosing
            return self._verdict_of_closer(marker, text, at, ended=ended, known=known)
        if marker.special and marker.role in ("think", "think_end"):
            return self._verdict_of_special_reasoning(marker, text, base, at, ended=ended)
        return Verdict.LIVE

    def _verdict_of_closer(self, marker: Marker, text: str, at: int, *, ended: bool, known: bool) -> MarkerVerdict:
        """Decide for a closing marker: it counts behind a call, in reasoning if special, else at the ends of a text.

        `known`: it belongs to one of the grammars, or its opener has vanished; any other one counts only right behind a
        call.
        """
        if (self.had_call and known) or (marker.special and self.in_reasoning):
            return Verdict.LIVE
        if marker.special:
            return self._verdict_at_end(text, at, ended=ended)
        return Verdict.LIVE if self._blank_before(text, at) and (known or self.had_call) else at + 1

    def _plain_reasoning_counts(self, role: str, text: str, base: int, at: int) -> bool:
        """Whether a marker of reasoning that is ordinary text, such as `<think>`, may count here."""
        blank = self._blank_before(text, at)
        if role == "think":
            return blank
        if self.in_reasoning:
            self.code.fence = ""  # an unclosed fence in a thought does not reach into the answer
            return True
        return blank or self.had_reasoning or not self.code.line_before(text, base, at).strip(WHITE)

    def _wrapper_counts(self, text: str, base: int, at: int, stop: int) -> bool:
        """Whether a marker around text counts here.

        It does where a text or a line begins, where a word is glued to it, as to no token that is written about, and
        anywhere once one has counted.
        """
        behind = text[stop : stop + 1]
        glued = behind.isalnum() or behind in _ANSWER_BEGINS
        first = self._blank_before(text, at) or not self.code.line_before(text, base, at).strip(WHITE)
        self.had_wrapper = self.had_wrapper or first or glued
        return self.had_wrapper

    def _verdict_of_special_reasoning(
        self, marker: Marker, text: str, base: int, at: int, *, ended: bool
    ) -> MarkerVerdict:
        """Decide for a special marker of reasoning.

        Answers mention such tokens. So one counts where a text or a line begins, or together with what belongs to it.
        """
        if self._blank_before(text, at) or not self.code.line_before(text, base, at).strip(WHITE):
            return Verdict.LIVE
        if marker.role == "think_end":
            known = self.in_reasoning or self.had_reasoning or self.had_wrapper
            return Verdict.LIVE if known else self._verdict_at_end(text, at, ended=ended)
        form = marker.reasoning
        assert form is not None  # markers of reasoning have one
        if not form.header:
            return at + 1
        match = reasoning_evidence(form).match(text, at + len(form.open), partial=not ended)
        if match is not None and match.partial:
            return Verdict.WAIT
        return Verdict.LIVE if match and match.end() > match.start() else at + 1

    def _verdict_at_end(self, text: str, at: int, *, ended: bool) -> MarkerVerdict:
        """Decide for a token that ends something: it counts behind a call, and where only such tokens follow."""
        if self.had_call:
            return Verdict.LIVE
        match = self._index.end_run.fullmatch(text, at, partial=True) if len(text) - at <= MAX_ENDING else None
        if match is None:
            return at + 1
        if ended:
            self.had_call = True  # what is left of another such token behind it vanishes, too
        return Verdict.LIVE if ended else Verdict.WAIT

    def _is_cut_closer(self, tail: str) -> bool:
        """Whether `tail`, the end of the text behind a call, is what is left of a closing marker.

        One character is too little to tell: a final `<` of an answer must stay.
        """
        start = tail.lower().rstrip()
        return len(start) > 1 and any(
            text.startswith(start) for text, marker in self._index.markers.items() if marker.role in ("close", "end")
        )

    def _held_from(self, text: str, at: int) -> int:
        """Return where a marker may have begun that the end of the text cuts, the end itself if nowhere."""
        hold = len(text)
        last = text[-MAX_HELD:]
        if not self._may_begin_marker(last) and not any(char in last for char in self._index.anchors):
            return hold
        # White space may stand inside of a marker ("< | DSML |") and behind it, so the end counts with and without it.
        bare = text.rstrip(WHITE)
        for tail in (text, bare) if bare is not text else (text,):
            lengths, prefixes = self._index.prefixes.get(tail[-1:].lower(), ((), frozenset()))
            for length in lengths:
                start = len(tail) - length
                if start >= at and start < hold and start != self.ignored_at and tail[start:].lower() in prefixes:
                    hold = start
                    break
        tag = text.rfind("</", max(at, len(text) - 128), hold)
        if tag >= 0 and (begun := _SUFFIX_BEGINS.match(text, tag)) and begun[1].lower() in self._index.close_tags:
            hold = tag
        if text.endswith("~"):
            hold = min(hold, max(at, len(text.rstrip("~"))))
        return hold
