"""Metrics: a registry that is passed, never the library's global one, and a server for it on a thread of its own.

Names and buckets follow one catalogue: base units, `_total` on counters, label values from closed sets, every child
created at the start (a counter that appears with its first event hides that event from `rate()`).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from toolgate_runtime.cache import Cache

LATENCY_BUCKETS = (*(0.01 * 2**n for n in range(14)), 163.84)
"""Seconds of what waits for a model."""
RPC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds of a hop between services."""


def new_registry(service: str) -> CollectorRegistry:
    """Return a registry with the process's own figures and `toolgate_build_info`."""
    # The library adds a `_created` series to every counter and histogram, which doubles the number of series.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge("toolgate_build_info", "The running version; always 1.", ("service", "version"), registry=registry)
    build.labels(service, toolgate_version()).set(1)
    return registry


def precreate(metric: Counter | Gauge | Histogram, *values: Sequence[str]) -> None:
    """Create the child of every combination of label values, at 0."""
    for labels in itertools.product(*values):
        metric.labels(*labels)


def toolgate_version() -> str:
    """Return the version of this installation."""
    return version("toolgate-runtime")


class MetricsServer:
    """Serves a registry as `/metrics`."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """Bind and serve at once; port 0 takes any free one. Raises `OSError` where the port can't be had."""
        self._server: WSGIServer
        self._thread: threading.Thread
        self._server, self._thread = start_http_server(port, host, registry)

    @property
    def port(self) -> int:
        """The port that is served."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class RpcMetrics:
    """The figures of a gRPC service: calls by method and code, and their seconds."""

    def __init__(self, registry: CollectorRegistry, service: str, methods: Sequence[str]) -> None:
        self._service = service
        self._handled = Counter(
            "toolgate_grpc_server_handled_total",
            "Calls that ended, by gRPC status.",
            ("service", "method", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "toolgate_grpc_server_duration_seconds",
            "Time from a call's start to its end.",
            ("service", "method"),
            buckets=RPC_BUCKETS,
            registry=registry,
        )
        precreate(self._handled, (service,), methods, ("OK", "INTERNAL"))
        precreate(self._seconds, (service,), methods)

    def ended(self, method: str, code: str, seconds: float) -> None:
        """Count one call."""
        self._handled.labels(self._service, method, code).inc()
        self._seconds.labels(self._service, method).observe(seconds)


class CacheMetrics(Collector):
    """The figures of the toolset cache, read when they are asked for."""

    def __init__(self, registry: CollectorRegistry, cache: Cache[Any]) -> None:
        self._cache = cache
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield hits and misses."""
        family = CounterMetricFamily(
            "toolgate_toolset_cache",
            "Requests whose tools were remembered (hit) or read anew (miss).",
            labels=["result"],
        )
        family.add_metric(["hit"], self._cache.hits)
        family.add_metric(["miss"], self._cache.misses)
        yield family
