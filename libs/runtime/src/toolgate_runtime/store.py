"""The store port: small state with an expiry, such as counters of quotas.

One gateway keeps it in memory (`MemoryStore`); several replicas share it in a server such as Redis. The operations are
those that Redis does atomically, with its semantics, so that an adapter needs one command for each. All adapters pass
one contract suite (`tests/runtime/test_store.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, Protocol

from cachetools import TLRUCache
from msgspec import Struct
from toolgate_core.types.errors import ToolgateError

MAX_STORE_BYTES: Final = 16 * 1024 * 1024
"""Default size of a `MemoryStore`."""

_ENTRY_BYTES: Final = 200
"""Measured overhead of an entry beyond its key and value."""
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


class StoreError(ToolgateError):
    """An operation failed: the value is not an integer, too large for the store, or the store is unreachable."""


class Store(Protocol):
    """State shared by the requests of one deployment. Keys are text, values are bytes; `ttl_s` is in seconds, above 0.

    A store may forget an entry before its expiry when it is full, so nothing may depend on an entry for correctness.
    Every operation raises `StoreError` when the store fails.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key; None: no value, or it has expired."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Set the value of a key and its expiry; `ttl_s` None: no expiry. A former expiry is replaced, too."""
        ...

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add `by` to a counter atomically, and return the result.

        A missing key counts as 0. `ttl_s` becomes the expiry of a counter that this call creates; an existing one keeps
        its own, so that a fixed window ends on time however often it is incremented. `get` returns the counter as
        decimal digits. Raises `StoreError` for a value that is not an integer, or a result beyond 64 bits.
        """
        ...

    async def expire(self, key: str, ttl_s: float) -> bool:
        """Set the expiry of a key; return False if the key has no value."""
        ...

    async def aclose(self) -> None:
        """Release the store's connections."""
        ...


class _Entry(Struct, frozen=True):
    value: bytes
    expires_at: float
    size: int


class MemoryStore:
    """A store in the memory of one process; the least recently used entries are dropped when it is full.

    Use it from one event loop.
    """

    def __init__(self, clock: Callable[[], float], *, max_bytes: int = MAX_STORE_BYTES) -> None:
        """`clock`: monotonic, in seconds. `max_bytes`: keys, values and overhead of all entries."""
        self._clock = clock
        self._max_bytes = max_bytes
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            max_bytes, ttu=lambda _key, entry, _now: entry.expires_at, timer=clock, getsizeof=lambda entry: entry.size
        )

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key; None: no value, or it has expired."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Set the value of a key and its expiry."""
        self._put(key, value, self._expiry(ttl_s))

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add `by` to a counter, and return the result."""
        expires_at = self._expiry(ttl_s)
        count = by
        entry = self._entries.get(key)
        if entry is not None:
            count += _integer(key, entry.value)
            expires_at = entry.expires_at
        if not _MIN_INTEGER <= count <= _MAX_INTEGER:
            raise StoreError(f"the counter {key!r} exceeds 64 bits")
        self._put(key, b"%d" % count, expires_at)
        return count

    async def expire(self, key: str, ttl_s: float) -> bool:
        """Set the expiry of a key; return False if the key has no value."""
        expires_at = self._expiry(ttl_s)
        entry = self._entries.get(key)
        if entry is None:
            return False
        self._put(key, entry.value, expires_at)
        return True

    async def aclose(self) -> None:
        """Drop all entries."""
        self._entries.clear()

    def _expiry(self, ttl_s: float | None) -> float:
        if ttl_s is None:
            return math.inf
        # Redis rejects such an expiry, or deletes the key: neither is what a caller means.
        if not ttl_s > 0:
            raise ValueError(f"ttl_s must be above 0, it is {ttl_s}")
        return self._clock() + ttl_s

    def _put(self, key: str, value: bytes, expires_at: float) -> None:
        try:
            self._entries[key] = _Entry(value, expires_at, len(key) + len(value) + _ENTRY_BYTES)
        except ValueError as error:
            raise StoreError(f"the value of {key!r} is larger than the store ({self._max_bytes} bytes)") from error


def _integer(key: str, value: bytes) -> int:
    # `int` also takes white space, underscores and leading zeros, which Redis does not.
    if _INTEGER.fullmatch(value) is None:
        raise StoreError(f"the value of {key!r} is not an integer")
    return int(value)
