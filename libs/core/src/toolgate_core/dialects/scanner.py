"""Finds where a call may begin in ordinary text.

`Scan` is what the engine and `MarkerScanner` share: it walks text, follows code contexts, and stops at a marker that is
live there. `MarkerScanner` is the cheap guard of answers that should hold no markup: it costs a few string searches per
piece until a marker comes, and then says where an extraction must go on.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from typing import Literal as OneOf

from msgspec import Struct

from toolgate_core.dialects.base import AnyGrammar
from toolgate_core.dialects.cursor import WHITE, beginnings
from toolgate_core.dialects.literal import Literal
from toolgate_core.plan import ScannerState

THINK_OPEN: Final = "<think>"
THINK_CLOSE: Final = "</think>"
HEAD_WORDS = ("analysis", "commentary", "assistantanalysis", "assistantcommentary")

Kind = OneOf["call", "close", "think", "unthink"]


class Entry(Struct, frozen=True):
    """What a marker means; `grammar` for a call and its close."""

    kind: Kind
    grammar: AnyGrammar | None = None

    @property
    def special(self) -> bool:
        """Whether the marker means what it says even inside code."""
        return self.grammar is not None and self.grammar.special


class Triggers(Struct, frozen=True):
    """All markers of a set of grammars, ready to be searched for."""

    search: re.Pattern[str]
    head: re.Pattern[str] | None
    table: dict[str, Entry]
    prefixes: frozenset[str]
    head_prefixes: frozenset[str]
    first: str
    longest: int


def _entries(grammars: tuple[AnyGrammar, ...]) -> dict[str, Entry]:
    table = {THINK_OPEN: Entry("think"), THINK_CLOSE: Entry("unthink")}
    for grammar in reversed(grammars):
        table.update({f"</{name}".lower(): Entry("close", grammar) for name in grammar.close_tags})
        table.update({token.lower(): Entry("close", grammar) for token in grammar.close_tokens})
    for grammar in reversed(grammars):
        table.update({f"<{name}".lower(): Entry("call", grammar) for name in grammar.tags})
        table.update({token.lower(): Entry("call", grammar) for token in grammar.tokens})
    return table


@cache
def triggers(grammars: tuple[AnyGrammar, ...]) -> Triggers:
    """Return the markers of `grammars`; where two share one, the earlier grammar has it."""
    table = _entries(grammars)
    tags = {f"<{name}".lower() for grammar in grammars for name in grammar.tags}
    closes = {f"</{name}".lower() for grammar in grammars for name in grammar.close_tags}
    parts = []
    for marker in sorted(table, key=len, reverse=True):
        after = r"(?=[\s/>])" if marker in tags else r"\s*>" if marker in closes else ""
        parts.append(re.escape(marker) + after)
    search = re.compile(rf"({'|'.join(parts)})|`+|~~~+", re.IGNORECASE)
    bare = tuple(token for token in table if token.startswith(" "))
    head = re.compile(rf"\s*(?:{'|'.join(HEAD_WORDS)})(?:{'|'.join(map(re.escape, bare))})") if bare else None
    return Triggers(
        search=search,
        head=head,
        table=table,
        prefixes=beginnings((*table, "~~~")) | tags | closes,
        head_prefixes=beginnings(tuple(word + token for word in HEAD_WORDS for token in bare)),
        first="".join(sorted({"~", *(marker[0] for marker in table)})),
        longest=max(map(len, table)) + 1,
    )


class Scan:
    """Walks text up to the next live marker.

    Attributes:
        head: nothing but white space since the start of the text or the last block.
        started: text other than white space has passed.
        closes: closing markers without an opener count (there has been a call).
        thinking: the text is reasoning.
        mute: the marker at this place of the text is ordinary text.
    """

    __slots__ = ("_triggers", "closes", "head", "literal", "mute", "started", "thinking", "thought")

    def __init__(self, grammars: tuple[AnyGrammar, ...], state: ScannerState) -> None:
        self._triggers = triggers(grammars)
        self.literal = Literal(state)
        self.started = state.started
        self.head = not state.started
        self.closes = False
        self.thinking = False
        self.thought = False
        self.mute = -1

    def state(self) -> ScannerState:
        """Return where the scan stands."""
        literal = self.literal
        return ScannerState(fence=literal.fence, ticks=literal.ticks, line=literal.line, started=self.started)

    def block(self) -> None:
        """A block has been read here."""
        self.literal.reset()
        self.head = True

    def run(self, text: str, pos: int, *, ended: bool) -> tuple[int, Entry | None]:
        """Return up to where `text` is ordinary from `pos` on, and the marker that stands there.

        Without a marker, what lies beyond may become one when more text comes.
        """
        if self.head and pos != self.mute and (verdict := self._at_head(text, pos, ended=ended)) is not None:
            return verdict
        base = at = pos
        while (match := self._triggers.search.search(text, at)) is not None:
            start, stop = match.span()
            marker = match.group(1)
            if marker is not None and start == self.mute and marker[0] == "`":
                marker, stop = None, start + len(marker) - len(marker.lstrip("`"))
            if marker is None:
                waits = not ended and (stop == len(text) or self._may_become(text, start))
                if waits or not self.literal.run(text, base, start, stop, ended=ended):
                    return self._clean(text, pos, base, start), None
                base = at = stop
                continue
            entry = self._entry(marker)
            live = start != self.mute and self._live(entry, text, base, start, ended=ended)
            if live is None or live:
                return self._clean(text, pos, base, start), entry if live else None
            at = start + 1
        hold = len(text) if ended else self._partial(text, at)
        return self._clean(text, pos, base, hold), None

    def _may_become(self, text: str, start: int) -> bool:
        return start != self.mute and text[start : start + self._triggers.longest].lower() in self._triggers.prefixes

    def _entry(self, marker: str) -> Entry:
        key = marker.lower()
        table = self._triggers.table
        return table[key] if key in table else table[key.rstrip("> \t\r\n")]

    def _at_head(self, text: str, pos: int, *, ended: bool) -> tuple[int, Entry | None] | None:
        """Harmony without its special tokens begins with a bare word, which counts only as the first of a text."""
        head = self._triggers.head
        if head is None:
            return None
        if match := head.match(text, pos):
            token = match.group().lower().lstrip(WHITE)
            return pos, self._triggers.table[token[token.index(" ") :]]
        word = text[pos : pos + 64].lstrip(WHITE).lower()
        if not ended and word in self._triggers.head_prefixes:
            return pos, None
        return None

    def _clean(self, text: str, pos: int, base: int, upto: int) -> int:
        self.literal.advance(text, base, upto)
        if self.head and text[pos:upto].strip(WHITE):
            self.head = False
            self.started = True
        return upto

    def _live(self, entry: Entry, text: str, base: int, at: int, *, ended: bool) -> bool | None:
        if entry.special:
            return entry.kind == "call" or self.closes
        if entry.kind == "close" and not self.closes:
            return False
        fence = self.literal.fence
        if entry.kind in ("think", "unthink"):
            blank = not text[base:at].strip(WHITE) and self.head
            if entry.kind == "think":
                return blank
            if self.thinking:
                self.literal.fence = ""  # an unclosed fence in a thought does not reach into the answer
            elif not (blank or self.thought or not self.literal.prefix(text, base, at).strip(WHITE)):
                return False
        inside = self.literal.inside(text, base, at, ended=ended)
        self.literal.fence = fence
        return None if inside is None else not inside

    def _partial(self, text: str, at: int) -> int:
        """Return where a marker may have begun that the end of the text cuts, the end itself if nowhere."""
        low = max(at, len(text) - self._triggers.longest)
        tail = text[low:].lower()
        for index, char in enumerate(tail):
            if char in self._triggers.first and not self._triggers.prefixes.isdisjoint(
                (tail[index:], tail[index:].rstrip())
            ):
                return low + index
        return len(text)
