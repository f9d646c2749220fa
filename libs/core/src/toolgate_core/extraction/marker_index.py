"""What the scan looks for: all markers of a choice of dialects, compiled for the search.

Every marker is found by its rarest character, its *lead*: `str.find` skips ordinary text at the speed of memory, and
only where a lead stands is a pattern tried. What the end of a text may be the beginning of is looked up by the
last character.
"""

from __future__ import annotations

import re
from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import AnyGrammar, PayloadGrammar, Reasoning
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES
from toolgate_core.dialects.table import ActiveGrammars

_LAST = ("end", "wrap", "close", "unthink")
LEADS = "<[`~=|{:>/"
"""Characters by which markers are found, the rarest first."""


class Marker(Struct, frozen=True):
    """What a marker means: what may begin there, and what the marker is where nothing does.

    `other`: `close` (of a call), `think`, `unthink`, `wrap` (vanishes), `end` (of a turn); empty: ordinary text.
    `around`: the marker is a tag that vanishes with the call inside it, or such a tag's closing one.
    """

    calls: tuple[AnyGrammar, ...] = ()
    other: str = ""
    special: bool = False
    reasoning: Reasoning | None = None
    around: bool = False

    @property
    def live_in_code(self) -> bool:
        """Whether the marker means what it says even inside code."""
        return self.special if self.other else bool(self.calls) and all(grammar.special for grammar in self.calls)


class MarkerIndex(Struct, frozen=True):
    """All markers of a choice of dialects, ready to be searched for."""

    leads: dict[str, re.Pattern[str]]
    behind: dict[str, tuple[str, ...]]
    table: dict[str, Marker]
    heads: tuple[tuple[regex.Pattern[str], Marker], ...]
    opens: regex.Pattern[str]
    around: regex.Pattern[str]
    prefixes: dict[str, tuple[tuple[int, ...], frozenset[str]]]
    ends: regex.Pattern[str]
    fence: Marker | None
    closes: frozenset[str]
    loose: tuple[str, ...]
    longest: int


def _others(active: ActiveGrammars) -> dict[str, Marker]:
    """Return what markers are where no call begins; the first that claims one has it."""
    table: dict[str, Marker] = {}
    for grammar in active.grammars:
        for name in grammar.close_tags:
            table.setdefault(f"</{name}".lower(), Marker(other="close", special=grammar.special))
        for token in grammar.close_tokens:
            table.setdefault(token.lower(), Marker(other="close", special=grammar.special))
    for name in active.enclosing_tags:
        table.setdefault(f"<{name}".lower(), Marker(around=True))
        table.setdefault(f"</{name}".lower(), Marker(other="close", around=True))
    for token in active.wrappers:
        table.setdefault(token.lower(), Marker(other="wrap", special=True))
    for form in active.reasoning:
        table[form.open.lower()] = Marker(other="think", special=form.special, reasoning=form)
        table[form.close.lower()] = Marker(other="unthink", special=form.special, reasoning=form)
    for token in active.ends:
        table[token.lower()] = Marker(other="end", special=True)
    return table


def _entries(active: ActiveGrammars) -> dict[str, Marker]:
    calls: dict[str, list[AnyGrammar]] = {}
    for grammar in active.grammars:
        for marker in (*(f"<{name}" for name in grammar.tags), *grammar.tokens):
            calls.setdefault(marker.lower(), []).append(grammar)
    others = _others(active)
    nothing = Marker()
    for marker in (marker for marker, other in others.items() if other.around and not other.other):
        # A longer marker hides a shorter one that is its beginning, such as the `<` of a dialect whose tags are tools.
        calls[marker] = [
            grammar
            for grammar in active.grammars
            if marker[1:] in map(str.lower, grammar.tags) or any(marker.startswith(token) for token in grammar.tokens)
        ]
    return {
        marker: Marker(tuple(calls.get(marker, ())), other.other, other.special, other.reasoning, other.around)
        for marker in calls | others
        if (other := others.get(marker, nothing))
    }


def _lead(marker: str) -> int:
    """Return the place of a marker's rarest character."""
    places = [(LEADS.index(char), place) for place, char in enumerate(marker) if char in LEADS]
    return min(places)[1] if places else 0


def _patterns(table: dict[str, Marker], tags: frozenset[str], closes: frozenset[str]) -> dict[str, re.Pattern[str]]:
    """Return for each lead the pattern of what may stand there, those that begin earlier first, then longer ones."""
    rests: dict[str, list[str]] = {"`": ["`{1,64}"], "~": ["~{2,64}"]}
    for marker in sorted(table, key=lambda marker: (_lead(marker), len(marker))):
        after = r"(?=[\s/>])" if marker in tags else r"(?::[\w-]{1,32})?\s{0,64}>" if marker in closes else ""
        place = _lead(marker)
        before = rf"(?<={re.escape(marker[:place])})" if place else ""
        rests.setdefault(marker[place], []).insert(0, before + re.escape(marker[place:]) + after)
    return {char: re.compile("|".join(rest), re.IGNORECASE | re.ASCII) for char, rest in rests.items()}


def _beginnings(markers: tuple[str, ...]) -> frozenset[str]:
    """Return every proper beginning of every marker, in lower case."""
    return frozenset(marker[:size].lower() for marker in markers for size in range(1, len(marker)))


def _prefixes(table: dict[str, Marker], whole: frozenset[str]) -> dict[str, tuple[tuple[int, ...], frozenset[str]]]:
    """Return the beginnings of markers by their last character, with their lengths, the longest first."""
    found: dict[str, set[str]] = {}
    for prefix in _beginnings(tuple(table)) | whole:
        found.setdefault(prefix[-1], set()).add(prefix)
    return {
        char: (tuple(sorted({len(prefix) for prefix in prefixes}, reverse=True)), frozenset(prefixes))
        for char, prefixes in found.items()
    }


def _behind(table: dict[str, Marker]) -> dict[str, tuple[str, ...]]:
    """Return the markers whose lead is not their beginning, by what they are from the lead on, the longest first."""
    found: dict[str, list[str]] = {}
    for marker in sorted(filter(_lead, table), key=len, reverse=True):
        found.setdefault(marker[_lead(marker) :], []).append(marker)
    return {rest: tuple(markers) for rest, markers in found.items()}


def _opens(table: dict[str, Marker], tags: frozenset[str]) -> regex.Pattern[str]:
    """Return the pattern of the markers at which a call may begin, longer ones first."""
    markers = sorted((marker for marker, entry in table.items() if entry.calls), key=len, reverse=True)
    found = (regex.escape(marker) + (r"(?=[\s/>])" if marker in tags else "") for marker in markers)
    return regex.compile("|".join(found) or "(?!)", regex.IGNORECASE)


def _around(active: ActiveGrammars) -> regex.Pattern[str]:
    """Return the pattern of a tag that vanishes around a call."""
    names = "|".join(map(regex.escape, active.enclosing_tags)) or "(?!)"
    return regex.compile(f"<(?P<name>{names}){ANY_ATTRIBUTES}>", regex.IGNORECASE)


def _head(pattern: str) -> regex.Pattern[str]:
    return regex.compile(rf"\s*(?:{pattern})")


@cache
def marker_index(active: ActiveGrammars) -> MarkerIndex:
    """Return the markers of a choice of dialects."""
    table = _entries(active)
    grammars = active.grammars
    tags = frozenset(f"<{name}".lower() for grammar in grammars for name in grammar.tags)
    tags |= {f"<{name}".lower() for name in active.enclosing_tags}
    closes = frozenset(f"</{name}".lower() for grammar in grammars for name in grammar.close_tags)
    closes |= {f"</{name}".lower() for name in active.enclosing_tags}
    last = [marker for marker, entry in table.items() if entry.special and entry.other in _LAST]
    ends = "|".join(map(re.escape, last))
    payloads = tuple(grammar for grammar in grammars if isinstance(grammar, PayloadGrammar) and grammar.fenced)
    leads, known = _patterns(table, tags, closes), _prefixes(table, tags | closes)
    return MarkerIndex(
        leads=leads,
        behind=_behind(table),
        table=table,
        heads=(
            *((_head(grammar.begins), Marker((grammar,))) for grammar in grammars if grammar.begins),
            *((_head(pattern), Marker(other="wrap", special=True)) for pattern in active.start_patterns),
        ),
        opens=_opens(table, tags),
        around=_around(active),
        prefixes=known,
        ends=regex.compile(rf"(?:\s*+(?:{ends}))++\s*+" if ends else "(?!)", regex.IGNORECASE),
        fence=Marker(payloads) if payloads else None,
        closes=closes,
        loose=tuple(prefix for _, prefixes in known.values() for prefix in prefixes if not leads.keys() & set(prefix)),
        longest=max(map(len, table)) + 1,
    )


@cache
def behind(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what follows the opening marker and shows that it is meant."""
    return regex.compile(f"{form.header}|{form.answer}" if form.answer else form.header)


@cache
def answer(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what follows the opening marker where it begins the answer."""
    return regex.compile(form.answer or "(?!)")


@cache
def lead(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what follows the opening marker of reasoning and belongs to it."""
    return regex.compile(form.header)
