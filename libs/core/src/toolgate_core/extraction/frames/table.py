"""The table of frames: which one reads which kind of grammar. A new kind of grammar is a frame and a row here.

A frame is a generator function `read(reader, grammar) -> Steps[bool | MessageStart]`. It begins at the block's opener
and may read as far as it needs to.

- True: the block was its own. Its calls are in the sink, and what it read is gone.
- False: it was not. Nothing may have been emitted by then; the engine puts the text back and asks the next grammar.
- A `MessageStart`: a header was read, and ordinary text of the kind that it names follows (frame `message` only).

Frames wait by `yield from cursor…` only, and never raise: `MalformedBlockError` and its kinds are caught inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from toolgate_core.dialects.base import (
    AnyGrammar,
    BraceGrammar,
    DecisionGrammar,
    ElementsGrammar,
    EnvelopeGrammar,
    MessageGrammar,
    NamedGrammar,
    PayloadGrammar,
    PythonGrammar,
    TaggedGrammar,
)
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.frames.braces import read_braces
from toolgate_core.extraction.frames.decision_json import read_decision
from toolgate_core.extraction.frames.json_envelope import read_envelopes
from toolgate_core.extraction.frames.message import MessageStart, read_message
from toolgate_core.extraction.frames.named import read_named
from toolgate_core.extraction.frames.nested_elements import read_elements
from toolgate_core.extraction.frames.payload import read_payload
from toolgate_core.extraction.frames.python import read_python
from toolgate_core.extraction.frames.tagged import read_tagged

_FRAMES = {
    EnvelopeGrammar: read_envelopes,
    NamedGrammar: read_named,
    TaggedGrammar: read_tagged,
    ElementsGrammar: read_elements,
    PythonGrammar: read_python,
    BraceGrammar: read_braces,
    MessageGrammar: read_message,
    PayloadGrammar: read_payload,
    DecisionGrammar: read_decision,
}


def read_block(reader: BlockReader, grammar: AnyGrammar) -> Steps[bool | MessageStart]:
    """Read one block of `grammar`, from its opener on; false where it is not one, and nothing has come of it."""
    frame = cast("Callable[[BlockReader, AnyGrammar], Steps[bool | MessageStart]]", _FRAMES[type(grammar)])
    return frame(reader, grammar)
