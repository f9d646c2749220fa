"""The interface of a limit per caller, and what a limit is created from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from toolgate_runtime.store import Store

from toolgate_gateway.caller import Caller


class CallerLimit(Protocol):
    """Decides whether a caller may send one more request; checked after authentication, before the body is read.

    A limit that counts what requests used (tokens, for example) is a record sink as well, with its row in `SINKS`.
    """

    async def check(self, caller: Caller) -> None:
        """Return if the caller is within the limit; raise `FailureError` otherwise."""
        ...


class LimitDeps(Struct, frozen=True, kw_only=True):
    """What limits are created from.

    Attributes:
        store: counters, shared by all replicas if the store is.
        now: wall-clock time, in Unix seconds.
    """

    store: Store
    now: Callable[[], float]
