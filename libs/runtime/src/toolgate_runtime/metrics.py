"""Metrics: a registry that is passed as an argument, and an HTTP server for it on a separate thread.

Conventions: base units in names, `_total` on counters, label values from closed sets, and every child created at the
start: Prometheus' `rate()` misses the first event of a counter that appears together with it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from toolgate_core.cache import Cache

from toolgate_runtime.errors import StartError
from toolgate_runtime.settings import Settings
from toolgate_runtime.sockets import join_address

LATENCY_BUCKETS = (*(0.01 * 2**n for n in range(14)), 163.84)
"""Bucket bounds in seconds for operations that wait for a model."""
RPC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Bucket bounds in seconds for calls between services."""


def new_registry(service: str) -> CollectorRegistry:
    """Return a registry with the metrics of the process and `toolgate_build_info`."""
    # By default the library adds a `_created` series per counter and histogram, which doubles the number of series.
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
        """Bind and serve at once; port 0: a free one. Raises `OSError` if the port is unavailable."""
        self._server: WSGIServer
        self._thread: threading.Thread
        self._server, self._thread = start_http_server(port, host, registry)

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving_metrics(settings: Settings, registry: CollectorRegistry) -> Iterator[int]:
    """Serve a registry as the settings say, within the context; yield the bound port, 0 if metrics are off.

    Raises `StartError` if the address is unavailable.
    """
    if not settings.metrics:
        yield 0
        return
    try:
        server = MetricsServer(registry, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        address = join_address(settings.metrics_host, settings.metrics_port)
        reason = f"{error.strerror or error}; set TOOLGATE_METRICS_PORT to another port"
        raise StartError(f"cannot serve metrics on {address}: {reason}") from error
    try:
        yield server.port
    finally:
        server.close()


class RpcMetrics:
    """Metrics of a gRPC service: calls by method and status code, and their duration."""

    def __init__(self, registry: CollectorRegistry, service: str, methods: Sequence[str]) -> None:
        self._service = service
        self._handled = Counter(
            "toolgate_grpc_server_handled_total",
            "Finished calls, by gRPC status code.",
            ("service", "method", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "toolgate_grpc_server_duration_seconds",
            "Duration of calls.",
            ("service", "method"),
            buckets=RPC_BUCKETS,
            registry=registry,
        )
        precreate(self._handled, (service,), methods, ("OK", "INTERNAL"))
        precreate(self._seconds, (service,), methods)

    def ended(self, method: str, code: str, seconds: float) -> None:
        """Count one finished call."""
        self._handled.labels(self._service, method, code).inc()
        self._seconds.labels(self._service, method).observe(seconds)


class CacheMetrics(Collector):
    """Metrics of the toolset cache, read at each scrape."""

    def __init__(self, registry: CollectorRegistry, cache: Cache[Any, Any]) -> None:
        self._cache = cache
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield hits and misses."""
        family = CounterMetricFamily(
            "toolgate_toolset_cache",
            "Lookups of compiled toolsets, by result (hit, miss).",
            labels=["result"],
        )
        family.add_metric(["hit"], self._cache.hits)
        family.add_metric(["miss"], self._cache.misses)
        yield family
