"""Limits of running and queued requests: vLLM's `--max-num-seqs` and `--max-num-queued-reqs`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from toolgate_simulator.faults import RefusedError
from toolgate_simulator.metrics import Metrics


class Admission:
    """Lets requests in, first come first served."""

    def __init__(self, metrics: Metrics, *, max_running: int, max_waiting: int | None) -> None:
        """`max_running` 0 and `max_waiting` None mean no limit."""
        self._metrics = metrics
        self._places = asyncio.Semaphore(max_running) if max_running else None
        self._max_waiting = max_waiting
        self._waiting = 0

    @asynccontextmanager
    async def place(self, model: str) -> AsyncIterator[None]:
        """Hold a place while a request is answered; raise `RefusedError` where too many wait already."""
        if self._places is None:
            yield
            return
        if self._places.locked() and self._max_waiting is not None and self._waiting >= self._max_waiting:
            self._metrics.rejected(model)
            message = "The server's request queue is full. Please retry later."
            raise RefusedError(message, status=503, kind="ServiceUnavailableError")
        began = time.perf_counter()
        self._wait(model, 1)
        try:
            await self._places.acquire()
        finally:
            self._wait(model, -1)
        self._metrics.waited(model, time.perf_counter() - began)
        try:
            yield
        finally:
            self._places.release()

    def _wait(self, model: str, by: int) -> None:
        self._waiting += by
        self._metrics.wait(model, by)
