"""Client API keys, from settings and from a file that is reloaded when it changes.

Authentication fails closed: a configured source without a key stops the start, and a file that becomes unreadable
while the gateway runs leaves the last keys in force.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from toolgate_core.limits import MAX_KEYS_FILE_BYTES
from toolgate_runtime.logs import Log
from toolgate_runtime.settings import SettingsError

from toolgate_gateway.caller import ANONYMOUS, Caller, caller_of

_Stamp: TypeAlias = tuple[int, int, int, int]


def parse_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a file: one per line; blank lines and lines that start with `#` are skipped.

    Raises ValueError, which names the line but never the key, for a line that is not a key, or a file without keys.
    """
    keys: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        if not _is_key(key):
            raise ValueError(f"line {number}: a key contains no white space; put comments on separate lines")
        keys.append(key)
    if not keys:
        raise ValueError("the file contains no key")
    return tuple(keys)


def check_listed(keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of a setting; raise ValueError, which names the position, for one that is not a key."""
    for number, key in enumerate(keys, 1):
        if not _is_key(key):
            raise ValueError(f"key {number} is empty or contains white space")
    return tuple(keys)


def _is_key(text: str) -> bool:
    return bool(text) and text.isprintable() and not any(map(str.isspace, text))


class ClientKeys:
    """Authenticates callers by their API keys; without configured keys, every caller is anonymous."""

    def __init__(self, listed: Sequence[str], file: Path | None, log: Log) -> None:
        """Read the file; raises OSError if it is unreadable, `SettingsError` if it is wrong."""
        self._listed = tuple(key.encode() for key in listed)
        self._file = file
        self._log = log
        self._stamp: _Stamp | None = _stamp(file) if file is not None else None
        self._callers = _callers(self._listed)
        if file is not None:
            try:
                self._callers = _callers((*self._listed, *_read(file)))
            except ValueError as error:
                raise SettingsError(f"TOOLGATE_API_KEYS_FILE: {file}: {error}") from error

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._callers)

    def authenticate(self, authorization: bytes | None, api_key: bytes | None) -> Caller | None:
        """Return the caller with these headers (`Authorization: Bearer KEY`, `x-api-key: KEY`); None: no valid key."""
        if self._file is not None:
            self._reload_if_changed(self._file)
        if not self._callers:
            return ANONYMOUS
        scheme, _, bearer = (authorization or b"").partition(b" ")
        sent = [
            key for key in (bearer.strip() if scheme.lower() == b"bearer" else b"", (api_key or b"").strip()) if key
        ]
        # Every key is compared in constant time, so that the duration reveals nothing about the keys.
        matches = [caller for key in sent for known, caller in self._callers if hmac.compare_digest(key, known)]
        return matches[0] if matches else None

    def _reload_if_changed(self, file: Path) -> None:
        try:
            stamp = _stamp(file)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._callers = _callers((*self._listed, *_read(file)))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._log.error("api_keys_file_unusable", file=str(file), reason=reason, kept=len(self._callers))
        else:
            self._log.info("api_keys_file_read", file=str(file), count=len(self._callers))


def _callers(keys: Sequence[bytes]) -> tuple[tuple[bytes, Caller], ...]:
    return tuple((key, caller_of(key)) for key in keys)


def _read(file: Path) -> tuple[bytes, ...]:
    with file.open("rb") as opened:
        data = opened.read(MAX_KEYS_FILE_BYTES + 1)
    if len(data) > MAX_KEYS_FILE_BYTES:
        raise ValueError(f"the file is larger than {MAX_KEYS_FILE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
    return tuple(key.encode() for key in parse_keys(text))


def _stamp(file: Path) -> _Stamp:
    """Return what changes when the file does: inode, size and times."""
    found = file.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
