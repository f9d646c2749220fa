"""The sink that counts requests in the gateway's Prometheus metrics."""

from __future__ import annotations

from toolgate_core.dialects import DIALECTS
from toolgate_core.ladder import Attempt
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome, RequestOutcome

from toolgate_gateway.telemetry.metrics import GatewayMetrics, priority_label
from toolgate_gateway.telemetry.record import OTHER, RequestKind, RequestRecord, Step
from toolgate_gateway.telemetry.sinks.base import SinkDeps

# Before Python 3.12 an access to an enum member costs as much as a function call.
_CHAT, _PAGE, _SUCCESS = RequestKind.CHAT, RequestKind.PAGE, RequestOutcome.SUCCESS
_DIRECTIONS = ("input", "output", "cached_input", "reasoning")


class MetricsSink:
    """Counts every request by route and status, chat requests by outcome, and the ladder's attempts."""

    def __init__(self, deps: SinkDeps) -> None:
        self._metrics = deps.metrics

    def write(self, record: RequestRecord) -> None:
        """Count one request."""
        metrics = self._metrics
        if record.route.kind is _CHAT:
            self._chat(record)
        else:
            seconds = record.times.seconds
            metrics.http_requests.labels(record.route.label, str(record.status)).inc()
            metrics.http_seconds.labels(record.route.label, "true" if record.stream else "false").observe(seconds)
        if record.times.admission_wait_s is not None:
            metrics.queue_wait.observe(record.times.admission_wait_s)
        # The metric counts what waits for a model; a page is rejected only for its body.
        if record.rejected is not None and record.route.kind is not _PAGE:
            metrics.rejected.labels(record.rejected).inc()
        if record.aborted is not None:
            metrics.aborts.labels(record.aborted.by, record.aborted.phase).inc()

    def _chat(self, record: RequestRecord) -> None:
        priority = priority_label(record.ladder.served)
        # A success without a ladder has no priority; a degraded answer was not won by any.
        won = priority if record.outcome is _SUCCESS else "none"
        series = self._metrics.end(
            (record.model, record.tool_choice, won, record.outcome, priority, record.status, record.stream)
        )
        seconds, first_s = record.times.seconds, record.times.first_token_s
        series.requests.inc()
        series.seconds.observe(seconds)
        series.http_requests.inc()
        series.http_seconds.observe(seconds)
        if first_s is not None and record.stream:
            self._metrics.first_token_seconds.labels(record.model, priority).observe(first_s)
        if record.ladder.attempts:
            self._ladder(record)

    def _ladder(self, record: RequestRecord) -> None:
        metrics, model = self._metrics, record.model
        for attempts in record.ladder.attempts:
            if attempts:
                metrics.attempts_per_request.labels(model).observe(len(attempts))
            for attempt in attempts:
                _count_attempt(metrics, model, attempt)
        for step in record.steps():
            _count_step(metrics, model, step)
        for reason in record.ladder.blocked:
            metrics.fallback_blocked.labels(reason).inc()


def _count_attempt(metrics: GatewayMetrics, model: str, attempt: Attempt) -> None:
    priority, succeeded = priority_label(attempt.strategy), attempt.succeeded
    if attempt.outcome is AttemptOutcome.CANCELLED:
        metrics.attempts.labels(model, priority, attempt.outcome).inc()
    else:
        series = metrics.attempt(model, priority, attempt.outcome, ok=succeeded)
        series.attempts.inc()
        series.seconds.observe(attempt.duration_s)
    if attempt.held_s > 0:
        metrics.held_seconds.labels(_dialect(attempt)).observe(attempt.held_s)
    if attempt.repairs:
        metrics.repaired(_dialect(attempt), attempt.repairs)
    if attempt.spent is not None:
        _count_tokens(metrics, attempt.spent, (model, priority), "yes" if succeeded else "no")


def _count_tokens(metrics: GatewayMetrics, usage: Usage, labels: tuple[str, str], used: str) -> None:
    counts = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)
    for direction, count in zip(_DIRECTIONS, counts, strict=True):
        if count > 0:
            metrics.tokens.labels(*labels, direction, used).inc(count)


def _count_step(metrics: GatewayMetrics, model: str, step: Step) -> None:
    failed, reason = step.failed, step.failed.outcome.value
    if step.is_retry:
        metrics.retries.labels(model, priority_label(failed.strategy), reason).inc()
    else:
        to_priority = priority_label(step.next.strategy if step.next is not None else None)
        metrics.fallbacks.labels(model, priority_label(failed.strategy), to_priority, reason).inc()


def _dialect(attempt: Attempt) -> str:
    """Return the label of the format of an attempt's answer."""
    if attempt.dialect == "decision":
        return f"{attempt.strategy.value}_json"
    if STRATEGIES[attempt.strategy].native_tools:
        return "native_openai"
    return attempt.dialect if attempt.dialect in DIALECTS else OTHER
