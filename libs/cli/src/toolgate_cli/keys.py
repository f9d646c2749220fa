"""An API key from a file: the first line that is neither blank nor a comment."""

from __future__ import annotations

from pathlib import Path

from toolgate_cli.failure import CommandError


def read_key(path: str) -> str:
    """Return the key; raise `CommandError`, which never shows it."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CommandError(f"no key in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"no key in {path}: it is not UTF-8") from error
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if any(character.isspace() for character in line) or not (line.isascii() and line.isprintable()):
            raise CommandError(f"{path}, line {number}: a key must not contain white space or characters outside ASCII")
        return line
    raise CommandError(f"no key in {path}: every line is empty or a comment")
