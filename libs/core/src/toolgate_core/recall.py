"""Remembering what was made from a JSON text, within bounds of memory.

`functools.lru_cache` bounds how many values are kept and not how large their keys are: a few clients with bodies of
many megabytes would fill the process. What was made from a large text is made anew each time.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import _lru_cache_wrapper
from typing import TypeVar

V = TypeVar("V")

MAX_REMEMBERED = 256 * 1024
"""Bytes of a text beyond which nothing is remembered of it."""


def recall(made: _lru_cache_wrapper[V], *texts: bytes, **rest: Hashable) -> V:
    """Return `made(*texts, **rest)`, remembered unless the texts are large."""
    small = sum(map(len, texts)) <= MAX_REMEMBERED
    return made(*texts, **rest) if small else made.__wrapped__(*texts, **rest)
