"""The counts of `/stats`: those of the metrics, readable without Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder import Attempt
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.vocabulary import AttemptOutcome, RequestOutcome, Strategy


class Stats:
    """Counts since the start of the process. Cancelled attempts are left out of the success rates."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._total = 0
        self._ladder = 0
        self._outcomes: Counter[RequestOutcome] = Counter()
        self._served: Counter[Strategy] = Counter()
        self._attempts: Counter[Strategy] = Counter()
        self._successes: Counter[Strategy] = Counter()
        self._fallbacks: Counter[str] = Counter()
        self._retries = 0

    def request(self, outcome: RequestOutcome, served: Strategy | None, *, ladder: bool) -> None:
        """Count a finished request; `ladder`: at least one strategy was attempted."""
        self._total += 1
        self._ladder += ladder
        self._outcomes[outcome] += 1
        if served is not None and outcome is RequestOutcome.SUCCESS:
            self._served[served] += 1

    def attempts(self, attempts: Sequence[Attempt]) -> None:
        """Count the attempts of one choice."""
        for attempt in attempts:
            if attempt.outcome is not AttemptOutcome.CANCELLED:
                self._attempts[attempt.strategy] += 1
                self._successes[attempt.strategy] += attempt.succeeded
            self._retries += attempt.retry > 0

    def fallback(self, reason: str) -> None:
        """Count a fallback from one strategy to the next."""
        self._fallbacks[reason] += 1

    def json(self) -> JsonObject:
        """Return the page. Rates are between 0 and 1, or null without attempts.

        `success_rates`: successes divided by attempts, per strategy. `served_rates`: requests that a strategy served,
        divided by all ladder requests.
        """
        higher = sum(count for strategy, count in self._served.items() if strategy.priority > 1)
        statistics: JsonObject = {
            "total_requests": self._total,
            "ladder_requests": self._ladder,
            "fallback_rate": round(higher / self._ladder, 4) if self._ladder else 0.0,
            "retries": self._retries,
        }
        for strategy in STRATEGIES:
            statistics[f"priority_{strategy.priority}_success"] = self._served[strategy]
            statistics[f"priority_{strategy.priority}_attempts"] = self._attempts[strategy]
        statistics["outcomes"] = {outcome.value: self._outcomes[outcome] for outcome in RequestOutcome}
        statistics["fallbacks"] = dict(sorted(self._fallbacks.items()))
        rates: JsonObject = {f"priority_{strategy.priority}": self._rate(strategy) for strategy in STRATEGIES}
        served: JsonObject = {f"priority_{strategy.priority}": self._served_rate(strategy) for strategy in STRATEGIES}
        return {
            "statistics": statistics,
            "success_rates": rates,
            "served_rates": served,
            "instance": self._instance,
        }

    def _served_rate(self, strategy: Strategy) -> float | None:
        return round(self._served[strategy] / self._ladder, 4) if self._ladder else None

    def _rate(self, strategy: Strategy) -> float | None:
        attempts = self._attempts[strategy]
        return round(self._successes[strategy] / attempts, 4) if attempts else None
