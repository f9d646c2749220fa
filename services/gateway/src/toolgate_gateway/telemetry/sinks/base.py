"""The interface of a sink of request records, and what a sink is created from."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct
from toolgate_runtime.logs import Log
from toolgate_runtime.store import Store

from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.telemetry.record import RequestRecord
from toolgate_gateway.telemetry.stats import Stats


class RecordSink(Protocol):
    """Receives the record of every request, after its response has been sent."""

    def write(self, record: RequestRecord) -> None:
        """Take one record. It runs on the event loop, so it must not block: slow work belongs into a queue."""
        ...


class SinkDeps(Struct, frozen=True, kw_only=True):
    """The parts of the gateway that sinks write to; `store` is shared by all replicas if it is a server."""

    metrics: GatewayMetrics
    stats: Stats
    log: Log
    store: Store
