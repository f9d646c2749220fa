"""Writing lines to a pipe or a terminal that may not be read: in a thread, and with a bound on what waits."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from toolgate_core.limits import MAX_WAITING_LOG_BYTES

CLOSE_S = 1.0
"""How long the last lines may take at the end of a process, in seconds."""


class LogWriter:
    """Writes texts in their order, in a thread of its own: a reader that hangs holds up nobody else.

    What does not fit into `MAX_WAITING_LOG_BYTES` is lost; `lost` makes the line that says how many lines were.
    The thread writes to the file itself: a stream's lock, held for ever, would also stop the end of the process.
    """

    def __init__(self, number: int, lost: Callable[[int], str]) -> None:
        """`number`: of the open file."""
        self._number = number
        self._say_lost = lost
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._writing = False
        self._closed = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, text: str) -> None:
        """Take lines; never waits."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._size + len(data) > MAX_WAITING_LOG_BYTES:
                self._lost += text.count("\n")
                return
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify_all()

    def close(self) -> bool:
        """Write what waits, for at most `CLOSE_S`, and end; return whether all was written."""
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
                # A log that nobody reads any more, or is full, must not end what it tells of.
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
                data += self._say_lost(self._lost).encode()
            self._waiting.clear()
            self._size = self._lost = 0
            self._writing = True
            return data


def file_number(stream: IO[str]) -> int | None:
    """Return the number of the open file behind a stream; None where there is none."""
    try:
        number = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return None
    return number
