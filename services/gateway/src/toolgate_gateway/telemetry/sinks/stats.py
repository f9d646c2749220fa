"""The sink that counts chat requests for `/stats`."""

from __future__ import annotations

from typing import Final

from toolgate_gateway.telemetry.record import RequestKind, RequestRecord
from toolgate_gateway.telemetry.sinks.base import SinkDeps

_CHAT: Final = RequestKind.CHAT


class StatsSink:
    """Adds each chat request to the counts of `/stats`."""

    def __init__(self, deps: SinkDeps) -> None:
        self._stats = deps.stats

    def write(self, record: RequestRecord) -> None:
        """Count one request."""
        if record.route.kind is not _CHAT:
            return
        stats, ladder = self._stats, record.ladder
        stats.request(record.outcome, ladder.served, ladder=any(ladder.attempts))
        if ladder.attempts:
            for attempts in ladder.attempts:
                stats.attempts(attempts)
            for step in record.steps():
                if step.next is not None and not step.is_retry:
                    stats.fallback(step.failed.outcome.value)
