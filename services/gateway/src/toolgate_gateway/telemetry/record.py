"""What becomes of one chat request: collected while it is served, written to metrics, stats and log when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolgate_core.dialects import DIALECTS
from toolgate_core.ladder import Answer, Attempt, LadderRun
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import FALLBACK_REASONS, AttemptOutcome, Mode, RequestOutcome, Strategy
from toolgate_formats.api.failures import code_of
from toolgate_runtime.logs import Log

from toolgate_gateway.telemetry.metrics import OTHER, GatewayMetrics
from toolgate_gateway.telemetry.stats import Stats

_DIRECTIONS = ("input", "output", "cached_input", "reasoning")
_PRIORITIES: dict[Strategy | None, str] = {None: "none", **{strategy: str(strategy.priority) for strategy in Strategy}}


class Record:
    """One request's record; `close` writes it, once."""

    __slots__ = (
        "_began",
        "_clock",
        "_first",
        "_log",
        "_metrics",
        "_stats",
        "answers",
        "climbs",
        "code",
        "mode",
        "model",
        "outcome",
        "status",
        "stream",
        "tool_choice",
    )

    def __init__(self, metrics: GatewayMetrics, stats: Stats, log: Log, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._stats = stats
        self._log = log
        self._clock = clock
        self._began = clock()
        self._first: float | None = None
        self.model = OTHER
        self.mode: Mode | None = None
        self.tool_choice = "none"
        self.stream = False
        self.status = 0
        self.outcome = RequestOutcome.SUCCESS
        self.code: str | None = None
        self.climbs: Sequence[LadderRun] = ()
        self.answers: Sequence[Answer] = ()

    def first_token(self) -> None:
        """Note that content goes out."""
        if self._first is None:
            self._first = self._clock()

    def fail(self, failure: Failure) -> None:
        """Note why there is no answer, or no whole one."""
        self.code = code_of(failure)
        self.outcome = failure.outcome

    def abort(self, by: str) -> None:
        """Note that a stream did not end well, and at whose hand."""
        self._metrics.aborts.labels(by, "mid" if self._first is not None else "before_first").inc()

    def blocked(self) -> None:
        """Note that the ladder could not begin anew because something had been sent."""
        for climb in self.climbs:
            last = climb.attempts[-1] if climb.attempts else None
            if last is not None and last.outcome in FALLBACK_REASONS:
                self._metrics.fallback_blocked.labels(last.outcome.value).inc()

    def answered(self, answers: Sequence[Answer]) -> None:
        """Note the answers of all choices."""
        self.answers = answers
        if any(answer.degraded for answer in answers):
            self.outcome = RequestOutcome.DEGRADED

    def close(self) -> None:
        """Count the request."""
        seconds = self._clock() - self._began
        served = max((answer.strategy for answer in self.answers), key=_priority, default=None)
        priority = _PRIORITIES[served]
        # A success without a ladder has no priority; a degraded answer was not won by any.
        won = priority if self.outcome is RequestOutcome.SUCCESS else "none"
        series = self._metrics.end(
            (self.model, self.tool_choice, won, self.outcome, priority, self.status, self.stream)
        )
        series.requests.inc()
        series.seconds.observe(seconds)
        series.http_requests.inc()
        series.http_seconds.observe(seconds)
        if self._first is not None and self.stream:
            self._metrics.first_token_seconds.labels(self.model, priority).observe(self._first - self._began)
        self._stats.request(self.outcome, served, ladder=any(climb.attempts for climb in self.climbs))
        for climb in self.climbs:
            self._count(climb.attempts)
        if self._log.lines:
            self._write(seconds, priority)

    def _count(self, attempts: Sequence[Attempt]) -> None:
        if not attempts:
            return
        self._stats.attempts(attempts)
        self._metrics.attempts_per_request.labels(self.model).observe(len(attempts))
        for index, attempt in enumerate(attempts):
            self._count_attempt(attempt)
            if index:
                self._count_step(attempts[index - 1], attempt)
        last = attempts[-1]
        if self.outcome in (RequestOutcome.EXHAUSTED, RequestOutcome.DEGRADED) and last.outcome in FALLBACK_REASONS:
            self._fallback(last, "none")

    def _count_attempt(self, attempt: Attempt) -> None:
        metrics, priority, succeeded = self._metrics, _PRIORITIES[attempt.strategy], attempt.succeeded
        if attempt.outcome is AttemptOutcome.CANCELLED:
            metrics.attempts.labels(self.model, priority, attempt.outcome).inc()
        else:
            series = metrics.attempt(self.model, priority, attempt.outcome, ok=succeeded)
            series.attempts.inc()
            series.seconds.observe(attempt.duration_s)
        if attempt.held_s > 0:
            metrics.held_seconds.labels(_dialect(attempt)).observe(attempt.held_s)
        if attempt.repairs:
            metrics.repaired(_dialect(attempt), attempt.repairs)
        if attempt.spent is not None:
            self._count_tokens(attempt.spent, priority, "yes" if succeeded else "no")

    def _count_tokens(self, usage: Usage, priority: str, used: str) -> None:
        counts = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)
        for direction, count in zip(_DIRECTIONS, counts, strict=True):
            if count > 0:
                self._metrics.tokens.labels(self.model, priority, direction, used).inc(count)

    def _count_step(self, before: Attempt, after: Attempt) -> None:
        """Count the way from one attempt to the next: a retry within a strategy, or a fall to another."""
        if before.outcome not in FALLBACK_REASONS:
            return
        if before.strategy is after.strategy:
            priority = _PRIORITIES[after.strategy]
            self._metrics.retries.labels(self.model, priority, before.outcome.value).inc()
        else:
            self._fallback(before, _PRIORITIES[after.strategy])

    def _fallback(self, attempt: Attempt, to: str) -> None:
        reason = attempt.outcome.value
        self._metrics.fallbacks.labels(self.model, _PRIORITIES[attempt.strategy], to, reason).inc()
        if to != "none":
            self._stats.fallback(reason)

    def _write(self, seconds: float, priority: str) -> None:
        fields: dict[str, object] = {
            "model": self.model,
            "mode": self.mode,
            "stream": self.stream,
            "tool_choice": self.tool_choice,
            "status": self.status,
            "outcome": self.outcome,
            "priority": priority,
            "dur_ms": round(seconds * 1000, 1),
        }
        if self.climbs:
            fields["attempts"] = ";".join(climb.summary for climb in self.climbs)
        if repairs := [tag for answer in self.answers for tag in answer.repairs]:
            fields["repairs"] = repairs
        if self._first is not None:
            fields["ttft_ms"] = round((self._first - self._began) * 1000, 1)
        if self.code is not None:
            fields["code"] = self.code
        self._log.info("request", **fields)


def _priority(strategy: Strategy) -> int:
    return strategy.priority


def _dialect(attempt: Attempt) -> str:
    """Return the label of the form that an attempt's answer had."""
    if attempt.dialect == "decision":
        return f"{attempt.strategy.value}_json"
    if attempt.strategy is Strategy.NATIVE:
        return "native_openai"
    return attempt.dialect if attempt.dialect in DIALECTS else OTHER
