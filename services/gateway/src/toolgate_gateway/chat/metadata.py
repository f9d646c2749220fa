"""What is said about how a request was served: the `toolgate` field of an answer, and the `x-toolgate-*` headers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder import Answer, Attempt, LadderRun
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Strategy

from toolgate_gateway.http.connection import Headers

_ATTEMPTS = b"x-toolgate-attempts"
NO_LADDER: Headers = ((b"x-toolgate-priority", b"none"), (_ATTEMPTS, b"none"))


def usage_json(usage: Usage) -> JsonObject:
    """Return OpenAI's usage object, with whatever else the upstream told in its own."""
    told = usage.told
    prompt, completion = told.get("prompt_tokens_details"), told.get("completion_tokens_details")
    cached: JsonObject = {"cached_tokens": usage.cached_tokens}
    reasoning: JsonObject = {"reasoning_tokens": usage.reasoning_tokens}
    return {
        **told,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {**prompt, **cached} if isinstance(prompt, dict) else cached,
        "completion_tokens_details": {**completion, **reasoning} if isinstance(completion, dict) else reasoning,
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


def headers(climbs: Sequence[LadderRun]) -> Headers:
    """Return what is known now: the largest priority of the choices, and each choice's attempts.

    The priority is `pending` while nothing but comments has been sent, and `none` where no strategy served.
    """
    priority, attempts = 0, []
    for climb in climbs:
        attempts.append(climb.summary)
        if climb.serving_strategy is not None:
            priority = max(priority, climb.serving_strategy.priority)
    told = ";".join(attempts) or "none"
    unknown = b"pending" if ":pending" in told else b"none"
    return ((b"x-toolgate-priority", b"%d" % priority if priority else unknown), (_ATTEMPTS, told.encode()))


def field(climbs: Sequence[LadderRun], answers: Sequence[Answer]) -> JsonObject:
    """Return the `toolgate` field: strategy and priority of the choice that climbed highest, attempts of all."""
    highest: Strategy | None = None
    total: Usage | None = None
    repairs: list[JsonValue] = []
    degraded = False
    for answer in answers:
        if highest is None or answer.strategy.priority > highest.priority:
            highest = answer.strategy
        if answer.total_usage is not None:
            total = answer.total_usage if total is None else total + answer.total_usage
        repairs.extend(answer.repairs)
        degraded = degraded or answer.degraded
    return {
        "priority": highest.priority if highest is not None else None,
        "strategy": highest,
        "attempts": [_attempt(attempt, i, len(climbs)) for i, climb in enumerate(climbs) for attempt in climb.attempts],
        "repairs": repairs,
        # A sum has no details but those that can be added up.
        "usage": usage_json(replace(total, told={})) if total is not None else None,
        "degraded": degraded,
    }


def _attempt(attempt: Attempt, choice: int, choices: int) -> JsonObject:
    entry: JsonObject = {
        "strategy": attempt.strategy,
        "outcome": attempt.outcome,
        "duration_ms": round(attempt.duration_s * 1000, 1),
    }
    if choices > 1:
        entry["choice"] = choice
    return entry
