"""Structured logs: one JSON object per line, on stderr.

A line has an event's name and fields; it contains prompts, answers or arguments only if `log_content` is on. A request
writes a bounded number of info lines; its stages are debug lines. Fields and texts that look like credentials are
masked, including those of libraries.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any

import msgspec

from toolgate_runtime.logwriter import LogWriter, file_number

REQUEST_ID_KEY = "x-request-id"
"""The gRPC metadata key of the request's id."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that the current task serves; added to every line of that task."""

MASK = "***"
_SECRET_KEY = re.compile(r"authorization|api[-_]?key|password|secret|cookie|credential|token$", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?i:\bbearer\s+)[\w.~+/=-]+|\bsk-[\w-]{8,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LOGGER = "toolgate"
GATHER_S = 0.05
_SCALARS = (str, int, float, type(None))
_MAX_KNOWN_NAMES = 256
"""Size of the cache of field-name sets without secrets; our own events have a few dozen sets."""


class Log:
    """Writes events with fields; `show_content` is the setting `log_content`."""

    def __init__(self, *, show_content: bool = False) -> None:
        self._logger = logging.getLogger(_LOGGER)
        self._show_content = show_content

    @property
    def stages(self) -> bool:
        """Whether debug lines are enabled, so that callers can skip costly fields."""
        return self._logger.isEnabledFor(logging.DEBUG)

    @property
    def lines(self) -> bool:
        """Whether info lines are enabled, so that callers can skip costly fields."""
        return self._logger.isEnabledFor(logging.INFO)

    def stage(self, event: str, **fields: object) -> None:
        """Log a stage of a request (level debug)."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log an event (level info)."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log a problem that the process handled (level warning)."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, *, error: BaseException | None = None, **fields: object) -> None:
        """Log a failure (level error); `error` adds its traceback."""
        self._write(logging.ERROR, event, fields, error)

    def content(self, text: str | bytes) -> str:
        """Return `text` if `log_content` is on, else only its length."""
        if not self._show_content:
            return f"({len(text)} {'bytes' if isinstance(text, bytes) else 'characters'})"
        return text if isinstance(text, str) else text.decode(errors="replace")

    def _write(self, level: int, event: str, fields: dict[str, object], error: BaseException | None = None) -> None:
        if not self._logger.isEnabledFor(level):
            return
        lines = None if error is not None or self._logger.handlers else _lines()
        if lines is not None:
            lines.write(level, event, fields)
        else:
            self._logger.log(level, event, extra={"fields": fields}, exc_info=error)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: ts, level, service, msg, request_id, and the record's fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = self.head(record.created, record.levelno, redact(record.getMessage()), request_id.get())
        if record.name != _LOGGER:
            line["logger"] = record.name
        fields = getattr(record, "fields", {})
        line |= {key: value for key, value in redacted(fields).items() if key not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = redact(self.formatException(record.exc_info))
        return _encode(line)

    def head(self, created: float, level: int, message: str, request: str) -> dict[str, object]:
        """Return the fields that start every line."""
        second = int(created)
        line: dict[str, object] = {
            "ts": f"{_second(second)}.{int((created - second) * 1000):03}Z",
            "level": _level_name(level),
            "service": self._service,
            "msg": message,
        }
        if request:
            line["request_id"] = request
        return line


class JsonLines(logging.StreamHandler[IO[str]]):
    """Writes records as JSON lines, and our own events without creating `LogRecord` objects.

    Creating a record looks up the caller, the thread and more that no line shows; that is five times the work of the
    line itself. Between `gather` and `let_go`, the lines of an event loop are buffered for at most `GATHER_S` and
    written together, which costs a fifth per line. Warnings, records and lines of other threads are written at once,
    after the buffered ones. While lines are gathered, a separate thread writes to the file, pipe or terminal
    (`LogWriter`), so that a blocked reader cannot block the event loop.
    """

    def __init__(self, service: str, stream: IO[str]) -> None:
        super().__init__(stream)
        self._lines = JsonFormatter(service)
        self.setFormatter(self._lines)
        self._lock = threading.RLock()
        self._gathered: list[tuple[float, int, str, dict[str, object], str]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._writer: LogWriter | None = None
        self._plain_names: set[tuple[str, ...]] = set()
        self._plain_types: set[type] = set()

    def write(self, level: int, event: str, fields: dict[str, object]) -> None:
        """Write an event."""
        with self._lock:
            self._gathered.append((time.time(), level, event, fields, request_id.get()))
            if self._loop is None or level >= logging.WARNING or threading.get_ident() != self._thread:
                self.write_out()
            elif len(self._gathered) == 1:
                self._loop.call_later(GATHER_S, self.write_out)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        with self._lock:
            self.write_out()
            if self._writer is None:
                super().emit(record)
            else:
                self._writer.put(self.format(record) + self.terminator)

    def gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start to buffer the lines of an event loop that runs in this thread."""
        self._loop, self._thread = loop, threading.get_ident()
        number = file_number(self.stream)
        if number is not None and self._writer is None:
            self._writer = LogWriter(number, self._lost)

    def let_go(self) -> None:
        """Stop buffering, and write the buffered lines. Later lines are written at once, unless the reader hangs."""
        self._loop = None
        self.write_out()
        if self._writer is not None and self._writer.close():
            self._writer = None

    def write_out(self) -> None:
        """Write the buffered lines."""
        with self._lock:
            gathered, self._gathered = self._gathered, []
            if not gathered:
                return
            text = "".join([self._line(*one) for one in gathered])
            if self._writer is not None:
                self._writer.put(text)
                return
            try:
                self.stream.write(text)
                self.flush()
            except (OSError, ValueError):
                # A closed or full log must not fail the operation that it describes.
                pass

    def _lost(self, count: int) -> str:
        return self._line(time.time(), logging.WARNING, "log_lines_lost", {"count": count}, "")

    def _line(self, created: float, level: int, event: str, fields: dict[str, object], request: str) -> str:
        line = self._lines.head(created, level, event, request)
        if not self._is_plain(fields):
            fields = redacted(fields)
        text = _encode({**line, **fields, **line})
        if "sk-" in text or "earer" in text.lower():
            line["msg"] = redact(event)
            text = _encode({**line, **redacted(fields), **line})
        return text + "\n"

    def _is_plain(self, fields: dict[str, object]) -> bool:
        """Whether all fields are scalars and none is named like a secret; results are cached by names and types."""
        names, types = tuple(fields), set(map(type, fields.values()))
        if names in self._plain_names and types <= self._plain_types:
            return True
        if not all(isinstance(value, _SCALARS) for value in fields.values()) or any(map(is_secret, names)):
            return False
        if len(self._plain_names) < _MAX_KNOWN_NAMES:
            self._plain_names.add(names)
        self._plain_types |= types
        return True


@contextmanager
def gathered() -> Iterator[None]:
    """Buffer the log lines of the running event loop within this context."""
    lines = _lines()
    if lines is not None:
        lines.gather(asyncio.get_running_loop())
    try:
        yield
    finally:
        if lines is not None:
            lines.let_go()


def _lines() -> JsonLines | None:
    """Return our handler if it is the only one, else None."""
    handlers = logging.root.handlers
    return handlers[0] if len(handlers) == 1 and isinstance(handlers[0], JsonLines) else None


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=16)
def _level_name(level: int) -> str:
    return logging.getLevelName(level).lower()


def configure(
    service: str, *, level: str = "info", debug: bool = False, show_content: bool = False, stream: IO[str] | None = None
) -> Log:
    """Send all log lines of this process to `stream` (default stderr) as JSON; `debug` overrides `level` with debug."""
    root = logging.getLogger()
    root.handlers[:] = [JsonLines(service, stream or sys.stderr)]
    root.setLevel(logging.WARNING)
    logging.getLogger(_LOGGER).setLevel(logging.DEBUG if debug else _LEVELS[level])
    return Log(show_content=show_content)


@lru_cache(maxsize=512)
def is_secret(name: str) -> bool:
    """Whether a field of this name contains a credential."""
    return _SECRET_KEY.search(name) is not None


def redact(text: str) -> str:
    """Return the text with everything that looks like a credential masked."""
    return _SECRET_TEXT.sub(MASK, text)


def redacted(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with credentials masked: by field name at any depth, and by pattern in texts."""
    return {key: MASK if value and is_secret(str(key)) else _value(value) for key, value in fields.items()}


def _value(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return redacted(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item) for item in value]
    return value


def _encode(line: dict[str, object]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=str).decode()
    except (ValueError, TypeError, msgspec.MsgspecError):
        # Lone surrogates and the like; the standard library escapes them.
        return json.dumps(line, default=str, skipkeys=True)
