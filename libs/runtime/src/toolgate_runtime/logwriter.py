"""Writes log lines from a thread with a bounded queue, so that a blocked pipe or terminal blocks no request."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from toolgate_core.limits import MAX_WAITING_LOG_BYTES

CLOSE_S = 1.0
"""Time for the last lines at the end of a process, in seconds."""


class LogWriter:
    """Writes texts in order, on a separate daemon thread.

    Lines that exceed `MAX_WAITING_LOG_BYTES` of queue are dropped; `lost` returns the line that reports their number.
    The thread writes to the file descriptor, not to the stream: a blocked write would hold the stream's lock, which the
    interpreter also takes at exit.
    """

    def __init__(self, number: int, lost: Callable[[int], str]) -> None:
        """`number`: the file descriptor."""
        self._number = number
        self._lost_line = lost
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._writing = False
        self._closed = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, text: str) -> None:
        """Queue lines; never blocks."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._size + len(data) > MAX_WAITING_LOG_BYTES:
                self._lost += text.count("\n")
                return
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify_all()

    def close(self) -> bool:
        """Write the queued lines for at most `CLOSE_S` seconds and stop; return whether all were written."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._waiting and not self._writing, CLOSE_S)
            self._closed = True
            self._changed.notify_all()
        return done

    def _run(self) -> None:
        while (data := self._next()) is not None:
            try:
                while data:
                    data = data[os.write(self._number, data) :]
            except OSError:
                # A closed or full log must not fail the operation that it describes.
                pass

    def _next(self) -> bytes | None:
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            data = b"".join(self._waiting)
            if self._lost:
                data += self._lost_line(self._lost).encode()
            self._waiting.clear()
            self._size = self._lost = 0
            self._writing = True
            return data


def file_number(stream: IO[str]) -> int | None:
    """Return the file descriptor of a stream; None if it has none."""
    try:
        number = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return None
    return number
