"""A bounded cache of what is built from texts: compiled schemas, read tools.

`functools.lru_cache` bounds how many values are kept and not how large they are: a few clients with bodies of many
megabytes would fill the process. This cache is bounded by the sum of what its values cost, and by their number.
Keys are the texts themselves and not their hashes, so that no text is ever taken for another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import itemgetter
from threading import Lock
from typing import Generic, TypeVar

import cachetools

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Builds a value once per key and evicts the least recently used.

    Threads may share it. `build` runs outside the lock, so that a slow one delays no other thread; two threads that
    miss the same key at the same time both build it.

    Attributes:
        hits: how often `get` found its value.
        misses: how often `get` had to build it.
    """

    def __init__(
        self,
        build: Callable[[K], V],
        *,
        cost: Callable[[K, V], int],
        max_cost: int,
        max_entries: int | None = None,
    ) -> None:
        """Start empty.

        `cost` is what one value counts, usually in bytes; their sum stays within `max_cost`, their number within
        `max_entries` (None: any number). A value that alone costs more than `max_cost` is built each time.
        """
        self._build = build
        self._cost = cost
        self._max_entries = max_entries
        self._lock = Lock()
        self._entries: cachetools.LRUCache[K, tuple[V, int]] = cachetools.LRUCache(max_cost, itemgetter(1))
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V:
        """Return the value of `key`, built if need be; an error of `build` is raised and not remembered."""
        with self._lock:
            try:
                found = self._entries[key]
            except KeyError:
                self.misses += 1
            else:
                self.hits += 1
                return found[0]
        value = self._build(key)
        self._add(key, value, self._cost(key, value))
        return value

    def peek(self, key: K) -> V | None:
        """Return the value of `key` where it is remembered; this does not count as a use of it."""
        with self._lock:
            if key not in self._entries:
                return None
            return cachetools.Cache.__getitem__(self._entries, key)[0]

    def _add(self, key: K, value: V, cost: int) -> None:
        if cost > self._entries.maxsize:
            return
        with self._lock:
            self._entries[key] = (value, cost)
            if self._max_entries is not None and len(self._entries) > self._max_entries:
                self._entries.popitem()
