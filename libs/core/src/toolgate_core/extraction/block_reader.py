"""What every frame gets: the text to read, the sink to write to, and what is known about the block so far.

A frame never asks the engine anything. It reads from `cursor`, writes calls through `CallWriter` into `sink`, and
returns whether the block was its own. All that must be remembered between the two is here:

- While the sink *holds* (`begin`), nothing of the block has been emitted, and false is a valid answer at any time.
- `commit` is the point of no return: the name of a declared tool is complete, so this is a call. What was held is
  emitted and the tape of the block is stopped, so that a long call is not kept twice in memory.
- Between the two lies `tentative`: the frame knows that its block may look like a call up to the end and still be text
  (a tag in prose, a bare list in Python). Then even a declared name commits nothing until `confirm` or the end.
"""

from __future__ import annotations

from io import StringIO

from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.sink import EventSink
from toolgate_core.schema import Toolset
from toolgate_core.schema.toolset import Tool

MAX_REREADS = 16
"""How often in one text a frame may read on in doubt and come back; beyond it the first reading counts.

Each time costs at most the size of one value, so that the cost of a hostile text is bounded by 16 times its length.
"""


class BlockReader:
    """What every frame reads from and writes to; one for each extraction.

    Attributes:
        cursor: the text.
        sink: where events go.
        toolset: the tools of the request.
        names: names that were changed for the upstream, and the declared ones that they stand for.
        parking: calls are kept apart, because they are inside reasoning.
        plain_opener: the block's opener is ordinary text, so that a cut block is shown.
        tentative: the block may turn out to be text until its very end, whatever its name.
        has_call: a call has begun in the block.
        rereads_left: how often text may still be read a second time because a value's end was in doubt.
        tape: the text of the block so far.
    """

    __slots__ = (
        "cursor", "has_call", "names", "parking", "plain_opener", "rereads_left", "sink", "tape", "tentative", "toolset"
    )  # fmt: skip

    def __init__(self, cursor: Cursor, sink: EventSink, toolset: Toolset, names: dict[str, str]) -> None:
        self.cursor = cursor
        self.sink = sink
        self.toolset = toolset
        self.names = names
        self.parking = False
        self.plain_opener = False
        self.tentative = False
        self.has_call = False
        self.rereads_left = MAX_REREADS
        self.tape = StringIO()

    def begin(self, tape: StringIO, *, plain_opener: bool) -> None:
        """Hold the events of a block that may begin here. `tape` records its text."""
        self.tape = tape
        self.plain_opener = plain_opener
        self.tentative = self.has_call = False
        self.sink.hold()

    @property
    def stopped(self) -> bool:
        """Whether the model ended its text by itself, so that brackets may be closed for it.

        After a length limit or a lost connection the missing part may have been more than brackets.
        """
        return self.cursor.end == "stop"

    def tool(self, name: str) -> Tool | None:
        """Return the declared tool that `name` means, other spellings included (see `Toolset.resolve`)."""
        return self.toolset.resolve(name)[0]

    def confirm(self, tool: Tool | None) -> None:
        """Let a call to a declared tool be emitted before its end: the block is what it looked like."""
        if self.tentative and tool is not None:
            self.tentative = False
            self.commit()

    def commit(self) -> None:
        """Let out what was held: this block is a call, and its text need not be kept."""
        if not self.parking and not self.tentative:
            self.sink.commit()
            self.cursor.stop(self.tape)
