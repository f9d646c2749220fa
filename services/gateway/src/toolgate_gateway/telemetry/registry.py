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


class Count:
    """A counter, or a gauge. `source`, if set, is asked instead."""

    __slots__ = ("source", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.source: Callable[[], float] | None = None

    def inc(self, by: float = 1.0) -> None:
        """Add."""
        self.value += by

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.value = value

    def read(self) -> float:
        """Return the value."""
        return self.value if self.source is None else self.source()


class Spread:
    """A histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative counts by upper bound."""
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        return [(name, float(count)) for name, count in zip(names, itertools.accumulate(self.counts), strict=True)]


T = TypeVar("T", Count, Spread)


class Family(Generic[T]):
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


class Catalogue(Collector):
    """Makes metrics, all named `toolgate_…`, and gives them to scrapes of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._collectors: list[Callable[[], Metric]] = []
        registry.register(self)

    def counter(self, name: str, meaning: str, *labels: str) -> Family[Count]:
        """Make a counter; `name` without `_total`."""
        family = Family(Count)

        def collect() -> Metric:
            metric = CounterMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def gauge(self, name: str, meaning: str, *labels: str) -> Family[Count]:
        """Make a gauge."""
        family = Family(Count)

        def collect() -> Metric:
            metric = GaugeMetricFamily(f"toolgate_{name}", meaning, labels=labels)
            for values, child in family.children():
                metric.add_metric(values, child.read())
            return metric

        self._collectors.append(collect)
        return family

    def histogram(self, name: str, meaning: str, buckets: Iterable[float], *labels: str) -> Family[Spread]:
        """Make a histogram with these upper bounds (ascending)."""
        bounds = tuple(buckets)
        family = Family(lambda: Spread(bounds))

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
