"""The gateway's metrics: their names, labels and buckets. Every label value comes from a closed set or the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct
from prometheus_client import CollectorRegistry
from toolgate_core.types.repairs import COERCIONS, REPAIRS
from toolgate_core.types.vocabulary import FALLBACK_REASONS, AttemptOutcome, RequestOutcome, Strategy
from toolgate_runtime.metrics import LATENCY_BUCKETS, RPC_BUCKETS

from toolgate_gateway.passthrough.endpoints import LABELS
from toolgate_gateway.telemetry.registry import Counter, FastRegistry, Gauge, Histogram
from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.replicas import Replicas

MAX_MODELS = 20
OTHER = "other"
ROUTES = ("chat", *LABELS, "models", "health", "livez", "readyz", "stats", "tools", OTHER)
CHOICES = ("none", "auto", "required", "named")
PRIORITIES = tuple(str(strategy.priority) for strategy in Strategy)
_ATTEMPT_BUCKETS = (1, 2, 3, 4, 6, 8)


End: TypeAlias = tuple[str, str, str, str, str, int, bool]
"""How a request ended: model, tool choice, priority that won, outcome, priority that served, status, streamed."""


class EndSeries(Struct, frozen=True):
    """What the end of a request adds to."""

    requests: Counter
    seconds: Histogram
    http_requests: Counter
    http_seconds: Histogram


class AttemptSeries(Struct, frozen=True):
    """What the end of an attempt adds to."""

    attempts: Counter
    seconds: Histogram


class UpstreamSeries(Struct, frozen=True):
    """What a request to an upstream adds to, beside the count of how it ended."""

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
        """Return the label of a model: its name while there is room for it."""
        return name if name in self._models else OTHER

    def refused_connection(self, status: int) -> None:
        """Counter an answer that was given before anything was known of the request."""
        self.http_requests.labels(OTHER, str(status)).inc()

    def know(self, models: Iterable[str]) -> None:
        """Give models labels of their own, the first twenty that come, and create their series."""
        for name in models:
            if len(self._models) >= MAX_MODELS:
                return
            if name not in self._models:
                self._models.add(name)
                self._create(name)

    def repaired(self, dialect: str, tags: Iterable[str]) -> None:
        """Counter what was mended or coerced; a tag that nobody knows is `other`."""
        for tag in tags:
            if tag in COERCIONS:
                self.coercions.labels(tag).inc()
            else:
                self.repairs.labels(dialect, tag if tag in REPAIRS else OTHER).inc()

    def end(self, end: End) -> EndSeries:
        """Return the series of a request's end; looked up together, they are looked up once per kind of end."""
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

    def know_upstream(self, name: str, provider: Provider) -> None:
        """Create the series of an upstream."""
        self.upstream_in_flight.labels(name).set(0)
        self.upstream_healthy.labels(name).set(1)
        if isinstance(provider, Replicas):
            self.upstream_replicas.labels(name, "ready").source = lambda: provider.count(ready=True)
            self.upstream_replicas.labels(name, "left_out").source = lambda: provider.count(ready=False)

    def forget_upstream(self, name: str) -> None:
        """Drop the series that tell how an upstream is now; what was counted of it stays."""
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
        for at, strategy in enumerate(Strategy):
            later = [str(other.priority) for other in list(Strategy)[at + 1 :]]
            reasons = [reason.value for reason in FALLBACK_REASONS]
            self.fallbacks.create((model,), (str(strategy.priority),), [*later, "none"], reasons)

    def _http(self, make: FastRegistry) -> None:
        self.http_requests = make.counter("http_requests", "HTTP requests by route and status.", "route", "code")
        self.http_seconds = make.histogram(
            "http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            LATENCY_BUCKETS,
            "route",
            "stream",
        )
        self.http_requests.create(ROUTES, ("200",))

    def _requests(self, make: FastRegistry) -> None:
        self.requests = make.counter(
            "requests",
            "Chat requests by how they ended; priority is the strategy that served, none where no ladder ran or won.",
            *("model", "tool_choice", "priority", "outcome"),
        )
        self.request_seconds = make.histogram(
            "request_duration_seconds",
            "Time of a chat request, failed attempts included.",
            LATENCY_BUCKETS,
            *("model", "priority"),
        )
        self.in_flight = make.gauge("requests_in_flight", "Chat requests that are being served.").labels()
        self.limit = make.gauge("concurrency_limit", "Chat requests that are served at once.").labels()
        self.queue_depth = make.gauge("admission_queue_depth", "Chat requests that wait for a place.").labels()
        self.queue_wait = make.histogram(
            "admission_wait_seconds", "Time spent waiting for a place.", RPC_BUCKETS
        ).labels()
        self.rejected = make.counter("admission_rejected", "Chat requests that found no place.", "reason")
        self.rejected.create(("queue_full", "queue_timeout", "bodies_full"))

    def _ladder(self, make: FastRegistry) -> None:
        self.attempts = make.counter(
            "attempts", "Attempts by strategy and how they ended.", "model", "priority", "outcome"
        )
        self.attempt_seconds = make.histogram(
            "attempt_duration_seconds",
            "Time of an attempt; result fail is time lost.",
            LATENCY_BUCKETS,
            *("model", "priority", "result"),
        )
        self.retries = make.counter(
            "attempt_retries",
            "Attempts beyond a strategy's first, by why the one before failed.",
            *("model", "priority", "reason"),
        )
        self.fallbacks = make.counter(
            "fallbacks",
            "Falls from one strategy to the next (none: there was no next), by why.",
            *("model", "from_priority", "to_priority", "reason"),
        )
        self.attempts_per_request = make.histogram(
            "attempts_per_request", "Attempts that a request took.", _ATTEMPT_BUCKETS, "model"
        )
        self.repairs = make.counter("extract_repairs", "What was mended in calls.", "dialect", "kind")
        self.coercions = make.counter("extract_coercions", "Arguments that were made to fit.", "kind")
        self.tokens = make.counter(
            "tokens",
            "Tokens as the upstream counted them; used no were spent on attempts that did not serve.",
            *("model", "priority", "direction", "used"),
        )
        self.coercions.create(tuple(COERCIONS))

    def _streaming(self, make: FastRegistry) -> None:
        self.first_token_seconds = make.histogram(
            "time_to_first_token_seconds",
            "Time from a request's head to the first content that goes out, in streams.",
            LATENCY_BUCKETS,
            *("model", "priority"),
        )
        self.held_seconds = make.histogram(
            "stream_holdback_seconds",
            "Time for which an attempt held text or a call back.",
            RPC_BUCKETS,
            "dialect",
        )
        self.aborts = make.counter("stream_aborts", "Streams that did not end well.", "by", "phase")
        self.fallback_blocked = make.counter(
            "stream_fallback_blocked",
            "Streams in which an attempt failed after something was sent.",
            "reason",
        )
        self.aborts.create(("client", "upstream", "gateway"), ("before_first", "mid"))
        self.fallback_blocked.create([reason.value for reason in FALLBACK_REASONS])

    def _upstream(self, make: FastRegistry) -> None:
        self.upstream_requests = make.counter(
            "upstream_requests",
            "Requests to upstreams by status or kind of failure.",
            *("upstream", "priority", "code"),
        )
        self.upstream_seconds = make.histogram(
            "upstream_request_duration_seconds",
            "Time from sending a request to the end of its answer.",
            LATENCY_BUCKETS,
            *("upstream", "priority"),
        )
        self.upstream_first_seconds = make.histogram(
            "upstream_time_to_first_chunk_seconds",
            "Time from sending a request to the first of its answer.",
            LATENCY_BUCKETS,
            "upstream",
        )
        self.upstream_in_flight = make.gauge("upstream_in_flight", "Requests to upstreams under way.", "upstream")
        self.upstream_replicas = make.gauge(
            "upstream_replicas",
            "Servers of an upstream that has several: ready, or left out since they could not be reached.",
            *("upstream", "state"),
        )
        self.upstream_healthy = make.gauge("upstream_healthy", "1 where the models could be listed lately.", "upstream")
        self.loop_lag_seconds = make.histogram(
            "event_loop_lag_seconds", "How late the event loop is.", RPC_BUCKETS
        ).labels()
