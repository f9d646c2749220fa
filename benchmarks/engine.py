"""Extractions to be measured: a tool, the text of a call to it, and how long reading a text takes."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import PayloadGrammar, WrittenCall
from toolgate_core.extraction import Extraction
from toolgate_core.extraction.frames.payload import MAX_PAYLOAD
from toolgate_core.schema import Toolset
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Event
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ToolDefinition
from toolgate_core.types.vocabulary import AnswerForm, Strategy

TOOL = "save"
TOOLSET = Toolset.compile(
    (
        ToolDefinition(
            TOOL, "", {"type": "object", "properties": {"html": {"type": "string"}, "opt": {"type": "object"}}}
        ),
        ToolDefinition("ping", "", {"type": "object", "properties": {}}),
    )
)
TRIES = 4
"""How often a ratio is measured before it counts as over its limit: the machine may be busy with something else."""

_LINES = (
    "def area(width, height):\n",
    '    """Return the area; "width" and \'height\' are in metres."""\n',
    "    if width < 0 or height < 0:\n",
    '        raise ValueError(f"negative: {width} \\\\ {height}\\n")\n',
    "    return width * height  # größer als 0 → ok\n",
    "\n",
    '<p class="note">A &amp; B</p>\n',
    "\tfor (let i = 0; i < n; i++) { total += items[i].price; }\n",
)


class WrongError(Exception):
    """What came out is not what the text says."""


@dataclass(frozen=True)
class CallText:
    """A call in a dialect, with one string argument: what is before the string, the string as written, the rest."""

    before: str
    written: str
    after: str

    @property
    def text(self) -> str:
        """The whole call."""
        return self.before + self.written + self.after


def within(dialect: str, size: int) -> int:
    """Return how long a string may be, up to `size`, so that one twice as long is still read as a call.

    JSON that no marker announces is held as a whole, up to a limit.
    """
    bare = isinstance(next(iter(DIALECTS[dialect].grammars), None), PayloadGrammar)
    return min(size, MAX_PAYLOAD // 3) if bare else size


def code(size: int) -> str:
    """Return `size` characters of code: lines, quotes, backslashes, angle brackets."""
    block = "".join(_LINES)
    return (block * (size // len(block) + 1))[:size]


def render(dialect: str, arguments: str, name: str = TOOL) -> str:
    """Return a call as the dialect's own writer writes it."""
    return DIALECTS[dialect].render_calls([WrittenCall(name, arguments)])


def call_text(dialect: str, value: str) -> CallText:
    """Return the call whose argument `html` is `value`; the string is where the call of another value differs."""
    text, *others = (
        render(dialect, json.dumps({"html": other}, ensure_ascii=False))
        for other in (value, "A" + value, "B" + value, value + "A", value + "B")
    )
    before = _alike(others[0], others[1])
    after = _alike(others[2][::-1], others[3][::-1])
    return CallText(text[:before], text[before : len(text) - after], text[len(text) - after :])


def _alike(one: str, two: str) -> int:
    """Return how many characters at the start of two texts are the same."""
    return next(at for at, (mine, other) in enumerate(zip(one, two, strict=True)) if mine != other)


def plan_of(dialect: str) -> Plan:
    """Return the plan of an answer in `dialect`."""
    forms: dict[str, AnswerForm] = {"decision": "decision", "auto": "native"}
    return Plan(strategy=Strategy.BRIDGE, form=forms.get(dialect, "dialect"), dialect=dialect)


def cut(text: str, size: int) -> list[str]:
    """Return `text` in pieces of `size` characters; 0: whole."""
    return [text[at : at + size] for at in range(0, len(text), size)] if size else [text]


def read(dialect: str, parts: Sequence[str]) -> list[Event]:
    """Return the events of a text that comes in `parts`."""
    extraction = Extraction(plan_of(dialect), TOOLSET)
    events: list[Event] = []
    for part in parts:
        events += extraction.feed(part)
    return events + extraction.finish("stop")


def check_call(events: Sequence[Event], value: str) -> None:
    """Raise `WrongError` unless the events are one complete call whose argument `html` is `value`."""
    starts = [event for event in events if isinstance(event, CallStart)]
    ends = [event for event in events if isinstance(event, CallEnd)]
    arguments = "".join(event.json for event in events if isinstance(event, ArgumentsDelta))
    if len(starts) != 1 or [end.complete for end in ends] != [True]:
        raise WrongError(f"{len(starts)} calls began, {sum(end.complete for end in ends)} are complete")
    if json.loads(arguments) != {"html": value}:
        raise WrongError("the arguments are not those that were written")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the garbage collector out of what is measured."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(job: Callable[[], object]) -> float:
    """Return the CPU time that `job` takes."""
    with quiet():
        began = time.process_time()
        job()
        return time.process_time() - began


def best(job: Callable[[], object], runs: int) -> float:
    """Return the least CPU time of several runs."""
    return min(seconds(job) for _ in range(runs))


def compared(one: Callable[[], object], two: Callable[[], object], runs: int, limit: float) -> tuple[float, float]:
    """Return the least CPU times of two jobs; measure again, at most `TRIES` times, while two ÷ one is over `limit`."""
    first = second = float("inf")
    for _ in range(TRIES):
        first, second = min(first, best(one, runs)), min(second, best(two, runs))
        if second <= first * limit:
            break
    return first, second
