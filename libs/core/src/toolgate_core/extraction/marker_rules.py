"""Decides when a marker counts. The larger part of a scan, because models write *about* their tokens.

"The `<think>` tag …", "a call ends with `</tool_call>`": such sentences are answers, and their markers must stay. So
markers come in kinds, and each kind has a rule of where it can't be prose. Every one of them was once a wrong answer.

```
opener of calls   where its grammar says (`Grammar.where`), but not in code; special tokens also in code
closer of calls   after a call, inside reasoning if it is special, or where nothing else is left of the text
reasoning         where a text or a line begins; not in the middle of a sentence
wrapper           where a text or a line begins, where a word is glued to it, and anywhere once one has counted
end of a turn     after a call, and where only such tokens follow up to the end of the text
```
Whether an opener begins a call is not decided here but by the frame that reads on after it.

What may wait (`Verdict.WAIT`): a token that may be the last thing in the text (up to MAX_ENDING characters), a token
that another one may follow at once, a marker inside an inline code span (`code_spans.MAX_SPAN`), and what belongs to a
marker of reasoning. Everything looks at a bounded stretch before and after the marker, so that a text of nothing but
markers costs what its length costs.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from toolgate_core.dialects.base import AnyGrammar, MessageGrammar
from toolgate_core.dialects.table import ActiveGrammars
from toolgate_core.extraction.code_spans import MAX_LINE, CodeSpans
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.marker_index import Marker, marker_index, reasoning_evidence
from toolgate_core.extraction.verdict import MarkerVerdict, Verdict
from toolgate_core.types.plan import ScannerState

MAX_ENDING = 512
"""Characters at the end of a text that may be a row of tokens which end it; a longer row is text."""
MAX_HELD = 192
"""Characters at the end of a piece that are searched for anchors; longer than any marker with its suffix."""
_SUFFIX_BEGINS = re.compile(r"(</[^\s>]+?)(?::[\w-]{0,32})?\s{0,64}\Z")
_ANSWER_BEGINS = frozenset("$\\({-+*_")
"""Characters besides letters and digits with which an answer begins right after a wrapper: mathematics, lists."""
CLOSE_SPACE = "> \t\r\n\f\v"
"""What may be at the end of a closing tag."""


class MarkerRules:
    """What is known about the text before a place, and what a marker means there.

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

    def _may_begin_marker(self, text: str) -> bool:
        """Whether a marker may have begun at the end of `text` whose anchor has not come yet."""
        return text[-self._index.max_length :].lower().endswith(self._index.anchorless)

    def _judge(
        self, marker: Marker, text: str, span: tuple[int, int, int], *, ended: bool
    ) -> tuple[Marker, MarkerVerdict]:
        """Return what is left of the marker here, and whether it counts.

        Args:
            marker: what is in the text.
            text: the text that is there.
            span: where the code around is known up to, where the marker begins, and where it ends.
            ended: no more text comes.
        """
        base, start, _ = span
        grammars = tuple(grammar for grammar in marker.grammars if self._may_begin(grammar, text, base, start))
        # A copy only where something is left out: most markers have one grammar, and it may begin anywhere.
        if len(grammars) < len(marker.grammars):
            marker = replace(marker, grammars=grammars)
        # An enclosing tag stays a candidate without grammars: the call may follow inside of it.
        only_text = not marker.role and (not marker.enclosing or start == self.ignored_at)
        if not marker.grammars and (only_text or (self.quoted and not marker.special)):
            return marker, start + 1
        return marker, self._verdict(marker, text, span, ended=ended)

    def _may_begin(self, grammar: AnyGrammar, text: str, base: int, at: int) -> bool:
        """Whether a block of `grammar` may begin at `at`, by what is before it on the line."""
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
        """Whether nothing but white space is between the start of the text, or the last block, and `at`."""
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
        # The rule for reasoning below may look past an open fence; the fence itself stays as it was.
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
        # Whether a word is glued to it is not known yet.
        if marker.role == "wrapper" and stop == len(text) and not ended:
            return Verdict.WAIT
        if marker.role == "end" or (marker.role == "wrapper" and not self._wrapper_counts(text, base, at, stop)):
            return self._verdict_at_end(text, at, ended=ended)
        if marker.role == "close":
            known = not marker.enclosing or text[at + 2 : stop].rstrip(CLOSE_SPACE).lower() in self.open_enclosing
            return self._verdict_of_closer(marker, text, at, ended=ended, known=known)
        if marker.special and marker.role in ("think", "think_end"):
            return self._verdict_of_special_reasoning(marker, text, base, at, ended=ended)
        return Verdict.LIVE

    def _verdict_of_closer(self, marker: Marker, text: str, at: int, *, ended: bool, known: bool) -> MarkerVerdict:
        """Decide for a closing marker: it counts after a call, in reasoning if special, else at the ends of a text.

        `known`: it belongs to one of the grammars, or its opener has vanished; any other one counts only right after a
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
        """Decide for a token that ends something: it counts after a call, and where only such tokens follow."""
        if self.had_call:
            return Verdict.LIVE
        match = self._index.end_run.fullmatch(text, at, partial=True) if len(text) - at <= MAX_ENDING else None
        if match is None:
            return at + 1
        if ended:
            self.had_call = True  # what is left of another such token after it vanishes, too
        return Verdict.LIVE if ended else Verdict.WAIT

    def _held_from(self, text: str, at: int) -> int:
        """Return where a marker may have begun that the end of the text cuts, the end itself if nowhere."""
        hold = len(text)
        last = text[-MAX_HELD:]
        if not self._may_begin_marker(last) and not any(char in last for char in self._index.anchors):
            return hold
        # White space may be inside of a marker ("< | DSML |") and after it, so the end counts with and without it.
        bare = text.rstrip(WHITE)
        for tail in (text, bare) if bare is not text else (text,):
            lengths, prefixes = self._index.prefixes.get(tail[-1:].lower(), ((), frozenset()))
            # The longest beginning first: it holds back what the shorter ones would, and more.
            for length in lengths:
                start = len(tail) - length
                if start >= at and start < hold and start != self.ignored_at and tail[start:].lower() in prefixes:
                    hold = start
                    break
        # A closing tag may have a suffix, which is in no table: `</tool_call:opensource`.
        tag = text.rfind("</", max(at, len(text) - 128), hold)
        if tag >= 0 and (begun := _SUFFIX_BEGINS.match(text, tag)) and begun[1].lower() in self._index.close_tags:
            hold = tag
        # One tilde is text and two may become a fence, so a run at the end is held whole.
        if text.endswith("~"):
            hold = min(hold, max(at, len(text.rstrip("~"))))
        return hold
