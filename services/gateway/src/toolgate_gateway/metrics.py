"""The gateway's metrics: their names, labels and buckets. Every label value comes from a closed set or the settings."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from toolgate_core.vocabulary import AttemptOutcome, Reason, RequestOutcome, Strategy
from toolgate_runtime.metrics import LATENCY_BUCKETS, RPC_BUCKETS, precreate

MAX_MODELS = 20
OTHER = "other"
ROUTES = ("chat", "models", "health", "livez", "readyz", "stats", "tools", OTHER)
CHOICES = ("none", "auto", "required", "named")
PRIORITIES = ("1", "2", "3", "4")
_ATTEMPT_BUCKETS = (1, 2, 3, 4, 6, 8)
_COERCIONS = (
    "string_to_integer",
    "string_to_number",
    "string_to_boolean",
    "number_to_string",
    "scalar_to_array",
    "json_string_to_object",
    "enum_case",
    "default_filled",
    "extra_dropped",
)
_REPAIRS = (
    "trailing_comma",
    "single_quotes",
    "unclosed",
    "unescaped_newline",
    "python_literal",
    "code_fence",
    "stray_text",
    "duplicate_key",
    "truncated_close",
)


class GatewayMetrics:
    """All metrics of one gateway, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._models: set[str] = set()
        self._http(registry)
        self._requests(registry)
        self._ladder(registry)
        self._streaming(registry)
        self._upstream(registry)

    def model(self, name: str) -> str:
        """Return the label of a model: its name while there is room for it."""
        return name if name in self._models else OTHER

    def know(self, models: Iterable[str]) -> None:
        """Give models labels of their own, the first twenty that come, and create their series."""
        for name in models:
            if len(self._models) >= MAX_MODELS:
                return
            if name not in self._models:
                self._models.add(name)
                self._create(name)

    def repaired(self, dialect: str, tags: Iterable[str]) -> None:
        """Count what was mended or coerced; a tag that nobody knows is `other`."""
        for tag in tags:
            if tag in _COERCIONS:
                self.coercions.labels(tag).inc()
            else:
                self.repairs.labels(dialect, tag if tag in _REPAIRS else OTHER).inc()

    def _create(self, model: str) -> None:
        precreate(self.requests, (model,), CHOICES[1:], PRIORITIES, (RequestOutcome.SUCCESS.value,))
        precreate(self.requests, (model,), CHOICES, ("none",), [outcome.value for outcome in RequestOutcome])
        precreate(self.attempts, (model,), PRIORITIES, [outcome.value for outcome in AttemptOutcome])
        for at, strategy in enumerate(Strategy):
            later = [str(other.priority) for other in list(Strategy)[at + 1 :]]
            reasons = [reason.value for reason in Reason]
            precreate(self.fallbacks, (model,), (str(strategy.priority),), [*later, "none"], reasons)

    def _http(self, registry: CollectorRegistry) -> None:
        self.http_requests = Counter(
            "toolgate_http_requests_total", "HTTP requests by route and status.", ("route", "code"), registry=registry
        )
        self.http_seconds = Histogram(
            "toolgate_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("route", "stream"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        precreate(self.http_requests, ROUTES, ("200",))

    def _requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "toolgate_requests_total",
            "Chat requests by how they ended; priority is the strategy that served, none where no ladder ran or won.",
            ("model", "tool_choice", "priority", "outcome"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "toolgate_request_duration_seconds",
            "Time of a chat request, failed attempts included.",
            ("model", "priority"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("toolgate_requests_in_flight", "Chat requests that are being served.", registry=registry)
        self.limit = Gauge("toolgate_concurrency_limit", "Chat requests that are served at once.", registry=registry)
        self.queue_depth = Gauge(
            "toolgate_admission_queue_depth", "Chat requests that wait for a place.", registry=registry
        )
        self.queue_wait = Histogram(
            "toolgate_admission_wait_seconds", "Time spent waiting for a place.", buckets=RPC_BUCKETS, registry=registry
        )
        self.rejected = Counter(
            "toolgate_admission_rejected_total", "Chat requests that found no place.", ("reason",), registry=registry
        )
        precreate(self.rejected, ("queue_full", "queue_timeout"))

    def _ladder(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "toolgate_attempts_total",
            "Attempts by strategy and how they ended.",
            ("model", "priority", "outcome"),
            registry=registry,
        )
        self.attempt_seconds = Histogram(
            "toolgate_attempt_duration_seconds",
            "Time of an attempt; result fail is time lost.",
            ("model", "priority", "result"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.retries = Counter(
            "toolgate_attempt_retries_total",
            "Attempts beyond a strategy's first, by why the one before failed.",
            ("model", "priority", "reason"),
            registry=registry,
        )
        self.fallbacks = Counter(
            "toolgate_fallbacks_total",
            "Falls from one strategy to the next (none: there was no next), by why.",
            ("model", "from_priority", "to_priority", "reason"),
            registry=registry,
        )
        self.attempts_per_request = Histogram(
            "toolgate_attempts_per_request",
            "Attempts that a request took.",
            ("model",),
            buckets=_ATTEMPT_BUCKETS,
            registry=registry,
        )
        self.repairs = Counter(
            "toolgate_extract_repairs_total", "What was mended in calls.", ("dialect", "kind"), registry=registry
        )
        self.coercions = Counter(
            "toolgate_extract_coercions_total", "Arguments that were made to fit.", ("kind",), registry=registry
        )
        self.tokens = Counter(
            "toolgate_tokens_total",
            "Tokens as the upstream counted them; used no were spent on attempts that did not serve.",
            ("model", "priority", "direction", "used"),
            registry=registry,
        )
        precreate(self.coercions, (*_COERCIONS, OTHER))

    def _streaming(self, registry: CollectorRegistry) -> None:
        self.first_token_seconds = Histogram(
            "toolgate_time_to_first_token_seconds",
            "Time from a request's head to the first content that goes out, in streams.",
            ("model", "priority"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.held_seconds = Histogram(
            "toolgate_stream_holdback_seconds",
            "Time for which an attempt held text or a call back.",
            ("dialect",),
            buckets=RPC_BUCKETS,
            registry=registry,
        )
        self.aborts = Counter(
            "toolgate_stream_aborts_total", "Streams that did not end well.", ("by", "phase"), registry=registry
        )
        self.fallback_blocked = Counter(
            "toolgate_stream_fallback_blocked_total",
            "Streams in which an attempt failed after something was sent.",
            ("reason",),
            registry=registry,
        )
        precreate(self.aborts, ("client", "upstream", "gateway"), ("before_first", "mid"))
        precreate(self.fallback_blocked, [reason.value for reason in Reason])

    def _upstream(self, registry: CollectorRegistry) -> None:
        self.upstream_requests = Counter(
            "toolgate_upstream_requests_total",
            "Requests to upstreams by status or kind of failure.",
            ("upstream", "priority", "code"),
            registry=registry,
        )
        self.upstream_seconds = Histogram(
            "toolgate_upstream_request_duration_seconds",
            "Time from sending a request to the end of its answer.",
            ("upstream", "priority"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.upstream_first_seconds = Histogram(
            "toolgate_upstream_time_to_first_chunk_seconds",
            "Time from sending a request to the first of its answer.",
            ("upstream",),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.upstream_in_flight = Gauge(
            "toolgate_upstream_in_flight", "Requests to upstreams under way.", ("upstream",), registry=registry
        )
        self.upstream_healthy = Gauge(
            "toolgate_upstream_healthy", "1 where the models could be listed lately.", ("upstream",), registry=registry
        )
        self.loop_lag_seconds = Histogram(
            "toolgate_event_loop_lag_seconds", "How late the event loop is.", buckets=RPC_BUCKETS, registry=registry
        )
