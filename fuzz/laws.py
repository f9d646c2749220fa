"""The laws of extraction: what holds for every dialect and every text, in any pieces, however the text ends."""

from __future__ import annotations

import itertools
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn

from msgspec import Struct
from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction import Extraction, MarkerScanner
from toolgate_core.extraction.notes import Notes
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema import Toolset
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.requests import ToolDefinition
from toolgate_core.types.vocabulary import AnswerForm, Strategy, TextEnd

SHORT = 4096
"""What is dropped is reported up to this many characters."""

_PROPERTIES: dict[str, JsonValue] = {
    "city": {"type": "string"}, "days": {"type": "integer"}, "metric": {"type": "boolean"}, "opt": {"type": "object"},
    "note": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}},
}  # fmt: skip
TOOLSET = Toolset.compile(
    (
        ToolDefinition("get_weather", "", {"type": "object", "properties": _PROPERTIES, "required": ["city"]}),
        ToolDefinition("save", "", {"type": "object", "properties": {"html": {"type": "string"}}}),
        ToolDefinition("ping", "", {"type": "object", "properties": {}}),
        ToolDefinition("fs.read-file", "", {"type": "object", "properties": {"path": {"type": "string"}}}),
    )
)
START = ScannerState()


class Sample(Struct, frozen=True):
    """One case: a text of a dialect, how it ends, and the sizes of the pieces in which it comes, repeated."""

    dialect: str
    text: str
    end: TextEnd = "stop"
    sizes: tuple[int, ...] = (1,)
    reasoning_open: bool = False


class Broken(Struct, frozen=True):
    """A law that does not hold: which one, how it shows, and where (`where` is the same for the same defect)."""

    law: str
    how: str
    where: str


class LawError(AssertionError):
    """A law does not hold."""


def whole_pairs(text: str) -> str:
    """Return the text that a reader sees: pairs of surrogates joined, lone ones replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def pieces(text: str, sizes: Sequence[int]) -> Iterator[str]:
    """Return the text in pieces of these sizes, again and again."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(text):
            return
        yield text[at : at + size]
        at += size


def plan_of(sample: Sample) -> Plan:
    """Return the plan by which a sample is read."""
    forms: dict[str, AnswerForm] = {"decision": "decision", "auto": "native"}
    return Plan(
        strategy=Strategy.BRIDGE,
        form=forms.get(sample.dialect, "dialect"),
        dialect=sample.dialect,
        reasoning_open=sample.reasoning_open,
    )


def extract(
    sample: Sample, parts: Iterable[str], *, state: ScannerState = START, notes: Notes | None = None
) -> list[Event]:
    """Return the events of a text that comes in `parts`, adjacent ones of one kind joined."""
    extraction = Extraction(plan_of(sample), TOOLSET, state, notes=notes)
    events = [event for part in parts for event in extraction.feed(part)]
    return joined(events + extraction.finish(sample.end))


def joined(events: Iterable[Event]) -> list[Event]:
    """Return the events without the seams that pieces leave."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            result[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ReasoningDelta) and isinstance(last, ReasoningDelta):
            result[-1] = ReasoningDelta(last.text + event.text)
        elif isinstance(event, ArgumentsDelta) and isinstance(last, ArgumentsDelta) and event.index == last.index:
            result[-1] = ArgumentsDelta(event.index, last.json + event.json)
        elif isinstance(event, Drop) and isinstance(last, Drop) and event.kind == last.kind:
            result[-1] = Drop(event.kind, last.raw + event.raw)
        else:
            result.append(event)
    return result


def _no(how: str) -> NoReturn:
    raise LawError(how)


def _finite(word: str) -> NoReturn:
    _no(f"{word} in arguments")


def calls_are_whole(events: Sequence[Event]) -> None:
    """Calls come one after the other, indexes are dense, and a complete call's arguments are a JSON object."""
    calls = 0
    arguments: str | None = None
    for event in events:
        if isinstance(event, CallStart):
            if arguments is not None or event.index != calls or not event.name:
                _no(f"{event} after {calls} calls, arguments so far: {arguments}")
            calls, arguments = calls + 1, ""
        elif isinstance(event, ArgumentsDelta | CallEnd):
            if arguments is None or event.index != calls - 1:
                _no(f"{event} outside of its call")
            if isinstance(event, ArgumentsDelta):
                arguments += event.json
                continue
            if event.complete and not isinstance(json.loads(arguments, parse_constant=_finite), dict):
                _no(f"arguments of a complete call: {arguments}")
            arguments = None
    if arguments is not None:
        _no("a call without an end")


def _bare(text: str) -> str:
    return "".join(text.split())


def _holds(text: str, part: str) -> bool:
    """Whether the characters of `part` are in `text` in their order."""
    rest = iter(text)
    return all(char in rest for char in part)


def no_text_is_lost(sample: Sample, events: Sequence[Event], notes: Notes) -> None:
    """All text outside of blocks and markers comes out, in order; and nothing comes out that is not in the text."""
    text = whole_pairs(sample.text)
    taken = [note for note in notes.all if note.what != "refused"]
    left = list(text)
    for note in taken:
        left[note.start : note.stop] = " " * (note.stop - note.start)
    out = _bare("".join(_said(event, dropped=True) for event in events))
    if len(text) < SHORT and not _holds(out, _bare("".join(left))):
        _no(f"lost: {''.join(left).strip()!r} is not in {out!r}")
    plain = _bare("".join(_said(event, dropped=False) for event in events))
    if sample.dialect != "decision" and not _holds(_bare(text), plain):
        _no(f"invented: {plain!r}")
    if not taken and not sample.reasoning_open and sample.dialect != "decision":
        cut = "".join(event.raw for event in events if isinstance(event, Drop))
        if not cut and "".join(_said(event, dropped=False) for event in events) != text:
            _no("text without a marker is not what comes out")


def _said(event: Event, *, dropped: bool) -> str:
    if isinstance(event, TextDelta | ReasoningDelta):
        return event.text
    return event.raw if dropped and isinstance(event, Drop) else ""


def scanner_agrees(sample: Sample, whole: Sequence[Event]) -> None:
    """A scanner, and an extraction that goes on where it stopped, say what an extraction alone says."""
    scanner = MarkerScanner()
    text = "".join([scanner.feed(part) for part in pieces(whole_pairs(sample.text), sample.sizes)]) + scanner.finish()
    rest = extract(sample, [scanner.held], state=scanner.state) if scanner.hit else []
    events = joined([TextDelta(text), *rest])
    if _sorted(events) != _sorted(whole):
        _no(f"{events} instead of {whole}")


def _sorted(events: Sequence[Event]) -> tuple[str, str, list[Event]]:
    """Return text, reasoning, and what else there is."""
    return (
        "".join(event.text for event in events if isinstance(event, TextDelta)),
        "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        joined(event for event in events if not isinstance(event, TextDelta | ReasoningDelta)),
    )


def _same(sample: Sample, whole: Sequence[Event], sizes: tuple[int, ...]) -> None:
    got = extract(sample, pieces(sample.text, sizes))
    if got != whole:
        _no(f"in pieces of {sizes}: {got} instead of {whole}")


def broken(sample: Sample) -> Broken | None:
    """Return the first law that a sample breaks; none if all hold."""
    active_grammars(sample.dialect)  # what is compiled once is not a defect of this text
    notes = Notes()
    whole: list[Event] = []
    laws: dict[str, Callable[[], None]] = {
        "nothing raises": lambda: whole.extend(extract(sample, [sample.text], notes=notes)),
        "calls are whole": lambda: calls_are_whole(whole),
        "any pieces": lambda: _same(sample, whole, sample.sizes),
        "single characters": lambda: _same(sample, whole, (1,)),
        "no text is lost": lambda: no_text_is_lost(sample, whole, notes),
    }
    if sample.dialect == "auto" and not sample.reasoning_open:
        laws["a scanner agrees"] = lambda: scanner_agrees(sample, whole)
    for law, check in laws.items():
        try:
            check()
        except LawError as error:
            return Broken(law, str(error), sample.dialect)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what this looks for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            name = frame.filename.rpartition("/")[2]
            return Broken(law, f"{type(error).__name__}: {error}", f"{type(error).__name__} in {name}:{frame.name}")
    return None
