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
from toolgate_core.extraction.cursor import WHITE, beginnings
from toolgate_core.extraction.literal import Literal
from toolgate_core.plan import ScannerState

THINK_OPEN: Final = "<think>"
THINK_CLOSE: Final = "</think>"
MAX_HELD = 64
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


def _pattern(table: dict[str, Entry], tags: frozenset[str], closes: frozenset[str]) -> re.Pattern[str]:
    """Return the search for all markers and for runs of backticks and tildes.

    It begins with one class of rare characters and sorts out afterwards which of them it was: so the search runs over
    ordinary text at full speed. A marker that begins with white space is found by its first rare character.
    """
    rests: dict[str, list[str]] = {"`": ["`*"], "~": ["~~+"]}
    for marker in sorted(table, key=len):
        after = r"(?=[\s/>])" if marker in tags else r"\s*>" if marker in closes else ""
        if marker[0].isspace():
            lead, rest = marker.split("=")
            rests.setdefault("=", []).insert(0, rf"(?<={re.escape(lead)}=){re.escape(rest)}")
        else:
            rests.setdefault(marker[0], []).insert(0, re.escape(marker[1:]) + after)
    branches = "|".join(rf"(?<={re.escape(char)})(?:{'|'.join(rest)})" for char, rest in rests.items())
    return re.compile(rf"[{re.escape(''.join(rests))}](?:{branches})", re.IGNORECASE)


@cache
def triggers(grammars: tuple[AnyGrammar, ...]) -> Triggers:
    """Return the markers of `grammars`; where two share one, the earlier grammar has it."""
    table = _entries(grammars)
    tags = frozenset(f"<{name}".lower() for grammar in grammars for name in grammar.tags)
    closes = frozenset(f"</{name}".lower() for grammar in grammars for name in grammar.close_tags)
    bare = tuple(token for token in table if token[0] == " ")
    words = "|".join(word + re.escape(token) for word in HEAD_WORDS for token in bare)
    return Triggers(
        search=_pattern(table, tags, closes),
        head=re.compile(rf"\s*(?:{words})") if bare else None,
        table=table,
        prefixes=beginnings(tuple(table)) | tags | closes,
        head_prefixes=beginnings(tuple(word + token for word in HEAD_WORDS for token in bare)),
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

    __slots__ = ("_start", "_triggers", "closes", "head", "literal", "mute", "started", "thinking", "thought")

    def __init__(self, grammars: tuple[AnyGrammar, ...], state: ScannerState) -> None:
        self._triggers = triggers(grammars)
        self.literal = Literal(state)
        self.started = state.started
        self.head = not state.started
        self.closes = False
        self.thinking = False
        self.thought = False
        self.mute = -1
        self._start = 0

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
        base = at = self._start = pos
        while (match := self._triggers.search.search(text, at)) is not None:
            entry, start, stop = self._read(match)
            if entry is None:
                waits = not ended and (stop == len(text) or self._may_become(text, start))
                if waits or not self.literal.run(text, base, start, stop, ended=ended):
                    return self._clean(text, pos, base, start), None
                base = at = stop
                continue
            skip = match.start() + 1 if start == self.mute else self._inert(entry, text, base, start, ended=ended)
            if not skip:
                return self._clean(text, pos, base, start), entry if skip == 0 else None
            at = max(skip, match.start() + 1)
        hold = len(text) if ended else self._partial(text, at)
        return self._clean(text, pos, base, hold), None

    def _read(self, match: re.Match[str]) -> tuple[Entry | None, int, int]:
        """Return what was found (nothing: a run of backticks or tildes) and where it stands."""
        start, stop = match.span()
        char = match.string[start]
        if char in "`~":
            marker = match.group().lower()
            if marker in self._triggers.table and start != self.mute:
                return self._triggers.table[marker], start, stop
            return None, start, start + len(marker) - len(marker.lstrip(char))
        if char == "=":
            start -= 3
        key = match.string[start:stop].lower()
        table = self._triggers.table
        return table.get(key) or table[key.rstrip("> \t\r\n\f\v")], start, stop

    def _may_become(self, text: str, start: int) -> bool:
        return start != self.mute and text[start : start + self._triggers.longest].lower() in self._triggers.prefixes

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

    def _inert(self, entry: Entry, text: str, base: int, at: int, *, ended: bool) -> int | None:
        """Return where to go on if the marker at `at` means nothing there; 0 if it is live, none if more must tell."""
        if entry.special:
            return 0 if entry.kind == "call" or self.closes else at + 1
        if entry.kind == "close" and not self.closes:
            return at + 1
        fence = self.literal.fence
        if entry.kind in ("think", "unthink"):
            blank = self.head and not text[self._start : at].strip(WHITE)
            if entry.kind == "think" and not blank:
                return at + 1
            if entry.kind == "unthink" and not self.thinking:
                line_start = not self.literal.prefix(text, base, at).strip(WHITE)
                if not (blank or self.thought or line_start):
                    return at + 1
            elif entry.kind == "unthink":
                self.literal.fence = ""  # an unclosed fence in a thought does not reach into the answer
        inside = self.literal.inside(text, base, at, ended=ended)
        self.literal.fence = fence
        return inside

    def _partial(self, text: str, at: int) -> int:
        """Return where a marker may have begun that the end of the text cuts, the end itself if nowhere."""
        prefixes, hold = self._triggers.prefixes, len(text)
        if (tag := text.rfind("<", max(at, hold - MAX_HELD))) >= 0 and text[tag:].rstrip().lower() in prefixes:
            hold = tag
        at = max(at, len(text) - self._triggers.longest)
        space = max(text.rfind(" ", at, hold), text.rfind("\n", at, hold))
        if space >= 0 and text[space:].lower() in prefixes:
            hold = min(hold, space)
        if text.endswith("~"):
            hold = min(hold, max(at, len(text.rstrip("~"))))
        return hold
