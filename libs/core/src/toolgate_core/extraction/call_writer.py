"""Writes one call into the sink, whatever order its parts come in.

A call needs its name first: clients can't place arguments of an unknown function. But JSON members come in any order,
so arguments in front of the name are kept and follow it. From the name on, each piece of the arguments is emitted at
once.

What is emitted is always a beginning of valid JSON. The end of the arguments' text is special: a closing quote and the
brackets after it may be part of a string whose quotes the model forgot to escape. `hold` keeps them back as `tail`,
and `end` writes them once the frame knows what follows.
"""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.json_reader import TooLargeError, continuation
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.toolset import Tool

MAX_ARGUMENTS = 1 << 20
"""Characters of JSON text that the arguments of one call may have; a larger call is incomplete (`too_large`)."""
MAX_NAME = 256
"""Characters of a name of a tool; OpenAI's API allows 64."""
NO_REPAIRS: tuple[str, ...] = ()


class CallWriter:
    """One call on its way into the sink; arguments that come before the name wait for it.

    Attributes:
        name: the declared or written name; empty until `begin`.
        call_id: the id that the model itself wrote, none where its dialect has no ids.
        tool: the declared tool of that name.
        tail: the end of the arguments' text, which `end` writes: what follows may show that it is not the end.
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
        """Take the complete name; false if it is none. A declared tool's call is emitted from here on.

        gpt-oss leaks tokens into names (`foo<|channel|>commentary`): a name ends where a token begins.
        """
        name = raw_name.split("<|", maxsplit=1)[0].strip()
        if not name or len(name) > MAX_NAME:
            return False
        # A name may have been changed for the upstream: the plan knows the declared one.
        self.name = self._reader.names.get(name, name)
        self.tool = self._reader.tool(self.name)
        self._reader.has_call = True
        self._reader.sink.start(self.name, self.call_id)
        # A declared name is what makes a block a call. An unknown one may be prose, and waits for the block's end.
        if self.tool is not None:
            self._reader.commit()
        if written := self._written.getvalue():
            self._reader.sink.arguments(written)
        return True

    def write(self, piece: str) -> None:
        """Write the next piece of the arguments' JSON text.

        Raises:
            TooLargeError: the arguments have more than MAX_ARGUMENTS characters; those are emitted before.
        """
        # What fits is written before the error: the events must not depend on the size of the pieces.
        room = MAX_ARGUMENTS - self._written.tell()
        self._written.write(piece[:room])
        if self.name:
            self._reader.sink.arguments(piece[:room])
        if len(piece) > room:
            raise TooLargeError

    def write_text(self, text: str) -> bool:
        r"""Write the object that the JSON text inside a string means; false if it means none.

        Templates that follow OpenAI's API make models write `"arguments": "{\"city\": …}"`.
        """
        try:
            value, tags = decode(text), NO_REPAIRS
        except JsonTextError:
            # The text inside the string has the same faults as any other JSON of models; an empty one means no
            # arguments.
            relaxed: tuple[JsonValue, tuple[str, ...]] | None = relax(text) if text.strip() else ({}, NO_REPAIRS)
            if relaxed is None:
                return False
            value, tags = relaxed
            text = encode_str(value)
        if isinstance(value, dict):
            self.add_repairs(*tags)
            self.write(text.strip())
        return isinstance(value, dict)

    def write_value(self, value: JsonValue) -> bool:
        """Write what is missing so that the arguments are `value`; false where what was written is something else.

        This is how a repaired block goes on: part of its text is out already and can't be taken back.
        """
        self.tail = ""
        if value is None:
            value = {}
        if isinstance(value, str):
            # Arguments in a string, in a block that was repaired: nothing of them can have been emitted before.
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
        """Record what was repaired (see `toolgate_core.types.repairs`), each tag once."""
        self._repairs.extend(tag for tag in tags if tag not in self._repairs)

    def end(self, *, complete: bool = True) -> None:
        """End the call; no arguments at all mean an empty object. An incomplete call is never delivered as a call."""
        # Clients parse the arguments of every call: OpenAI's API has `{}` for none, and never an empty string.
        if complete and (self.tail or self.empty):
            self.write(self.tail or "{}")
        self._reader.sink.end(complete=complete, repairs=tuple(self._repairs))
