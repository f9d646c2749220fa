"""The markers that the scan looks for, of a choice of dialects, compiled for the search.

Some 330 markers are looked for at once (`<tool_call`, `<|channel|>`, `[TOOL_CALLS]`, `</think>` …).
One big alternation would try every one of them at every character. Instead each marker is found by its *anchor*, its
rarest character in ordinary text: `str.find` skips to the next anchor at the speed of memory, and only there the
pattern of the markers with this anchor is tried. `benchmarks/extraction.py` measures that as the cost of plain text per
token.

```
anchor   = "<" | "[" | "`" | "~" | "=" | "|" | "{" | ":" | ">" | "/"        (in this order of preference, see ANCHORS)
marker   = [before] anchor [rest]            `before` is checked by a look-after, `rest` by the pattern
tag      = "<" name, then white space, "/" or ">"               so that `<toolbar>` is not `<tool`
closer   = "</" name [":" suffix] [space] ">"                   Hy 4 writes `</tool_call:opensource>`
```

Two more questions are answered by tables that are made here, because they are asked for every piece of text:

- *May a marker begin at the end of this piece?* `prefixes` holds every proper beginning of every marker by its last
  character; only such an end is held back. `anchorless` are the beginnings that hold no anchor yet.
- *What does the marker mean?* `markers` maps its text, in lower case, to a `Marker`: the grammars that may read a block
  there, in the order of the dialects, and its role where none of them does.

Everything here is computed once per choice of dialects (`cache` on a frozen, identity-hashed struct) and never while a
text is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, TypeAlias

import regex
from msgspec import Struct

from toolgate_core.dialects.base import AnyGrammar, PayloadGrammar, Reasoning
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES
from toolgate_core.dialects.table import ActiveGrammars

MarkerRole: TypeAlias = Literal["", "close", "think", "think_end", "wrapper", "end"]
"""What a marker is where no call begins at it: a closer of calls, one side of reasoning, a marker that vanishes around
ordinary text, the end of a turn; empty: ordinary text."""

_MAY_END_A_TEXT = ("end", "wrapper", "close", "think_end")
ANCHORS = "<[`~=|{:>/"
"""Characters by which markers are found, the preferred ones first.

The order is a compromise of two counts. `<` and `[` are rare in prose and most markers hold one of them. The last ones
are frequent in text, and only markers without any other anchor use them.
"""


class Marker(Struct, frozen=True):
    """What a marker means.

    Attributes:
        grammars: those that may read a block which begins with the marker, the likeliest first.
        role: what the marker is where none of them finds its block.
        special: the marker is a special token of a model, so that it is not part of an example in code.
        reasoning: the form of reasoning that a `think` or `think_end` marker belongs to.
        enclosing: the marker is a tag that vanishes with the call inside of it, or the closing tag of one.
    """

    grammars: tuple[AnyGrammar, ...] = ()
    role: MarkerRole = ""
    special: bool = False
    reasoning: Reasoning | None = None
    enclosing: bool = False

    @property
    def live_in_code(self) -> bool:
        """Whether the marker counts even inside code: a model can't write its special tokens as an example."""
        return self.special if self.role else bool(self.grammars) and all(one.special for one in self.grammars)


class MarkerIndex(Struct, frozen=True):
    """All markers of a choice of dialects, ready to be searched for.

    Attributes:
        anchors: for each anchor the pattern of what may be there.
        inner_anchors: the markers whose anchor is not their first character, by their text from the anchor on.
        markers: what each marker means, by its text in lower case.
        start_patterns: what counts at the start of a text without any marker, in order.
        call_openers: the pattern of all markers at which a call may begin.
        enclosing_tag: the pattern of an opening tag that vanishes around a call; group `name`.
        prefixes: all beginnings of markers by their last character, with their lengths, the longest first.
        end_run: tokens in a row that vanish at the end of a text, and white space between them.
        fence_marker: what a code fence means where a grammar reads blocks in fences.
        close_tags: the closing tags without their `>`, which a suffix may follow.
        anchorless: beginnings of markers that hold no anchor.
        max_length: characters of the longest marker, and one more.
    """

    anchors: dict[str, re.Pattern[str]]
    inner_anchors: dict[str, tuple[str, ...]]
    markers: dict[str, Marker]
    start_patterns: tuple[tuple[regex.Pattern[str], Marker], ...]
    call_openers: regex.Pattern[str]
    enclosing_tag: regex.Pattern[str]
    prefixes: dict[str, tuple[tuple[int, ...], frozenset[str]]]
    end_run: regex.Pattern[str]
    fence_marker: Marker | None
    close_tags: frozenset[str]
    anchorless: tuple[str, ...]
    max_length: int


def _roles(active: ActiveGrammars) -> dict[str, Marker]:
    """Return what markers are where no call begins.

    Grammars are asked in order and the first that claims a marker keeps it. Reasoning and ends come last and replace
    what was claimed: a dialect that was asked for knows better what its `<|end|>` is than the closers of others do.
    """
    table: dict[str, Marker] = {}
    for grammar in active.grammars:
        for name in grammar.close_tags:
            table.setdefault(f"</{name}".lower(), Marker(role="close", special=grammar.special))
        for token in grammar.close_tokens:
            table.setdefault(token.lower(), Marker(role="close", special=grammar.special))
    for name in active.enclosing_tags:
        table.setdefault(f"<{name}".lower(), Marker(enclosing=True))
        table.setdefault(f"</{name}".lower(), Marker(role="close", enclosing=True))
    for token in active.wrappers:
        table.setdefault(token.lower(), Marker(role="wrapper", special=True))
    for form in active.reasoning:
        table[form.open.lower()] = Marker(role="think", special=form.special, reasoning=form)
        table[form.close.lower()] = Marker(role="think_end", special=form.special, reasoning=form)
    for token in active.ends:
        table[token.lower()] = Marker(role="end", special=True)
    return table


def _markers(active: ActiveGrammars) -> dict[str, Marker]:
    """Return what all markers mean."""
    calls: dict[str, list[AnyGrammar]] = {}
    for grammar in active.grammars:
        for marker in (*(f"<{name}" for name in grammar.tags), *grammar.tokens):
            calls.setdefault(marker.lower(), []).append(grammar)
    roles = _roles(active)
    nothing = Marker()
    for marker in (marker for marker, other in roles.items() if other.enclosing and not other.role):
        # A longer marker hides a shorter one that is its beginning, such as the `<` of a dialect whose tags are tools.
        calls[marker] = [
            grammar
            for grammar in active.grammars
            if marker[1:] in map(str.lower, grammar.tags) or any(marker.startswith(token) for token in grammar.tokens)
        ]
    return {
        marker: Marker(tuple(calls.get(marker, ())), other.role, other.special, other.reasoning, other.enclosing)
        for marker in calls | roles
        if (other := roles.get(marker, nothing))
    }


def _anchor(marker: str) -> int:
    """Return the index of a marker's anchor; the first character where it has none of ANCHORS."""
    places = [(ANCHORS.index(char), place) for place, char in enumerate(marker) if char in ANCHORS]
    return min(places)[1] if places else 0


def _patterns(table: dict[str, Marker], tags: frozenset[str], closes: frozenset[str]) -> dict[str, re.Pattern[str]]:
    """Return for each anchor the pattern of what may be there, those that begin earlier first, then longer ones."""
    # Runs of backticks and tildes are always found: code is followed by them, whatever the dialects are.
    rests: dict[str, list[str]] = {"`": ["`{1,64}"], "~": ["~{2,64}"]}
    for marker in sorted(table, key=lambda marker: (_anchor(marker), len(marker))):
        after = r"(?=[\s/>])" if marker in tags else r"(?::[\w-]{1,32})?\s{0,64}>" if marker in closes else ""
        place = _anchor(marker)
        before = rf"(?<={re.escape(marker[:place])})" if place else ""
        rests.setdefault(marker[place], []).insert(0, before + re.escape(marker[place:]) + after)
    return {char: re.compile("|".join(rest), re.IGNORECASE | re.ASCII) for char, rest in rests.items()}


def _beginnings(markers: tuple[str, ...]) -> frozenset[str]:
    """Return every proper beginning of every marker, in lower case."""
    return frozenset(marker[:size].lower() for marker in markers for size in range(1, len(marker)))


def _prefixes(table: dict[str, Marker], tags: frozenset[str]) -> dict[str, tuple[tuple[int, ...], frozenset[str]]]:
    """Return the beginnings of markers by their last character, with their lengths, the longest first.

    A whole `<name` of a tag is one of them, too: what follows it decides whether it is that tag.
    """
    found: dict[str, set[str]] = {}
    for prefix in _beginnings(tuple(table)) | tags:
        found.setdefault(prefix[-1], set()).add(prefix)
    return {
        char: (tuple(sorted({len(prefix) for prefix in prefixes}, reverse=True)), frozenset(prefixes))
        for char, prefixes in found.items()
    }


def _inner_anchors(table: dict[str, Marker]) -> dict[str, tuple[str, ...]]:
    """Return the markers whose anchor is not their beginning, by what they are from the anchor on, longest first."""
    found: dict[str, list[str]] = {}
    for marker in sorted(filter(_anchor, table), key=len, reverse=True):
        found.setdefault(marker[_anchor(marker) :], []).append(marker)
    return {rest: tuple(markers) for rest, markers in found.items()}


def _call_openers(table: dict[str, Marker], tags: frozenset[str]) -> regex.Pattern[str]:
    """Return the pattern of the markers at which a call may begin, longer ones first."""
    openers = sorted((text for text, marker in table.items() if marker.grammars), key=len, reverse=True)
    found = (regex.escape(opener) + (r"(?=[\s/>])" if opener in tags else "") for opener in openers)
    return regex.compile("|".join(found) or "(?!)", regex.IGNORECASE)


def _enclosing_tag(active: ActiveGrammars) -> regex.Pattern[str]:
    """Return the pattern of a tag that vanishes around a call."""
    names = "|".join(map(regex.escape, active.enclosing_tags)) or "(?!)"
    return regex.compile(f"<(?P<name>{names}){ANY_ATTRIBUTES}>", regex.IGNORECASE)


def _at_start(pattern: str) -> regex.Pattern[str]:
    return regex.compile(rf"\s*(?:{pattern})")


@cache
def marker_index(active: ActiveGrammars) -> MarkerIndex:
    """Return the index of the markers of a choice of dialects (see `active_grammars`)."""
    table = _markers(active)
    grammars = active.grammars
    tags = _starts("<", *(grammar.tags for grammar in grammars), active.enclosing_tags)
    closes = _starts("</", *(grammar.close_tags for grammar in grammars), active.enclosing_tags)
    last = [text for text, marker in table.items() if marker.special and marker.role in _MAY_END_A_TEXT]
    ends = "|".join(map(re.escape, last))
    payloads = tuple(grammar for grammar in grammars if isinstance(grammar, PayloadGrammar) and grammar.fenced)
    anchors, known = _patterns(table, tags, closes), _prefixes(table, tags | closes)
    return MarkerIndex(
        anchors=anchors,
        inner_anchors=_inner_anchors(table),
        markers=table,
        start_patterns=_start_patterns(active),
        call_openers=_call_openers(table, tags),
        enclosing_tag=_enclosing_tag(active),
        prefixes=known,
        # Possessive quantifiers: a run of a thousand tokens must not be tried in every way that it can be parted.
        end_run=regex.compile(rf"(?:\s*+(?:{ends}))++\s*+" if ends else "(?!)", regex.IGNORECASE),
        fence_marker=Marker(payloads) if payloads else None,
        close_tags=closes,
        anchorless=_without_anchor(known, frozenset(anchors)),
        max_length=max(map(len, table)) + 1,
    )


def _starts(opener: str, *groups: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{opener}{name}".lower() for names in groups for name in names)


def _start_patterns(active: ActiveGrammars) -> tuple[tuple[regex.Pattern[str], Marker], ...]:
    calls = ((_at_start(grammar.begins), Marker((grammar,))) for grammar in active.grammars if grammar.begins)
    wrapper = Marker(role="wrapper", special=True)
    return (*calls, *((_at_start(pattern), wrapper) for pattern in active.start_patterns))


def _without_anchor(known: Mapping[str, tuple[object, Iterable[str]]], anchors: frozenset[str]) -> tuple[str, ...]:
    return tuple(prefix for _, prefixes in known.values() for prefix in prefixes if not anchors & set(prefix))


@cache
def reasoning_evidence(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what is after an opening marker that is meant, and not written about."""
    return regex.compile(f"{form.header}|{form.answer}" if form.answer else form.header)


@cache
def answer_pattern(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what follows the opening marker where it begins the answer instead of reasoning."""
    return regex.compile(form.answer or "(?!)")


@cache
def header_pattern(form: Reasoning) -> regex.Pattern[str]:
    """Return the pattern of what follows the opening marker and belongs to it."""
    return regex.compile(form.header)
