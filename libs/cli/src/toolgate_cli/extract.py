"""`toolgate extract`: model text to calls, as the gateway would deliver them, without a gateway."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Literal, cast

import msgspec
from msgspec import Struct
from toolgate_core.dialects import dialect_names
from toolgate_core.errors import RequestError, ToolgateError
from toolgate_core.events import ArgumentsDelta, CallEnd, CallStart, Event, ReasoningDelta, TextDelta
from toolgate_core.extraction import Extraction
from toolgate_core.fault import Fault
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode
from toolgate_core.messages import ToolChoice
from toolgate_core.plan import Plan
from toolgate_core.schema import Toolset, compiled, parse_tools
from toolgate_core.settle import settle
from toolgate_core.vocabulary import Strategy, TextEnd

from toolgate_cli.failure import CommandError
from toolgate_cli.source import read_bytes, read_lines, read_text

Finish = Literal["stop", "length", "content_filter", "tool_calls"]
# How the text ended, for each word that a line may give. A dropped connection has no word of OpenAI's.
_ENDS: dict[str, tuple[TextEnd, Finish]] = {
    "stop": ("stop", "stop"),
    "tool_calls": ("stop", "stop"),
    "length": ("length", "length"),
    "cut": ("cut", "length"),
    "content_filter": ("cut", "content_filter"),
}
NO_TOOLS = b""


class Extracted(Struct, frozen=True, kw_only=True):
    """What a text holds, in the order in which it is written out. `calls` are the valid ones."""

    id: JsonValue = None
    calls: tuple[tuple[str, msgspec.Raw], ...]
    content: str | None
    reasoning: str | None
    finish_reason: Finish
    repairs: tuple[str, ...]


class LineError(ToolgateError):
    """A line cannot be done; the others can."""


class Collected:
    """The events of one text, gathered."""

    def __init__(self, toolset: Toolset) -> None:
        self._toolset = toolset
        self._open: CallStart | None = None
        self._parts: list[str] = []
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[tuple[str, msgspec.Raw]] = []
        self.repairs: list[str] = []
        self.faults: list[str] = []

    def add(self, events: list[Event]) -> None:
        """Take more events, in order."""
        for event in events:
            match event:
                case TextDelta(text):
                    self.text.append(text)
                case ReasoningDelta(text):
                    self.reasoning.append(text)
                case CallStart():
                    self._open, self._parts = event, []
                case ArgumentsDelta(_, json):
                    self._parts.append(json)
                case CallEnd():
                    self._end_call(event)
                case _:
                    if event.kind != "markup":
                        self.faults.append(f"dropped ({event.kind})")

    def _end_call(self, end: CallEnd) -> None:
        assert self._open is not None
        name = self._open.name
        self._open = None
        if not end.complete:
            self.faults.append(f"{name}: the call is not complete")
            return
        settled = settle(name, "".join(self._parts), self._toolset, ToolChoice("auto"))
        if isinstance(settled, Fault):
            self.faults.append(settled.detail)
            return
        self.calls.append((settled.name, _one_line(settled.arguments)))
        self.repairs.extend((*end.repairs, *settled.repairs))


def _one_line(arguments: str) -> msgspec.Raw:
    """Return JSON text without the model's layout, its numbers as they were written."""
    return msgspec.Raw(msgspec.json.format(arguments.encode(), indent=-1))


def extract(text: str, *, toolset: Toolset, dialect: str, finish: str, step: int | None) -> tuple[Extracted, list[str]]:
    """Return what `text` holds, and one sentence for each thing in it that is no valid call.

    `step`: characters fed at a time; unset: all at once. An unknown dialect or finish is a `LineError`.
    """
    if dialect not in _dialects():
        raise LineError(f"unknown dialect {dialect!r}; known: {', '.join(_dialects())}")
    if finish not in _ENDS:
        raise LineError(f"unknown finish {finish!r}; known: {', '.join(_ENDS)}")
    end, reason = _ENDS[finish]
    decision = dialect == "decision"
    plan = Plan(
        strategy=Strategy.GUIDED if decision else Strategy.BRIDGE,
        form="decision" if decision else "dialect",
        dialect=dialect,
    )
    extraction = Extraction(plan, toolset)
    collected = Collected(toolset)
    width = step or max(len(text), 1)
    for start in range(0, len(text), width):
        collected.add(extraction.feed(text[start : start + width]))
    collected.add(extraction.finish(end))
    content, reasoning = "".join(collected.text), "".join(collected.reasoning)
    if collected.calls:
        content = content.strip()  # white space around a call is layout, not text
    found = Extracted(
        calls=tuple(collected.calls),
        content=content if content.strip() else None,
        reasoning=reasoning or None,
        finish_reason="tool_calls" if collected.calls and reason == "stop" else reason,
        repairs=tuple(dict.fromkeys(collected.repairs)),
    )
    return found, collected.faults


def _dialects() -> tuple[str, ...]:
    return tuple(dict.fromkeys(("auto", *dialect_names(), "decision")))


class Lines:
    """The line-by-line form; `failed` is set once a line could not be done."""

    def __init__(self, *, tools: bytes, dialect: str, finish: str, step: int | None) -> None:
        self._tools = tools
        self._dialect = dialect
        self._finish = finish
        self._step = step
        self.failed = False

    def do(self, line: bytes) -> bytes:
        """Return the answer to one line, without the line's end."""
        name: JsonValue = None
        try:
            given = decode(line)
            if not isinstance(given, dict):
                raise LineError("the line is not a JSON object")
            name = given.get("id")
            found = self._extract(given)
        except (JsonTextError, ToolgateError) as error:
            self.failed = True
            return encode({"id": name, "error": str(error)})
        return msgspec.json.encode(msgspec.structs.replace(found, id=name))

    def _extract(self, given: dict[str, JsonValue]) -> Extracted:
        text = given.get("text")
        if not isinstance(text, str):
            raise LineError("`text` is missing or not a string")
        tools = given.get("tools")
        found, _ = extract(
            text,
            toolset=compiled(self._tools if tools is None else encode(tools)),
            dialect=_word(given, "dialect", self._dialect),
            finish=_word(given, "finish", self._finish),
            step=self._step,
        )
        return found


def _word(given: dict[str, JsonValue], key: str, default: str) -> str:
    value = given.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise LineError(f"`{key}` is not a string")
    return value


def run(options: Namespace) -> int:
    """Run the command."""
    tools = NO_TOOLS if options.tools is None else read_bytes(options.tools)
    if options.jsonl:
        return _run_lines(options, tools)
    try:
        found, faults = extract(
            read_text(options.file),
            toolset=_declared(options.tools, tools),
            dialect=options.dialect,
            finish=options.finish,
            step=options.stream,
        )
    except LineError as error:
        raise CommandError(str(error)) from error
    written = cast("dict[str, object]", msgspec.structs.asdict(found))
    del written["id"]
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(written), indent=2).decode() + "\n")
    for fault in faults:
        print(f"note: {fault}", file=sys.stderr)
    if options.tools is None:
        print("note: no tools are declared, so no call is valid: give --tools FILE", file=sys.stderr)
    return 0


def _declared(file: str | None, tools: bytes) -> Toolset:
    try:
        return Toolset.compile(parse_tools(tools))
    except (JsonTextError, RequestError) as error:
        raise CommandError(f"{file}: {error}") from error


def _run_lines(options: Namespace, tools: bytes) -> int:
    _declared(options.tools, tools)  # a bad file is one error, not one a line
    lines = Lines(tools=tools, dialect=options.dialect, finish=options.finish, step=options.stream)
    for line in read_lines(options.file):
        if line.strip():
            sys.stdout.buffer.write(lines.do(line) + b"\n")
            sys.stdout.buffer.flush()
    return 1 if lines.failed else 0
