"""Admission control: a concurrency limit, a bounded queue, then 503.

Early rejection keeps the latency of admitted requests stable: a client that retries later costs less than one that
waits in an unbounded queue until its own timeout.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal

from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind

Rejection = Literal["queue_full", "queue_timeout", "bodies_full", "draining"]


class AdmissionError(FailureError):
    """The gateway is overloaded; `reason` is the metric's label."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(Failure(kind=FailureKind.BUSY, message="The gateway is overloaded; try again."))
        self.reason = reason


class Admission:
    """Limits requests in flight to `limit`. A successful `take` or `wait` requires one `release`."""

    def __init__(self, *, limit: int, queue: int, wait_s: float) -> None:
        self.limit = limit
        self._queue = queue
        self._wait_s = wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def queued(self) -> int:
        """Number of waiting requests."""
        return len(self._waiting)

    def take(self) -> bool:
        """Admit a request without waiting; return False if the limit is reached."""
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    async def wait(self) -> None:
        """Wait in the queue for admission; raise `AdmissionError` if it is full or the wait exceeds `wait_s`."""
        if len(self._waiting) >= self._queue:
            raise AdmissionError("queue_full")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError:
            self._abandon(turn)
            raise AdmissionError("queue_timeout") from None
        except asyncio.CancelledError:
            self._abandon(turn)
            raise

    def release(self) -> None:
        """Hand the slot to the longest-waiting request, or free it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_flight -= 1

    def _abandon(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The slot was handed over in the same loop iteration as the timeout; without this it would be lost.
            self.release()
        elif turn in self._waiting:
            self._waiting.remove(turn)


class BodyBudget:
    """Limits the total size of request bodies in progress, in bytes. A `take` requires a `give_back` of its size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Reserve `size` bytes; raise `AdmissionError` if they exceed the limit."""
        if self.held + size > self._limit:
            raise AdmissionError("bodies_full")
        self.held += size

    def give_back(self, size: int) -> None:
        """Free `size` bytes."""
        self.held -= size
