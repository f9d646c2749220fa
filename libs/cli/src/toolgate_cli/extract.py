"""`toolgate extract`: extract tool calls from model output, as the gateway delivers them."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Literal, cast

import msgspec
from msgspec import Struct
from toolgate_core.dialects.table import find_dialect
from toolgate_core.extraction import Extraction
from toolgate_core.extraction.notes import Notes
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode
from toolgate_core.schema import Toolset, compiled, parse_tools
from toolgate_core.schema.settle import settle
from toolgate_core.types.errors import RequestError, ToolgateError
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Event, ReasoningDelta, TextDelta
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ToolChoice
from toolgate_core.types.vocabulary import Strategy, TextEnd

from toolgate_cli.dialect import unknown_dialect
from toolgate_cli.explain import explained
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
_FORMER_REASONING = {"marked": False, "open": True}
"""Values of the former option `--reasoning`, and what each says of `--reasoning-starts-open`."""


class Extracted(Struct, frozen=True, kw_only=True):
    """The contents of a text; fields are in the order of the output.

    `calls` are the valid ones; `explain` is set where it was asked for.
    """

    id: JsonValue = None
    calls: tuple[tuple[str, msgspec.Raw], ...]
    content: str | None
    reasoning: str | None
    finish_reason: Finish
    repairs: tuple[str, ...]
    explain: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class LineError(ToolgateError):
    """One line cannot be processed; the others can."""


class Collected:
    """The events of one text, gathered; `outcomes` has a line for each call, in order, valid or not."""

    def __init__(self, toolset: Toolset) -> None:
        self._toolset = toolset
        self._open: CallStart | None = None
        self._parts: list[str] = []
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[tuple[str, msgspec.Raw]] = []
        self.repairs: list[str] = []
        self.faults: list[str] = []
        self.outcomes: list[str] = []

    def add(self, events: list[Event]) -> None:
        """Add events, in order."""
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
            self._fault(name, f"{name}: the call is not complete", end.repairs)
            return
        settled = settle(name, "".join(self._parts), self._toolset, ToolChoice("auto"))
        if isinstance(settled, Fault):
            self._fault(name, settled.detail, end.repairs)
            return
        self.calls.append((settled.name, _one_line(settled.arguments)))
        self.repairs.extend((*end.repairs, *settled.repairs))
        self._outcome(settled.name, "valid", (*end.repairs, *settled.repairs))

    def _fault(self, name: str, detail: str, repairs: tuple[str, ...]) -> None:
        self.faults.append(detail)
        self._outcome(name, f"not valid: {detail}", repairs)

    def _outcome(self, name: str, what: str, repairs: tuple[str, ...]) -> None:
        tags = f"; repairs: {', '.join(dict.fromkeys(repairs))}" if repairs else ""
        self.outcomes.append(f"call {len(self.outcomes) + 1}, {name!r}: {what}{tags}")


def _one_line(arguments: str) -> msgspec.Raw:
    """Return JSON text without the model's layout, with its numbers unchanged."""
    return msgspec.Raw(msgspec.json.format(arguments.encode(), indent=-1))


class Reader(Struct, frozen=True, kw_only=True):
    """The options for reading texts.

    Attributes:
        dialect: the name of a dialect, or one of its aliases, where a line gives none.
        finish: how a text ended, where a line does not say.
        reasoning_starts_open: a text begins inside reasoning that the prompt has opened.
        step: characters fed at a time; unset: all at once.
        explain: whether each text is explained.
    """

    dialect: str
    finish: str
    step: int | None
    explain: bool
    reasoning_starts_open: bool = False

    def read(self, text: str, toolset: Toolset) -> tuple[Extracted, list[str]]:
        """Return the contents of `text`, and one sentence for each invalid call in it.

        An unknown dialect or finish is a `LineError`.
        """
        plan = _plan(self.dialect, reasoning_open=self.reasoning_starts_open)
        if self.finish not in _ENDS:
            raise LineError(f"unknown finish {self.finish!r}; known: {', '.join(_ENDS)}")
        end, reason = _ENDS[self.finish]
        notes = Notes() if self.explain else None
        extraction = Extraction(plan, toolset, notes=notes)
        collected = Collected(toolset)
        width = self.step or max(len(text), 1)
        for start in range(0, len(text), width):
            collected.add(extraction.feed(text[start : start + width]))
        collected.add(extraction.finish(end))
        lines = explained(text, notes, collected.outcomes) if notes is not None else None
        return _found(collected, reason, lines), collected.faults


def _plan(name: str, *, reasoning_open: bool) -> Plan:
    dialect = find_dialect(name)
    if dialect is None:
        raise LineError(unknown_dialect(name))
    decision = dialect.name == "decision"
    return Plan(
        strategy=Strategy.GUIDED if decision else Strategy.BRIDGE,
        form="decision" if decision else "dialect",
        dialect=dialect.name,
        reasoning_open=reasoning_open,
    )


def _found(collected: Collected, reason: Finish, lines: list[str] | None) -> Extracted:
    content, reasoning = "".join(collected.text), "".join(collected.reasoning)
    if collected.calls:
        content = content.strip()  # white space around a call is layout, not text
    return Extracted(
        calls=tuple(collected.calls),
        content=content if content.strip() else None,
        reasoning=reasoning or None,
        finish_reason="tool_calls" if collected.calls and reason == "stop" else reason,
        repairs=tuple(dict.fromkeys(collected.repairs)),
        explain=msgspec.UNSET if lines is None else tuple(lines),
    )


class Lines:
    """The line-by-line form; `failed` is set after the first line that cannot be processed."""

    def __init__(self, tools: bytes, reader: Reader) -> None:
        self._tools = tools
        self._reader = reader
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
        reader = msgspec.structs.replace(
            self._reader,
            dialect=_word(given, "dialect", self._reader.dialect),
            finish=_word(given, "finish", self._reader.finish),
        )
        return reader.read(text, compiled(self._tools if tools is None else encode(tools)))[0]


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
    toolset = _declared(options.tools, tools)  # a bad file is one error, not one a line
    reader = Reader(
        dialect=options.dialect,
        finish=options.finish,
        step=options.stream,
        explain=options.explain,
        reasoning_starts_open=_starts_open(options),
    )
    if options.jsonl:
        return _run_lines(options.file, Lines(tools, reader))
    try:
        found, faults = reader.read(read_text(options.file), toolset)
    except LineError as error:
        raise CommandError(str(error)) from error
    written = cast("dict[str, object]", msgspec.structs.asdict(found))
    del written["id"], written["explain"]
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(written), indent=2).decode() + "\n")
    sys.stdout.flush()  # what follows is beneath it, even where both go to one file
    for line in found.explain or ():
        print(f"explain: {line}", file=sys.stderr)
    for fault in faults:
        print(f"note: {fault}", file=sys.stderr)
    if options.tools is None:
        print("note: no tools are declared, so no call is valid: give --tools FILE", file=sys.stderr)
    return 0


def _starts_open(options: Namespace) -> bool:
    """Return whether texts begin inside reasoning, by the option or its former name; raise `CommandError`."""
    former: str | None = options.reasoning
    if former is None:
        return bool(options.reasoning_starts_open)
    if former not in _FORMER_REASONING:
        raise CommandError(f"--reasoning must be marked or open, not {former!r}; use --reasoning-starts-open")
    if options.reasoning_starts_open:
        raise CommandError("--reasoning is the former name of --reasoning-starts-open; give only one of them")
    return _FORMER_REASONING[former]


def _declared(file: str | None, tools: bytes) -> Toolset:
    try:
        return Toolset.compile(parse_tools(tools))
    except (JsonTextError, RequestError) as error:
        raise CommandError(f"{file}: {error}") from error


def _run_lines(file: str | None, lines: Lines) -> int:
    for line in read_lines(file):
        if line.strip():
            sys.stdout.buffer.write(lines.do(line) + b"\n")
            sys.stdout.buffer.flush()
    return 1 if lines.failed else 0
