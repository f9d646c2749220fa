"""`toolgate extract --explain`: the rule that matched at each place, in lines for a bug report."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec.structs import replace
from toolgate_core.extraction.notes import Note, Notes

MAX_EXCERPT = 72
_TAIL = 24
_MEANS = {
    "call": "call, read by",
    "markup": "markup without a call, read by",
    "refused": "tried and refused:",
    "unread": "tried, refused behind the name:",
    "think": "reasoning begins:",
    "think_end": "reasoning ends:",
    "close": "closing marker, vanishes:",
    "wrapper": "marker around text, vanishes:",
    "end": "end of the turn, vanishes:",
    "inert": "marker that is text:",
    "dropped": "dropped:",
    "draft": "call in reasoning is a draft:",
    "promoted": "call in reasoning counts:",
}
_SEVERAL = ("refused", "unread")
_VANISHING = ("close", "wrapper", "end")


class Places:
    """Turns offsets into lines and columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(place + 1 for place, char in enumerate(text) if char == "\n")]

    def at(self, place: int) -> str:
        """Return offset (characters, from 0), line and column (from 1)."""
        line = bisect_right(self._lines, place)
        return f"{place} ({line}:{place - self._lines[line - 1] + 1})"

    def excerpt(self, start: int, stop: int) -> str:
        """Return the text from `start` to `stop` in quotes, cut in the middle; invisible characters are escaped."""
        text = self._text[start:stop]
        if len(text) > MAX_EXCERPT:
            text = f"{text[: MAX_EXCERPT - _TAIL]} … {text[-_TAIL:]}"
        return repr(text)


def explained(text: str, notes: Notes, outcomes: Sequence[str]) -> list[str]:
    """Return one line for each decision about `text`, then one for each call; `outcomes` are their results."""
    places = Places(text)
    lines = [_line(text, places, note) for note in _together(_worth(text, notes.all))]
    for place, outcome in zip(notes.calls, outcomes, strict=False):
        lines.append(f"{places.at(place)} {outcome}")
    return lines + list(outcomes[len(notes.calls) :])


def _line(text: str, places: Places, note: Note) -> str:
    rule = "" if note.rule == text[note.start : note.stop] else f" {note.rule}"
    return f"{places.at(note.start)} {_MEANS[note.what]}{rule} {places.excerpt(note.start, note.stop)}"


def _worth(text: str, notes: Sequence[Note]) -> list[Note]:
    """Return the notes that get a line, in the order of the text: for a dropped marker only one."""
    vanished = {(note.start, note.stop) for note in notes if note.what in _VANISHING}
    worth = [
        note
        for note in notes
        if note.what != "dropped"
        or ((note.start, note.stop) not in vanished and not text[note.start : note.stop].isspace())
    ]
    return sorted(worth, key=lambda note: note.start)


def _together(notes: Sequence[Note]) -> Iterator[Note]:
    """Yield the notes; equal refusals of one place are one."""
    last: Note | None = None
    for note in notes:
        if last is not None and note.what in _SEVERAL and (note.what, note.start) == (last.what, last.start):
            rules = dict.fromkeys((*last.rule.split(", "), note.rule))
            last = replace(last, stop=max(last.stop, note.stop), rule=", ".join(rules))
            continue
        if last is not None:
            yield last
        last = note
    if last is not None:
        yield last
