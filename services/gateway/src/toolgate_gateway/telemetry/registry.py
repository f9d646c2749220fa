"""Metrics for a hot path: counted by one event loop, read by scrapes, exposed through prometheus-client.

The library's own metrics lock, check and allocate at every step, which for the dozen and a half steps of one request
is a third of the gateway's work. Here a step is an addition. That is safe because only the event loop's thread writes;
a scrape may see a request half counted, and the next one sees it whole.
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
        """Counter a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative counts by upper bound."""
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        return [(name, float(count)) for name, count in zip(names, itertools.accumulate(self.counts), strict=True)]


T = TypeVar("T", Counter, Gauge, Histogram)


class MetricFamily(Generic[T]):
    """One metric: its children by the values of its labels, in the labels' order."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] = make
        self._children: dict[tuple[str, ...], T] = {}

    def labels(self, *values: str) -> T:
        """Return a child, created at 0 where there was none."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._make()
        return child

    def remove(self, *values: str) -> None:
        """Forget a child, if it is there."""
        self._children.pop(values, None)

    def create(self, *values: Sequence[str]) -> None:
        """Create the child of every combination of label values, at 0."""
        for labels in itertools.product(*values):
            self.labels(*labels)

    def children(self) -> list[tuple[tuple[str, ...], T]]:
        """Return all children; the loop may add some meanwhile."""
        return list(self._children.items())


class FastRegistry(Collector):
    """Makes metrics, all named `toolgate_…`, and gives them to scrapes of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._collectors: list[Callable[[], Metric]] = []
        registry.register(self)

    def counter(self, name: str, meaning: str, *labels: str) -> MetricFamily[Counter]:
        """Make a counter; `name` without `_total`."""
        family = MetricFamily(Counter)

        def collect() -> Metric:
            metric = CounterMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def gauge(self, name: str, meaning: str, *labels: str) -> MetricFamily[Gauge]:
        """Make a gauge."""
        family = MetricFamily(Gauge)

        def collect() -> Metric:
            metric = GaugeMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def histogram(self, name: str, meaning: str, buckets: Iterable[float], *labels: str) -> MetricFamily[Histogram]:
        """Make a histogram with these upper bounds (ascending)."""
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
        """Yield all metrics, as they stand now."""
        for collect in self._collectors:
            yield collect()

    def describe(self) -> list[Metric]:
        """Return nothing: names are checked by `collect`, when a registry asks for it."""
        return []
