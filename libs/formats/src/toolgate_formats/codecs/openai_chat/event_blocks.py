"""A stream of server-sent events as bytes: cut where events end, and searched for errors, without reading the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode

from toolgate_formats.codecs.openai_chat.wire import is_error_object
from toolgate_formats.sse import SseReader

_EVENT: Final = re.compile(rb".*?(?:\n\r?\n|\r\r|\Z)", re.DOTALL)
_CONTENT: Final = re.compile(rb'"content"\s*:\s*"')
_TEXT: Final = re.compile(rb'(?:[^"\\]|\\.)*')
_LESSONS: Final = 8
"""How many blocks are looked at to learn what a plain chunk looks like."""


class PlainChunk(Struct, frozen=True):
    """What is around the text of a chunk that holds text alone, in a stream whose chunks differ in nothing else.

    `seam`: what is between two texts. `quotes`: those of one event, without its text's.
    """

    before: bytes
    behind: bytes
    seam: bytes
    quotes: int

    @classmethod
    def of(cls, value: JsonObject, data: bytes) -> PlainChunk | None:
        """Return what a chunk, decoded and as it came, teaches; None where it has more than one text or other news."""
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
        delta = choice.get("delta") if isinstance(choice, dict) else None
        found = list(_CONTENT.finditer(data))
        if not isinstance(delta, dict) or delta.keys() != {"content"} or len(found) != 1 or b"\n" in data:
            return None
        text = _TEXT.match(data, found[0].end())
        assert text is not None
        return cls.around(b"data: " + data[: text.start()], data[text.end() :] + b"\n\n")

    @classmethod
    def around(cls, before: bytes, behind: bytes) -> PlainChunk:
        """Return the chunk that is a text between these."""
        ends = before + behind
        return cls(before, behind, behind + before, ends.count(b'"') - ends.count(b'\\"'))

    def renamed(self, change: Callable[[bytes], bytes]) -> PlainChunk:
        """Return the chunk with its ends changed."""
        return self.around(change(self.before), change(self.behind))

    def holds(self, block: bytes) -> bool:
        """Whether a block is events with these ends, and nothing else."""
        if not block.startswith(self.before) or not block.endswith(self.behind):
            return False
        # An event is one line and an empty one: any other number of line breaks means other lines between.
        return block.count(b"\n") == 2 * block.count(self.seam) + 2

    def cut_from(self, block: bytes) -> bytes:
        """Return a block without the run of such events in it: all that can mark an error stays, as often as before.

        A long text is found at a fraction of the cost of short ones.
        """
        begin, end = block.find(self.seam), block.rfind(self.seam) + len(self.seam)
        if begin < 0 or block.count(b"\n", begin, end) != 2 * block.count(self.seam, begin, end):
            return block
        return block[:begin] + block[end:]

    def holds_text(self, block: bytes) -> bool:
        """Whether nothing but text is between these ends."""
        if not self.holds(block) or b"\\\\" in block:  # an escaped quote looks like the end of a text
            return False
        quotes = block.count(b'"') - (block.count(b'\\"') if b"\\" in block else 0)
        return quotes == self.quotes * (block.count(self.seam) + 1)


class ErrorWatch:
    """Forwards blocks of a chat's events unchanged, up to an error. `error` is the JSON text of it, once it came."""

    def __init__(self) -> None:
        self.error: bytes | None = None
        self._plain: PlainChunk | None = None
        self._lessons = 0

    def feed(self, block: bytes) -> bytes:
        """Return what of a block may go on: all of it, or what is before an error."""
        if self._plain is None and self._lessons < _LESSONS:
            self._learn(block)
        plain = self._plain
        if plain is not None and (plain.holds(block) or not _suspicious(plain.cut_from(block))):
            return block
        if plain is None and not _suspicious(block):
            return block
        out: list[bytes] = []
        for event in _EVENT.findall(block):
            self.error = _error_of(event)
            if self.error is not None:
                break
            out.append(event)
        return b"".join(out)

    def _learn(self, block: bytes) -> None:
        """Learn what a plain chunk looks like from an event in the middle: searching long blocks takes time."""
        self._lessons += 1
        before = block.rfind(b"\n\ndata: ", 0, len(block) // 2)
        begin = before + 2 if before >= 0 else 0
        event = block[begin : block.find(b"\n\n", begin) + 2]
        data = event.strip().removeprefix(b"data: ")
        if event != b"data: " + data + b"\n\n" or _suspicious(event):
            return
        try:
            value = decode(data)
        except JsonTextError:
            return
        plain = PlainChunk.of(value, data) if isinstance(value, dict) else None
        if plain is not None and plain.seam.count(b"data:") == plain.seam.count(b'"choices"'):
            self._plain = plain


def _suspicious(block: bytes) -> bool:
    """Whether there may be an event that is not a chunk."""
    # Every chunk has `choices`; an event without them, or one with a name, may be an error.
    if b'"error"' in block or b"event:" in block:
        return True
    return block.count(b'"choices"') + block.count(b"data: [DONE]") < block.count(b"data:")


def _error_of(event: bytes) -> bytes | None:
    """Return the data of an event that is an error."""
    reader = SseReader()
    for data in (*reader.feed(event), *reader.finish()):
        try:
            value = decode(data)
        except JsonTextError:
            continue
        if is_error(value):
            return data
    return None


def is_error(value: JsonValue) -> bool:
    """Whether a value is an error object of one of the known forms."""
    if isinstance(value, list):  # Gemini writes an error as a list of one
        return bool(value) and is_error(value[0])
    if not isinstance(value, dict):
        return False
    return is_error_object(
        value.get("error"),
        kind=value.get("object"),
        message=value.get("message"),
        detail=value.get("detail"),
        answered=bool(value.get("choices")),
    )
