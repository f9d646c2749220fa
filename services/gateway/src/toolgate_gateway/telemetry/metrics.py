"""The gateway's metrics: names, labels and buckets. Every label value comes from a closed set or the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from msgspec import Struct
from prometheus_client import CollectorRegistry
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.repairs import COERCIONS, REPAIRS
from toolgate_core.types.vocabulary import FALLBACK_REASONS, AttemptOutcome, RequestOutcome, Strategy
from toolgate_runtime.metrics import LATENCY_BUCKETS, RPC_BUCKETS

from toolgate_gateway.endpoints import LABELS
from toolgate_gateway.telemetry.record import OTHER
from toolgate_gateway.telemetry.registry import Counter, FastRegistry, Gauge, Histogram

MAX_MODELS = 20
ROUTES = ("chat", *LABELS, "models", "health", "livez", "readyz", "stats", "tools", OTHER)
CHOICES = ("none", "auto", "required", "named")
PRIORITIES = tuple(str(strategy.priority) for strategy in STRATEGIES)
_PRIORITY_LABELS: dict[Strategy | None, str] = {None: "none", **dict(zip(STRATEGIES, PRIORITIES, strict=True))}
_ATTEMPT_BUCKETS = (1, 2, 3, 4, 6, 8)


End: TypeAlias = tuple[str, str, str, str, str, int, bool]
"""Labels of a finished request: model, tool choice, winning priority, outcome, serving priority, status, stream."""


def priority_label(strategy: Strategy | None) -> str:
    """Return the label of a strategy: its priority, or `none`."""
    return _PRIORITY_LABELS[strategy]


class CountsReplicas(Protocol):
    """An upstream that has several servers."""

    def count(self, *, ready: bool) -> int:
        """Return how many of its servers are ready, or how many are not."""
        ...


class EndSeries(Struct, frozen=True):
    """The series that the end of a request updates."""

    requests: Counter
    seconds: Histogram
    http_requests: Counter
    http_seconds: Histogram


class AttemptSeries(Struct, frozen=True):
    """The series that the end of an attempt updates."""

    attempts: Counter
    seconds: Histogram


class UpstreamSeries(Struct, frozen=True):
    """The series that a request to an upstream updates, besides the count by code."""

    in_flight: Gauge
    seconds: Histogram
    first_seconds: Histogram


class GatewayMetrics:
    """All metrics of one gateway, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._models: set[str] = set()
        self._ends: dict[End, EndSeries] = {}
        self._attempts: dict[tuple[str, str, str, bool], AttemptSeries] = {}
        self._calls: dict[tuple[str, str], UpstreamSeries] = {}
        make = FastRegistry(registry)
        self._http(make)
        self._requests(make)
        self._ladder(make)
        self._streaming(make)
        self._upstream(make)

    def model(self, name: str) -> str:
        """Return the label of a model: its name, or `other` beyond the first `MAX_MODELS` models."""
        return name if name in self._models else OTHER

    def refused_connection(self, status: int) -> None:
        """Count an error that was sent before the request reached the app."""
        self.http_requests.labels(OTHER, str(status)).inc()

    def know(self, models: Iterable[str]) -> None:
        """Register models, up to `MAX_MODELS`, and create their series at 0."""
        for name in models:
            if len(self._models) >= MAX_MODELS:
                return
            if name not in self._models:
                self._models.add(name)
                self._create(name)

    def repaired(self, dialect: str, tags: Iterable[str]) -> None:
        """Count repairs and coercions by tag; an unknown tag counts as `other`."""
        for tag in tags:
            if tag in COERCIONS:
                self.coercions.labels(tag).inc()
            else:
                self.repairs.labels(dialect, tag if tag in REPAIRS else OTHER).inc()

    def end(self, end: End) -> EndSeries:
        """Return the series of a request's end. They are cached together: one dictionary lookup per request."""
        series = self._ends.get(end)
        if series is None:
            model, tool_choice, won, outcome, priority, status, stream = end
            series = self._ends[end] = EndSeries(
                self.requests.labels(model, tool_choice, won, outcome),
                self.request_seconds.labels(model, priority),
                self.http_requests.labels("chat", str(status)),
                self.http_seconds.labels("chat", "true" if stream else "false"),
            )
        return series

    def know_upstream(self, name: str, replicas: CountsReplicas | None) -> None:
        """Create the series of an upstream; `replicas`: it has several servers, which are counted at each scrape."""
        self.upstream_in_flight.labels(name).set(0)
        self.upstream_healthy.labels(name).set(1)
        if replicas is not None:
            self.upstream_replicas.labels(name, "ready").source = lambda: replicas.count(ready=True)
            self.upstream_replicas.labels(name, "left_out").source = lambda: replicas.count(ready=False)

    def forget_upstream(self, name: str) -> None:
        """Remove the gauges of an upstream; its counters stay."""
        self.upstream_healthy.remove(name)
        for state in ("ready", "left_out"):
            self.upstream_replicas.remove(name, state)

    def attempt(self, model: str, priority: str, outcome: str, *, ok: bool) -> AttemptSeries:
        """Return the series of an attempt's end."""
        key = (model, priority, outcome, ok)
        series = self._attempts.get(key)
        if series is None:
            series = self._attempts[key] = AttemptSeries(
                self.attempts.labels(model, priority, outcome),
                self.attempt_seconds.labels(model, priority, "ok" if ok else "fail"),
            )
        return series

    def call(self, upstream: str, priority: str) -> UpstreamSeries:
        """Return the series of a request to an upstream."""
        series = self._calls.get((upstream, priority))
        if series is None:
            series = self._calls[upstream, priority] = UpstreamSeries(
                self.upstream_in_flight.labels(upstream),
                self.upstream_seconds.labels(upstream, priority),
                self.upstream_first_seconds.labels(upstream),
            )
        return series

    def _create(self, model: str) -> None:
        self.requests.create((model,), CHOICES[1:], PRIORITIES, (RequestOutcome.SUCCESS.value,))
        self.requests.create((model,), CHOICES, ("none",), [outcome.value for outcome in RequestOutcome])
        self.attempts.create((model,), PRIORITIES, [outcome.value for outcome in AttemptOutcome])
        reasons = [reason.value for reason in FALLBACK_REASONS]
        for at, priority in enumerate(PRIORITIES):
            self.fallbacks.create((model,), (priority,), [*PRIORITIES[at + 1 :], "none"], reasons)

    def _http(self, make: FastRegistry) -> None:
        self.http_requests = make.counter("http_requests", "HTTP requests by route and status code.", "route", "code")
        self.http_seconds = make.histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the end of the response.",
            LATENCY_BUCKETS,
            "route",
            "stream",
        )
        self.http_requests.create(ROUTES, ("200",))

    def _requests(self, make: FastRegistry) -> None:
        self.requests = make.counter(
            "requests",
            "Chat requests by outcome; priority is the strategy that succeeded, none without a ladder or a success.",
            *("model", "tool_choice", "priority", "outcome"),
        )
        self.request_seconds = make.histogram(
            "request_duration_seconds",
            "Duration of chat requests, failed attempts included.",
            LATENCY_BUCKETS,
            *("model", "priority"),
        )
        self.in_flight = make.gauge("requests_in_flight", "Chat requests in flight.").labels()
        self.limit = make.gauge("concurrency_limit", "Maximum number of chat requests served at once.").labels()
        self.queue_depth = make.gauge("admission_queue_depth", "Chat requests waiting for admission.").labels()
        self.queue_wait = make.histogram(
            "admission_wait_seconds", "Time spent waiting for admission.", RPC_BUCKETS
        ).labels()
        self.rejected = make.counter("admission_rejected", "Chat requests rejected by admission control.", "reason")
        self.rejected.create(("queue_full", "queue_timeout", "bodies_full"))

    def _ladder(self, make: FastRegistry) -> None:
        self.attempts = make.counter("attempts", "Attempts by strategy and outcome.", "model", "priority", "outcome")
        self.attempt_seconds = make.histogram(
            "attempt_duration_seconds",
            "Duration of attempts, by result (ok, fail).",
            LATENCY_BUCKETS,
            *("model", "priority", "result"),
        )
        self.retries = make.counter(
            "attempt_retries",
            "Repeated attempts of the same strategy, by the failure reason of the previous one.",
            *("model", "priority", "reason"),
        )
        self.fallbacks = make.counter(
            "fallbacks",
            "Fallbacks to the next strategy, by reason; to_priority is none when no strategy was left.",
            *("model", "from_priority", "to_priority", "reason"),
        )
        self.attempts_per_request = make.histogram(
            "attempts_per_request", "Attempts per request.", _ATTEMPT_BUCKETS, "model"
        )
        self.repairs = make.counter("extract_repairs", "Repairs of malformed tool calls, by kind.", "dialect", "kind")
        self.coercions = make.counter("extract_coercions", "Coercions of arguments to their schema, by kind.", "kind")
        self.tokens = make.counter(
            "tokens",
            "Tokens reported by the upstream; used is no for attempts that did not produce the answer.",
            *("model", "priority", "direction", "used"),
        )
        self.coercions.create(tuple(COERCIONS))

    def _streaming(self, make: FastRegistry) -> None:
        self.first_token_seconds = make.histogram(
            "time_to_first_token_seconds",
            "Time from the request's head to the first content sent to the client, in streams.",
            LATENCY_BUCKETS,
            *("model", "priority"),
        )
        self.held_seconds = make.histogram(
            "stream_holdback_seconds",
            "Time for which an attempt held back text or a call.",
            RPC_BUCKETS,
            "dialect",
        )
        self.aborts = make.counter(
            "stream_aborts",
            "Aborted streams, by who aborted them.",
            "by",
            "phase",
        )
        self.fallback_blocked = make.counter(
            "stream_fallback_blocked",
            "Streams that could not fall back because content had been sent, by reason.",
            "reason",
        )
        self.aborts.create(("client", "upstream", "gateway"), ("before_first", "mid"))
        self.fallback_blocked.create([reason.value for reason in FALLBACK_REASONS])

    def _upstream(self, make: FastRegistry) -> None:
        self.upstream_requests = make.counter(
            "upstream_requests",
            "Requests to upstreams by status code or kind of failure.",
            *("upstream", "priority", "code"),
        )
        self.upstream_seconds = make.histogram(
            "upstream_request_duration_seconds",
            "Time from sending a request to the end of the response.",
            LATENCY_BUCKETS,
            *("upstream", "priority"),
        )
        self.upstream_first_seconds = make.histogram(
            "upstream_time_to_first_chunk_seconds",
            "Time from sending a request to the first chunk of the response.",
            LATENCY_BUCKETS,
            "upstream",
        )
        self.upstream_in_flight = make.gauge("upstream_in_flight", "Requests to upstreams in flight.", "upstream")
        self.upstream_replicas = make.gauge(
            "upstream_replicas",
            "Replicas of an upstream by state: ready, or left_out (ejected because unreachable).",
            *("upstream", "state"),
        )
        self.upstream_healthy = make.gauge("upstream_healthy", "1 if the last model listing succeeded.", "upstream")
        self.loop_lag_seconds = make.histogram(
            "event_loop_lag_seconds", "Event-loop scheduling delay.", RPC_BUCKETS
        ).labels()
