"""Remembering what was made from a JSON text, within bounds of memory.

`functools.lru_cache` bounds how many values are kept and not how large their keys are: a few clients with bodies of
many megabytes would fill the process. What was made from a large text is made anew each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import _lru_cache_wrapper
from typing import Generic, TypeVar

from toolgate_core.limits import MAX_REMEMBERED_BYTES

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """What was made of texts, within a sum of what it costs to keep; the least recently used goes first.

    Several threads may use it: at worst two of them make the same.
    """

    def __init__(self, make: Callable[[K], V], cost: Callable[[K, V], int], most: int) -> None:
        self._make = make
        self._cost = cost
        self._most = most
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V:
        """Return what was made of `key`, making it if need be; what `make` raises is not remembered."""
        found = self._kept.pop(key, None)
        value, cost = found or self._made(key)
        if cost <= self._most:
            self._kept[key] = (value, cost)
            if found is None:
                self._forget()
        return value

    def peek(self, key: K) -> V | None:
        """Return what was made of `key`, where it is remembered; that is no use of it."""
        found = self._kept.get(key)
        return None if found is None else found[0]

    def _made(self, key: K) -> tuple[V, int]:
        value = self._make(key)
        return value, self._cost(key, value)

    def _forget(self) -> None:
        kept = list(self._kept.items())
        total = sum(cost for _, (_, cost) in kept)
        for key, (_, cost) in kept:  # pragma: no branch - one value alone always fits
            if total <= self._most:
                return
            self._kept.pop(key, None)
            total -= cost


def recall(made: _lru_cache_wrapper[V], *texts: bytes, **rest: Hashable) -> V:
    """Return `made(*texts, **rest)`, remembered unless the texts are large."""
    small = sum(map(len, texts)) <= MAX_REMEMBERED_BYTES
    return made(*texts, **rest) if small else made.__wrapped__(*texts, **rest)
