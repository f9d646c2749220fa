"""Counts of a client's answers, to compare with a gateway's own counts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from tests.acceptance.driver import Outcome

_ENDED = {"tool_call_unavailable": "exhausted", "upstream_error": "upstream_error"}
PRIORITIES = {"native": "1", "guided": "2", "bridge": "3", "two_pass": "4"}
Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


class Tally:
    """Counts of one model's requests, from the answers."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.counts: Counter[tuple[str, Labels]] = Counter()
        self.total = 0
        self.served: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.successes: Counter[str] = Counter()
        self.retries = 0
        self.fallbacks: Counter[str] = Counter()

    def add(self, choice: str, outcome: Outcome) -> None:
        """Count one answer."""
        self.total += 1
        attempts = outcome.attempts
        if outcome.error is not None:
            ended, priority = _ENDED[outcome.error["code"]], "none"
        else:
            ended = "degraded" if outcome.facts["degraded"] else "success"
            served = PRIORITIES[outcome.facts["strategy"]]
            self.served[served] += 1
            priority = served if ended == "success" else "none"
        self._count("requests_total", tool_choice=choice, priority=priority, outcome=ended)
        for strategy, result in attempts:
            self.attempts[PRIORITIES[strategy]] += 1
            self.successes[PRIORITIES[strategy]] += result.startswith("success") or result == "ok"
            self._count("attempts_total", priority=PRIORITIES[strategy], outcome=result)
        self._add_steps(attempts, ended)

    def _add_steps(self, attempts: list[tuple[str, str]], ended: str) -> None:
        for (before, reason), (after, _) in pairwise(attempts):
            if before == after:
                self.retries += 1
                self._count("attempt_retries_total", priority=PRIORITIES[after], reason=reason)
            else:
                self.fallbacks[reason] += 1
                self._fell(before, PRIORITIES[after], reason)
        if ended in ("exhausted", "degraded") and not attempts[-1][1].startswith("success"):
            self._fell(attempts[-1][0], "none", attempts[-1][1])

    def _fell(self, before: str, to: str, reason: str) -> None:
        self._count("fallbacks_total", from_priority=PRIORITIES[before], to_priority=to, reason=reason)

    def _count(self, name: str, **labels: str) -> None:
        self.counts[f"toolgate_{name}", tuple(sorted({"model": self._model, **labels}.items()))] += 1

    def metrics(self, samples: Samples) -> tuple[Samples, Samples]:
        """Return the counts, and the same ones from the gateway's metrics page."""
        names = {name for name, _ in self.counts} | {"toolgate_fallbacks_total", "toolgate_attempt_retries_total"}
        return dict(self.counts), {key: value for key, value in samples.items() if key[0] in names}

    def stats(self, page: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the counts, and the same ones from the gateway's `/stats`."""
        said = page["statistics"]
        counted: dict[str, Any] = {
            "total_requests": self.total,
            "ladder_requests": self.total,
            "retries": self.retries,
            "fallbacks": dict(self.fallbacks),
            "fallback_rate": round(sum(n for p, n in self.served.items() if p != "1") / self.total, 4),
        }
        rates: dict[str, float | None] = {}
        for priority in PRIORITIES.values():
            counted[f"priority_{priority}_success"] = self.served[priority]
            counted[f"priority_{priority}_attempts"] = attempts = self.attempts[priority]
            rates[f"priority_{priority}"] = round(self.successes[priority] / attempts, 4) if attempts else None
        return {**counted, "rates": rates}, {**{key: said[key] for key in counted}, "rates": page["success_rates"]}
