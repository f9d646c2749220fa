"""Metrics for the hot path: updated by one event loop, exposed through prometheus-client.

The metrics of prometheus-client lock, check and allocate at every update. One request makes about eighteen updates,
which measured a third of the gateway's work. Here an update is an addition. That is safe because only the event loop's
thread writes. A scrape, on another thread, may see a request half counted; the next scrape sees all of it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class Counter:
    """A value that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        """Add `by`."""
        self.value += by

    def read(self) -> float:
        """Return the value."""
        return self.value


class Gauge(Counter):
    """A value that rises and falls. A scrape calls `source` instead of reading the value, if it is set."""

    __slots__ = ("source",)

    def __init__(self) -> None:
        super().__init__()
        self.source: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        """Replace the value."""
        self.value = value

    def read(self) -> float:
        """Return the value, or that of `source`."""
        return self.value if self.source is None else self.source()


class Histogram:
    """A histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Add one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative count of each upper bound."""
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        return [(name, float(count)) for name, count in zip(names, itertools.accumulate(self.counts), strict=True)]


T = TypeVar("T", Counter, Gauge, Histogram)


class MetricFamily(Generic[T]):
    """One metric: its children, keyed by their label values in the order of the labels."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] = make
        self._children: dict[tuple[str, ...], T] = {}

    def labels(self, *values: str) -> T:
        """Return the child of these label values, created at 0 if it does not exist."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._make()
        return child

    def remove(self, *values: str) -> None:
        """Remove a child if it exists."""
        self._children.pop(values, None)

    def create(self, *values: Sequence[str]) -> None:
        """Create the child of every combination of label values, at 0."""
        for labels in itertools.product(*values):
            self.labels(*labels)

    def children(self) -> list[tuple[tuple[str, ...], T]]:
        """Return a snapshot of all children; the event loop may add more meanwhile."""
        return list(self._children.items())


class FastRegistry(Collector):
    """Creates metrics named `toolgate_…` and exposes them through one prometheus-client registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._collectors: list[Callable[[], Metric]] = []
        registry.register(self)

    def counter(self, name: str, meaning: str, *labels: str) -> MetricFamily[Counter]:
        """Create a counter; `name` is without `_total`."""
        family = MetricFamily(Counter)

        def collect() -> Metric:
            metric = CounterMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def gauge(self, name: str, meaning: str, *labels: str) -> MetricFamily[Gauge]:
        """Create a gauge."""
        family = MetricFamily(Gauge)

        def collect() -> Metric:
            metric = GaugeMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def histogram(self, name: str, meaning: str, buckets: Iterable[float], *labels: str) -> MetricFamily[Histogram]:
        """Create a histogram with these upper bounds, in ascending order."""
        bounds = tuple(buckets)
        family = MetricFamily(lambda: Histogram(bounds))

        def collect() -> Metric:
            metric = HistogramMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.buckets(), sum_value=child.total)
            return metric

        self._collectors.append(collect)
        return family

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics with their current values."""
        for collect in self._collectors:
            yield collect()

    def describe(self) -> list[Metric]:
        """Return nothing; a registry that checks names takes them from `collect`."""
        return []
