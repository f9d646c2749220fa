"""The registry is the service's own, complete from the start, and served on its own port."""

from __future__ import annotations

import urllib.request

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest
from toolgate_core.cache import Cache
from toolgate_runtime.errors import StartError
from toolgate_runtime.metrics import (
    CacheMetrics,
    MetricsServer,
    RpcMetrics,
    new_registry,
    precreate,
    serving_metrics,
    toolgate_version,
)
from toolgate_runtime.settings import Settings


def test_a_registry_has_build_and_process_without_created_series() -> None:
    registry = new_registry("extractor")
    RpcMetrics(registry, "extractor", ("Extract",))
    text = generate_latest(registry).decode()
    assert f'toolgate_build_info{{service="extractor",version="{toolgate_version()}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_registries_are_independent_of_each_other_and_of_the_global_one() -> None:
    new_registry("a")
    new_registry("b")
    assert "toolgate_build_info" not in generate_latest(REGISTRY).decode()


def test_children_are_zero_before_the_first_event() -> None:
    registry = CollectorRegistry()
    precreate(Counter("x", "x", ("a", "b"), registry=registry), ("1", "2"), ("3",))
    found = [registry.get_sample_value("x_total", {"a": a, "b": "3"}) for a in "12"]
    assert found == [0, 0]


def test_calls_are_counted_and_timed() -> None:
    registry = CollectorRegistry()
    metrics = RpcMetrics(registry, "extractor", ("Extract",))
    metrics.ended("Extract", "OK", 0.003)
    labels = {"service": "extractor", "method": "Extract"}
    assert registry.get_sample_value("toolgate_grpc_server_handled_total", {**labels, "code": "OK"}) == 1
    assert registry.get_sample_value("toolgate_grpc_server_duration_seconds_sum", labels) == 0.003
    buckets = [
        registry.get_sample_value("toolgate_grpc_server_duration_seconds_bucket", {**labels, "le": le})
        for le in ("0.0025", "0.005")
    ]
    assert buckets == [0, 1]


def test_the_cache_reports_hits_and_misses() -> None:
    registry = CollectorRegistry()
    cache = Cache(bytes.decode, cost=lambda key, _: len(key), max_cost=100)
    CacheMetrics(registry, cache)
    for key in (b"a", b"a", b"b"):
        cache.get(key)
    found = [
        registry.get_sample_value("toolgate_toolset_cache_total", {"result": result}) for result in ("hit", "miss")
    ]
    assert found == [1, 2]


def test_metrics_are_served_until_closed() -> None:
    server = MetricsServer(new_registry("extractor"), "127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as response:
        assert b"toolgate_build_info" in response.read()
    with pytest.raises(OSError, match="in use"):
        MetricsServer(new_registry("extractor"), "127.0.0.1", server.port)
    server.close()
    MetricsServer(new_registry("extractor"), "127.0.0.1", server.port).close()


def test_disabled_metrics_bind_no_port() -> None:
    with serving_metrics(Settings(metrics=False), new_registry("test")) as port:
        assert port == 0


def test_a_taken_metrics_port_names_its_setting() -> None:
    registry = new_registry("test")
    message = "^cannot serve metrics on 127.0.0.1:[0-9]+: .*TOOLGATE_METRICS_PORT"
    with (
        serving_metrics(Settings(metrics_port=0), registry) as port,
        pytest.raises(StartError, match=message),
        serving_metrics(Settings(metrics_port=port), registry),
    ):
        pass
