"""Metrics counted by the event loop read like the library's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.telemetry.registry import FastRegistry

BOUNDS = (0.005, 0.01, 10.24, 163.84)
VALUES = (0.0, 0.005, 0.0051, 10.24, 200.0)


def test_the_exposition_equals_prometheus_clients() -> None:
    disable_created_metrics()
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    counter = Counter("toolgate_c_total", "C.", ("a", "b"), registry=theirs)
    gauge = Gauge("toolgate_g", "G.", registry=theirs)
    histogram = Histogram("toolgate_h_seconds", "H.", ("a",), buckets=BOUNDS, registry=theirs)
    make = FastRegistry(ours)
    families = make.counter("c", "C.", "a", "b"), make.gauge("g", "G."), make.histogram("h_seconds", "H.", BOUNDS, "a")
    for child in (counter.labels("x", 'q"\n'), families[0].labels("x", 'q"\n')):
        child.inc()
        child.inc(2)
    gauge.set(3)
    families[1].labels().set(3)
    for value in VALUES:
        histogram.labels("x").observe(value)
        families[2].labels("x").observe(value)
    assert generate_latest(ours) == generate_latest(theirs)
    assert generate_openmetrics(ours) == generate_openmetrics(theirs)


def test_a_gauges_source_is_called_at_every_scrape() -> None:
    registry = CollectorRegistry()
    child = FastRegistry(registry).gauge("g", "G.").labels()
    numbers = iter((1, 2))
    child.source = lambda: next(numbers)
    assert [registry.get_sample_value("toolgate_g") for _ in range(2)] == [1, 2]


def test_twenty_models_have_labels_and_series_at_zero() -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    metrics.know(f"m{number}" for number in range(30))
    assert (metrics.model("m19"), metrics.model("m20"), metrics.model("junk")) == ("m19", "other", "other")
    labels = {"model": "m0", "tool_choice": "auto", "priority": "1", "outcome": "success"}
    assert registry.get_sample_value("toolgate_requests_total", labels) == 0


def test_one_model_stays_within_the_budget_of_a_scrape() -> None:
    registry = CollectorRegistry()
    GatewayMetrics(registry).know(["m"])
    assert len(generate_latest(registry).splitlines()) < 700


def test_unknown_tags_of_repairs_count_as_other() -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    metrics.repaired("hermes", ("trailing_comma", "string_to_integer", "bare_words", "brand_new"))
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.startswith("toolgate_extract_") and sample.value
    }
    assert found == {
        ("toolgate_extract_repairs_total", "hermes", "trailing_comma"): 1,
        ("toolgate_extract_repairs_total", "hermes", "other"): 1,
        ("toolgate_extract_coercions_total", "string_to_integer"): 1,
        ("toolgate_extract_coercions_total", "bare_words"): 1,
    }
