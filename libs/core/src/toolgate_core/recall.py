"""Remembering what was made from a JSON text, within bounds of memory.

`functools.lru_cache` bounds how many values are kept and not how large their keys are: a few clients with bodies of
many megabytes would fill the process. What was made from a large text is made anew each time.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import _lru_cache_wrapper
from typing import TypeVar

from toolgate_core.limits import MAX_REMEMBERED_BYTES

V = TypeVar("V")


def recall(made: _lru_cache_wrapper[V], *texts: bytes, **rest: Hashable) -> V:
    """Return `made(*texts, **rest)`, remembered unless the texts are large."""
    small = sum(map(len, texts)) <= MAX_REMEMBERED_BYTES
    return made(*texts, **rest) if small else made.__wrapped__(*texts, **rest)
