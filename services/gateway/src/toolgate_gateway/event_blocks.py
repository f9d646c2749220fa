"""A stream of server-sent events as bytes: cut where events end, and searched for errors, without reading the rest."""

from __future__ import annotations

import re
from typing import Final

from toolgate_core.jsontext import JsonTextError, JsonValue, decode
from toolgate_core.limits import MAX_EVENT_BYTES

from toolgate_gateway.providers.wire import tells_error
from toolgate_gateway.sse_reader import SseReader, SseTooLongError

_EVENT: Final = re.compile(rb".*?(?:\n\r?\n|\r\r|\Z)", re.DOTALL)
_SEAM: Final = 3
"""A blank line has at most four bytes, so that many of what came before can belong to it."""


class EventBlocks:
    """Cuts a stream, whose reads end anywhere, into blocks of whole events. No byte is changed."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._held = 0
        self._seam = b""

    def feed(self, part: bytes) -> bytes:
        """Return the events that `part` completes, empty if it completes none; raise `SseTooLongError`."""
        if not self._tail and part.endswith(b"\n\n"):
            return part
        seam = self._seam + part
        end = _last_end(seam) - len(self._seam)
        if end <= 0:
            self._keep(part)
            return b""
        block = b"".join((*self._tail, part[:end]))
        self._tail, self._held, self._seam = [], 0, b""
        self._keep(part[end:])
        return block

    def rest(self) -> bytes:
        """Return what the end of the stream left without a blank line."""
        rest = b"".join(self._tail)
        self._tail, self._held, self._seam = [], 0, b""
        return rest

    def _keep(self, part: bytes) -> None:
        if part:
            self._tail.append(part)
            self._held += len(part)
            self._seam = (self._seam + part)[-_SEAM:]
            if self._held > MAX_EVENT_BYTES:
                raise SseTooLongError(f"an event is longer than {MAX_EVENT_BYTES} bytes")


def _last_end(data: bytes) -> int:
    """Return where the last blank line ends; 0 where there is none."""
    end = data.rfind(b"\n\n") + 2
    if b"\r" in data:
        end = max(end, data.rfind(b"\n\r\n") + 3 if b"\n\r\n" in data else 0, data.rfind(b"\r\r") + 2)
    return end if end > 1 else 0


class ErrorWatch:
    """Forwards blocks of a chat's events as they are, up to an error. `error` is the JSON text of it, once it came."""

    def __init__(self) -> None:
        self.error: bytes | None = None

    def feed(self, block: bytes) -> bytes:
        """Return what of a block may go on: all of it, or what stands before an error."""
        if not _suspicious(block):
            return block
        out: list[bytes] = []
        for event in _EVENT.findall(block):
            self.error = _error_of(event)
            if self.error is not None:
                break
            out.append(event)
        return b"".join(out)


def _suspicious(block: bytes) -> bool:
    """Whether there may be an event that is no chunk."""
    if b'"error"' in block or b"event:" in block:
        return True
    return block.count(b'"choices"') + block.count(b"data: [DONE]") < block.count(b"data:")


def _error_of(event: bytes) -> bytes | None:
    """Return the data of an event that tells an error."""
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
    return tells_error(
        value.get("error"),
        kind=value.get("object"),
        message=value.get("message"),
        detail=value.get("detail"),
        answered=bool(value.get("choices")),
    )
