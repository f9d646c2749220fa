"""What every frame gets: the text to read, the sink to write to, and what is known about the block."""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.sink import EventSink
from toolgate_core.schema import Toolset
from toolgate_core.schema.toolset import Tool

MAX_REREADS = 16


class BlockReader:
    """What every frame reads from and writes to.

    Attributes:
        parking: calls are kept apart, because they stand inside reasoning.
        tentative: the block may turn out to be text until its very end, whatever its name.
        has_call: a call has begun in the block.
        rereads_left: how often text may still be read a second time because a value's end was in doubt.
    """

    __slots__ = (
        "cursor",
        "has_call",
        "names",
        "parking",
        "plain",
        "rereads_left",
        "sink",
        "tape",
        "tentative",
        "toolset",
    )

    def __init__(self, cursor: Cursor, sink: EventSink, toolset: Toolset, names: dict[str, str]) -> None:
        self.cursor = cursor
        self.sink = sink
        self.toolset = toolset
        self.names = names
        self.parking = False
        self.plain = False
        self.tentative = False
        self.has_call = False
        self.rereads_left = MAX_REREADS
        self.tape = StringIO()

    def begin(self, tape: StringIO, *, plain: bool) -> None:
        """A block may begin here. `plain`: its opener may be ordinary text."""
        self.tape = tape
        self.plain = plain
        self.tentative = self.has_call = False
        self.sink.hold()

    @property
    def stopped(self) -> bool:
        """Whether the model ended its text by itself, so that brackets may be closed for it."""
        return self.cursor.end == "stop"

    def tool(self, name: str) -> Tool | None:
        """Return the declared tool that `name` means."""
        return self.toolset.resolve(name)[0]

    def confirm(self, tool: Tool | None) -> None:
        """The block is what it looked like, so that a call to a declared tool need not be held to its end."""
        if self.tentative and tool is not None:
            self.tentative = False
            self.commit()

    def commit(self) -> None:
        """This block is a call: what was held goes out, and need not be remembered as text."""
        if not self.parking and not self.tentative:
            self.sink.commit()
            self.cursor.stop(self.tape)
