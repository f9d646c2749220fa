"""The table of sinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from toolgate_gateway.telemetry.sinks.base import RecordSink, SinkDeps
from toolgate_gateway.telemetry.sinks.log import LogSink
from toolgate_gateway.telemetry.sinks.metrics import MetricsSink
from toolgate_gateway.telemetry.sinks.stats import StatsSink

SINKS: Final[tuple[Callable[[SinkDeps], RecordSink], ...]] = (
    MetricsSink,
    StatsSink,
    LogSink,
)
"""Constructors of all sinks; records are written in this order."""


def create_sinks(deps: SinkDeps) -> tuple[RecordSink, ...]:
    """Return the sinks of one gateway."""
    return tuple(create(deps) for create in SINKS)
