"""What the tests of the dialects share: the cases, and an extraction's events put together."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from toolgate_core.dialects import DIALECTS
from toolgate_core.extraction import Extraction
from toolgate_core.schema import Toolset, parse_tools
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import AnswerForm, Strategy, TextEnd

START = ScannerState()
CASES = Path(__file__).parent / "cases"
TOOLSET = Toolset.compile(parse_tools((CASES / "tools.json").read_bytes()))


@cache
def only(names: tuple[str, ...]) -> Toolset:
    return Toolset.compile(tuple(definition for definition in TOOLSET.definitions if definition.name in names))


@dataclass(frozen=True)
class Case:
    dialect: str
    name: str
    text: str
    finish: TextEnd
    calls: list[Any]
    content: str
    reasoning: str = ""
    repairs: list[str] | None = None
    reasoning_open: bool = False
    broken: int = 0
    drops: bool = False
    source: str = ""
    tools: tuple[str, ...] = ()

    @property
    def toolset(self) -> Toolset:
        return only(tuple(self.tools)) if self.tools else TOOLSET

    @property
    def plan(self) -> Plan:
        return plan(self.dialect, reasoning_open=self.reasoning_open)

    def __str__(self) -> str:
        return f"{self.dialect}: {self.name}"


@dataclass
class Read:
    """Events put together; `calls` are the complete ones, `unfinished` counts the others."""

    calls: list[Any] = field(default_factory=list)
    content: str = ""
    reasoning: str = ""
    repairs: list[str] = field(default_factory=list)
    unfinished: int = 0
    drops: list[Drop] = field(default_factory=list)


def cases() -> list[Case]:
    return [
        Case(dialect=path.parent.name, **case)
        for path in sorted(CASES.glob("*/*.json"))
        if path.parent.name in DIALECTS
        for case in json.loads(path.read_text())
    ]


def plan(dialect: str, *, reasoning_open: bool = False) -> Plan:
    form: AnswerForm = "decision" if dialect == "decision" else "native" if dialect == "auto" else "dialect"
    return Plan(strategy=Strategy.BRIDGE, form=form, dialect=dialect, reasoning_open=reasoning_open)


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def events(
    plan: Plan, parts: Iterable[str], finish: TextEnd, toolset: Toolset = TOOLSET, state: ScannerState = START
) -> list[Event]:
    extraction = Extraction(plan, toolset, state)
    found = [event for part in parts for event in extraction.feed(part)]
    return found + extraction.finish(finish)


def joined(found: Iterable[Event]) -> list[Event]:
    """Adjacent pieces of the same kind as one event."""
    result: list[Event] = []
    for event in found:
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


def read(found: Iterable[Event]) -> Read:
    """Put events together, and check that they come in the order that they must."""
    result, open_call, name, arguments, count = Read(), None, "", "", 0
    for event in found:
        match event:
            case TextDelta(text) if text:
                result.content += text
            case ReasoningDelta(text) if text:
                result.reasoning += text
            case CallStart(index, name):
                assert open_call is None
                assert index == count
                open_call, arguments, count = index, "", count + 1
            case ArgumentsDelta(index, piece):
                assert index == open_call
                arguments += piece
            case CallEnd(index, complete, repairs):
                assert index == open_call
                open_call = None
                result.repairs += repairs
                if complete:
                    value = json.loads(arguments)
                    assert isinstance(value, dict)
                    result.calls.append([name, value])
                else:
                    result.unfinished += 1
            case Drop():
                result.drops.append(event)
            case _:
                raise AssertionError(event)
    assert open_call is None
    return result
