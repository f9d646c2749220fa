"""The sink that counts chat requests for `/stats`."""

from __future__ import annotations

from toolgate_gateway.telemetry.record import RequestKind, RequestRecord
from toolgate_gateway.telemetry.sinks.base import SinkDeps


class StatsSink:
    """Adds each chat request to the counts of `/stats`."""

    def __init__(self, deps: SinkDeps) -> None:
        self._stats = deps.stats

    def write(self, record: RequestRecord) -> None:
        """Count one request."""
        if record.route.kind is not RequestKind.CHAT:
            return
        stats, ladder = self._stats, record.ladder
        stats.request(record.outcome, ladder.served, ladder=any(ladder.attempts))
        for attempts in ladder.attempts:
            stats.attempts(attempts)
        for step in record.steps():
            if step.next is not None and not step.is_retry:
                stats.fallback(step.failed.outcome.value)
