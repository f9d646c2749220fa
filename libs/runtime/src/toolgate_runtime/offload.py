"""Run heavy work off the event loop, in one of two threads, so that the loop keeps answering other requests.

The work is Python and short calls into native code, between which the interpreter switches to the loop. It cannot be
stopped: a request that ends earlier leaves its work running, which `toolgate_core.limits` bounds.
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
"""Threads share one interpreter, so more of them would not work faster."""

SWITCH_S = 0.0005
"""Seconds that a thread can hold the interpreter while the loop waits; Python's default of 5 ms would delay each turn
of the loop by as much."""


async def run(work: Callable[[], T], *, heavy: bool) -> T:
    """Return the result of `work`, which runs in a thread if it is `heavy`."""
    if not heavy:
        return work()
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_pool(), partial(context.run, work))


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    sys.setswitchinterval(SWITCH_S)
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="work")
