"""Reads server-sent events from bytes that are split anywhere: the `data` of each event, in linear time."""

from __future__ import annotations

from typing import Final

from toolgate_core.limits import MAX_EVENT_BYTES

_BOM = b"\xef\xbb\xbf"
_SEAM: Final = 3
"""A blank line has at most four bytes, so that many of what came before can belong to it."""


class SseTooLongError(ValueError):
    """An event exceeds the reader's bound."""


class SseReader:
    """Reads one event stream. Feed it the bytes of each socket read.

    Comments, `event`, `id` and `retry` lines are skipped; the lines of an event's data are joined by line feeds; lines
    end in LF, CRLF or CR. `max_bytes` bounds one event (default 16 MiB); beyond it `feed` raises `SseTooLongError`.
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._tail: list[bytes] = []  # parts of the unfinished line; joined once, so that long lines cost O(n)
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes; raise `SseTooLongError`."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._unify_line_ends(chunk)
        if b"\n\n" in chunk and not self._data:
            chunk = b"".join((*self._tail, chunk))
            self._tail.clear()
            end = chunk.rindex(b"\n\n")
            events = self._plain(chunk[:end])
            if events and b"\n" not in chunk[end + 2 :]:
                self._keep(chunk[end + 2 :])
                return events
        lines = chunk.split(b"\n")
        last = lines.pop()
        if lines and self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
            self._tail.clear()
        events = self._take(lines) if lines else []
        self._keep(last)
        return events

    def finish(self) -> list[bytes]:
        """Return the data of an event that the end of the stream left without a blank line."""
        rest = b"".join(self._tail)
        self._tail.clear()
        return self._take([rest, b""])

    def _plain(self, text: bytes) -> list[bytes]:
        """Return the events of a text that consists of single data lines with blank lines between; else none."""
        if not text.startswith(b"data: "):
            return []
        events = text[6:].split(b"\n\ndata: ")
        if text.count(b"\n") != 2 * (len(events) - 1):
            return []
        self._at_start = False
        self._held_bytes = 0
        return events

    def _keep(self, last: bytes) -> None:
        """Keep an unfinished line."""
        if last:
            self._tail.append(last)
            self._hold(len(last))

    def _take(self, lines: list[bytes]) -> list[bytes]:
        if self._at_start and lines:
            lines[0] = lines[0].removeprefix(_BOM)
            self._at_start = False
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                events.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
        self._held_bytes = 0
        if data:
            self._hold(sum(map(len, data)))
        return events

    def _hold(self, count: int) -> None:
        self._held_bytes += count
        if self._held_bytes > self._max_bytes:
            raise SseTooLongError(f"an event is longer than {self._max_bytes} bytes")

    def _unify_line_ends(self, chunk: bytes) -> bytes:
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


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
