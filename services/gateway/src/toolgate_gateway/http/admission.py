"""Admission: so many requests at once, a short queue behind them, and an honest no beyond it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal

from toolgate_core.types.vocabulary import RequestOutcome

from toolgate_gateway.http.errors import SERVER, ApiError

Rejection = Literal["queue_full", "queue_timeout", "bodies_full", "draining"]


class AdmissionError(ApiError):
    """The gateway has more to do than it takes on; `reason` is the metric's label."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(
            503,
            "The gateway is overloaded; try again.",
            kind=SERVER,
            code="overloaded",
            retry_after_s=1,
            outcome=RequestOutcome.REJECTED,
        )
        self.reason = reason


class Admission:
    """Counts requests in flight. Whoever was admitted must `release`."""

    def __init__(self, *, limit: int, queue: int, wait_s: float) -> None:
        self.limit = limit
        self._queue = queue
        self._wait_s = wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> bool:
        """Admit a request at once, if there is room."""
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    async def wait(self) -> None:
        """Return once the request may go on; raise `AdmissionError` when the queue is full, or the wait too long."""
        if len(self._waiting) >= self._queue:
            raise AdmissionError("queue_full")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise AdmissionError("queue_timeout") from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def release(self) -> None:
        """Give the place to who has waited longest, or back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_flight -= 1

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The place came in the same moment as the end: it must not be lost.
            self.release()
        elif turn in self._waiting:
            self._waiting.remove(turn)


class BodyBudget:
    """Counts the bytes of bodies that are read or served, all together. Whoever took some must give them back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Count `size` more bytes; raise `AdmissionError` where there is no room for them."""
        if self.held + size > self._limit:
            raise AdmissionError("bodies_full")
        self.held += size

    def give_back(self, size: int) -> None:
        """Count `size` bytes less."""
        self.held -= size
