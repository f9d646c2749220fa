"""Work that may take long, off the event loop: in one of two threads, so that the loop still answers everybody else.

What runs here is Python and short calls into native code, between which the interpreter lets the loop in. It can't be
stopped: a request that ends earlier leaves its work behind, which is bounded by construction (`toolgate_core.limits`).
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

T = TypeVar("T")

WORKERS = 2
"""More threads would only share the one interpreter between more work."""

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter to itself while the loop waits; Python's default of 5 ms would slow each
turn of the loop by as much."""


async def run(work: Callable[[], T], *, heavy: bool) -> T:
    """Return what `work` returns; where it is `heavy` it runs in a thread."""
    if not heavy:
        return work()
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_pool(), partial(context.run, work))


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    sys.setswitchinterval(SWITCH_S)
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="work")
