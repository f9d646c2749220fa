"""Metrics of one request to an upstream."""

from __future__ import annotations

from collections.abc import Callable

from toolgate_core.types.failures import Failure

from toolgate_gateway.telemetry.metrics import GatewayMetrics

CANCELLED = "cancelled"


class UpstreamTimer:
    """Times a request to an upstream from construction to `end`; a second `end` changes nothing."""

    __slots__ = ("_began", "_clock", "_ended", "_first_seen", "_metrics", "_priority", "_series", "_upstream")

    def __init__(self, metrics: GatewayMetrics, upstream: str, priority: str, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._upstream = upstream
        self._priority = priority
        self._clock = clock
        self._began = clock()
        self._first_seen = False
        self._ended = False
        self._series = metrics.call(upstream, priority)
        self._series.in_flight.inc()

    def first_chunk(self) -> None:
        """Observe the time to the first chunk, once."""
        if not self._first_seen:
            self._first_seen = True
            self._series.first_seconds.observe(self._clock() - self._began)

    def failed(self, failure: Failure) -> None:
        """End with the upstream's failure."""
        self.end(failure.origin or failure.kind)

    def end(self, code: str) -> None:
        """End with a status or a kind of failure."""
        if self._ended:
            return
        self._ended = True
        self._series.in_flight.inc(-1)
        self._series.seconds.observe(self._clock() - self._began)
        self._metrics.upstream_requests.labels(self._upstream, self._priority, code).inc()
