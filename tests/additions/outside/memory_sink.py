"""A sink: keeps the last records in memory."""

from __future__ import annotations

from collections import deque

from toolgate_gateway.telemetry.record import RequestRecord
from toolgate_gateway.telemetry.sinks.base import SinkDeps

KEPT: deque[RequestRecord] = deque(maxlen=10)


class MemorySink:
    """Keeps records; a test reads them."""

    def __init__(self, deps: SinkDeps) -> None:
        self._log = deps.log

    def write(self, record: RequestRecord) -> None:
        """Keep one record."""
        KEPT.append(record)
