"""Writing one call into the sink, whatever order its parts come in."""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.json_reader import TooLargeError, continuation
from toolgate_core.extraction.sink import Sink
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema import Toolset
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.toolset import Tool

MAX_ARGUMENTS = 1 << 20
MAX_NAME = 256
MAX_SECOND_LOOKS = 16
NO_TAGS: tuple[str, ...] = ()


class Reading:
    """What every frame reads from and writes to.

    Attributes:
        parking: calls are kept apart, because they stand inside reasoning.
        tentative: the block may turn out to be text until its very end, whatever its name.
        found: a call has begun in the block.
        patience: how often text may still be read a second time because a value's end was in doubt.
    """

    __slots__ = ("cursor", "found", "names", "parking", "patience", "plain", "sink", "tape", "tentative", "toolset")

    def __init__(self, cursor: Cursor, sink: Sink, toolset: Toolset, names: dict[str, str]) -> None:
        self.cursor = cursor
        self.sink = sink
        self.toolset = toolset
        self.names = names
        self.parking = False
        self.plain = False
        self.tentative = False
        self.found = False
        self.patience = MAX_SECOND_LOOKS
        self.tape = StringIO()

    def begin(self, tape: StringIO, *, plain: bool) -> None:
        """A block may begin here. `plain`: its opener may be ordinary text."""
        self.tape = tape
        self.plain = plain
        self.tentative = self.found = False
        self.sink.hold()

    @property
    def stopped(self) -> bool:
        """Whether the model ended its text by itself, so that brackets may be closed for it."""
        return self.cursor.end == "stop"

    def tool(self, name: str) -> Tool | None:
        """Return the declared tool that `name` means."""
        return self.toolset.resolve(name)[0]

    def sure(self, tool: Tool | None) -> None:
        """The block is what it looked like, so that a call to a declared tool need not be held to its end."""
        if self.tentative and tool is not None:
            self.tentative = False
            self.commit()

    def commit(self) -> None:
        """This block is a call: what was held goes out, and need not be remembered as text."""
        if not self.parking and not self.tentative:
            self.sink.commit()
            self.cursor.stop(self.tape)


class Call:
    """One call on its way into the sink; arguments that come before the name wait for it.

    `tail` is the end of the arguments' text, which `end` writes: what follows may show that it is not the end.
    """

    __slots__ = ("_reading", "_repairs", "_written", "call_id", "name", "tail", "tool")

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._written = StringIO()
        self._repairs: list[str] = []
        self.tail = ""
        self.name = ""
        self.call_id: str | None = None
        self.tool: Tool | None = None

    def begin(self, raw_name: str) -> bool:
        """The name is complete; false if it is none. A declared tool's call goes out from here on."""
        name = raw_name.split("<|", maxsplit=1)[0].strip()
        if not name or len(name) > MAX_NAME:
            return False
        self.name = self._reading.names.get(name, name)
        self.tool = self._reading.tool(self.name)
        self._reading.found = True
        self._reading.sink.start(self.name, self.call_id)
        if self.tool is not None:
            self._reading.commit()
        if written := self._written.getvalue():
            self._reading.sink.arguments(written)
        return True

    def write(self, piece: str) -> None:
        """The next piece of the arguments' JSON text; raises `TooLargeError`."""
        room = MAX_ARGUMENTS - self._written.tell()
        self._written.write(piece[:room])
        if self.name:
            self._reading.sink.arguments(piece[:room])
        if len(piece) > room:
            raise TooLargeError

    def write_text(self, text: str) -> bool:
        """The arguments are the JSON text inside a string: write the object it says; false if it says none."""
        try:
            value, tags = decode(text), NO_TAGS
        except JsonTextError:
            mended: tuple[JsonValue, tuple[str, ...]] | None = relax(text) if text.strip() else ({}, NO_TAGS)
            if mended is None:
                return False
            value, tags = mended
            text = encode_str(value)
        if isinstance(value, dict):
            self.repaired(*tags)
            self.write(text.strip())
        return isinstance(value, dict)

    def write_value(self, value: JsonValue) -> bool:
        """Write the rest of the arguments so that they say `value`; false where that can't be."""
        self.tail = ""
        if value is None:
            value = {}
        if isinstance(value, str):
            return not self._written.tell() and self.write_text(value)
        if not isinstance(value, dict):
            return False
        rest = continuation(self._written.getvalue(), value)
        if rest is None:
            return False
        self.write(rest)
        return True

    @property
    def empty(self) -> bool:
        """Whether no piece has been written."""
        return not self._written.tell()

    def hold(self, tail: str) -> None:
        """Keep the end of the arguments' text back; raises `TooLargeError`."""
        if len(tail) > MAX_ARGUMENTS - self._written.tell():
            raise TooLargeError
        self.tail = tail

    def repaired(self, *tags: str) -> None:
        """Note what was mended."""
        self._repairs.extend(tag for tag in tags if tag not in self._repairs)

    def end(self, *, complete: bool = True) -> None:
        """The call has ended; no arguments at all mean an empty object."""
        if complete and (self.tail or self.empty):
            self.write(self.tail or "{}")
        self._reading.sink.end(complete=complete, repairs=tuple(self._repairs))
