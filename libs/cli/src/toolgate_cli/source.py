"""Read the input of a command: a file, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from toolgate_cli.failure import CommandError


def read_bytes(file: str | None) -> bytes:
    """Return all of `file`, or of standard input where it is unset or `-`; raise `CommandError`."""
    if file is None or file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def read_lines(file: str | None) -> Iterator[bytes]:
    """Yield the lines as they arrive, so that the command works in a pipe; raise `CommandError`."""
    if file is None or file == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield from stream
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def read_text(file: str | None) -> str:
    """Return all of it as text; raise `CommandError` where it is not UTF-8."""
    try:
        return read_bytes(file).decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"{file or 'standard input'} is not UTF-8: {error.reason}") from error
