"""What is said about how a request was served: the `toolgate` field of an answer, and the `x-toolgate-*` headers."""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder import Answer, Attempt, Climb
from toolgate_core.messages import Usage
from toolgate_core.vocabulary import Strategy

from toolgate_gateway.exchange import Headers

NO_LADDER: Headers = ((b"x-toolgate-priority", b"none"), (b"x-toolgate-attempts", b"none"))


def usage_json(usage: Usage) -> JsonObject:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def serving_usage(answers: Sequence[Answer]) -> Usage | None:
    """Return the usage of all choices; they share one prompt, whose tokens count once."""
    told = [answer.usage for answer in answers if answer.usage is not None]
    if not told:
        return None
    total = told[0]
    for usage in told[1:]:
        total = total + Usage(completion_tokens=usage.completion_tokens, reasoning_tokens=usage.reasoning_tokens)
    return total


def headers(climbs: Sequence[Climb]) -> Headers:
    """Return what is known now: the largest priority of the choices, and each choice's attempts."""
    served = [climb.priority.priority for climb in climbs if climb.priority is not None]
    priority = str(max(served)) if served else "none"
    attempts = ";".join(climb.summary for climb in climbs) or "none"
    return ((b"x-toolgate-priority", priority.encode()), (b"x-toolgate-attempts", attempts.encode()))


def field(climbs: Sequence[Climb], answers: Sequence[Answer]) -> JsonObject:
    """Return the `toolgate` field: strategy and priority of the choice that climbed highest, attempts of all."""
    highest = _highest(answers)
    totals = [answer.total_usage for answer in answers if answer.total_usage is not None]
    return {
        "priority": highest.priority if highest is not None else None,
        "strategy": highest.value if highest is not None else None,
        "attempts": [_attempt(attempt, i, len(climbs)) for i, climb in enumerate(climbs) for attempt in climb.attempts],
        "repairs": [tag for answer in answers for tag in answer.repairs],
        "usage": usage_json(sum(totals, Usage())) if totals else None,
        "degraded": any(answer.degraded for answer in answers),
    }


def _highest(answers: Sequence[Answer]) -> Strategy | None:
    strategies = [answer.strategy for answer in answers if answer.strategy is not None]
    return max(strategies, key=lambda strategy: strategy.priority, default=None)


def _attempt(attempt: Attempt, choice: int, choices: int) -> JsonObject:
    entry: JsonObject = {
        "strategy": attempt.strategy.value,
        "outcome": attempt.outcome.value,
        "duration_ms": round(attempt.duration_s * 1000, 1),
    }
    if choices > 1:
        entry["choice"] = choice
    return entry
