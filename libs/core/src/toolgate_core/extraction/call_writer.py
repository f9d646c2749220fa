"""Writing one call into the sink, whatever order its parts come in."""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.json_reader import TooLargeError, continuation
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.toolset import Tool

MAX_ARGUMENTS = 1 << 20
MAX_NAME = 256
NO_TAGS: tuple[str, ...] = ()


class CallWriter:
    """One call on its way into the sink; arguments that come before the name wait for it.

    `tail` is the end of the arguments' text, which `end` writes: what follows may show that it is not the end.
    """

    __slots__ = ("_reader", "_repairs", "_written", "call_id", "name", "tail", "tool")

    def __init__(self, reader: BlockReader) -> None:
        self._reader = reader
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
        self.name = self._reader.names.get(name, name)
        self.tool = self._reader.tool(self.name)
        self._reader.has_call = True
        self._reader.sink.start(self.name, self.call_id)
        if self.tool is not None:
            self._reader.commit()
        if written := self._written.getvalue():
            self._reader.sink.arguments(written)
        return True

    def write(self, piece: str) -> None:
        """The next piece of the arguments' JSON text; raises `TooLargeError`."""
        room = MAX_ARGUMENTS - self._written.tell()
        self._written.write(piece[:room])
        if self.name:
            self._reader.sink.arguments(piece[:room])
        if len(piece) > room:
            raise TooLargeError

    def write_text(self, text: str) -> bool:
        """The arguments are the JSON text inside a string: write the object it says; false if it says none."""
        try:
            value, tags = decode(text), NO_TAGS
        except JsonTextError:
            repaired: tuple[JsonValue, tuple[str, ...]] | None = relax(text) if text.strip() else ({}, NO_TAGS)
            if repaired is None:
                return False
            value, tags = repaired
            text = encode_str(value)
        if isinstance(value, dict):
            self.add_repairs(*tags)
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

    def add_repairs(self, *tags: str) -> None:
        """Note what was repaired."""
        self._repairs.extend(tag for tag in tags if tag not in self._repairs)

    def end(self, *, complete: bool = True) -> None:
        """The call has ended; no arguments at all mean an empty object."""
        if complete and (self.tail or self.empty):
            self.write(self.tail or "{}")
        self._reader.sink.end(complete=complete, repairs=tuple(self._repairs))
