"""Describes how a ladder served a request: the `toolgate` object of an answer, and the `x-toolgate-*` headers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder import Answer, Attempt, LadderRun
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.openai_chat.usage import usage_json

from toolgate_gateway.http.connection import Headers
from toolgate_gateway.http.headers import ATTEMPTS, PRIORITY

"""The headers of a request that no ladder serves."""


def as_headers(runs: Sequence[LadderRun]) -> Headers:
    """Return the headers as far as they are known now: the largest priority of the choices, and all attempts.

    The priority is `pending` while nothing but comments has been sent, and `none` where no strategy served.
    """
    priority, attempts = 0, []
    for run in runs:
        attempts.append(run.summary)
        if run.serving_strategy is not None:
            priority = max(priority, run.serving_strategy.priority)
    summary = ";".join(attempts) or "none"
    unknown = b"pending" if ":pending" in summary else b"none"
    return ((PRIORITY, b"%d" % priority if priority else unknown), (ATTEMPTS, summary.encode()))


def as_json(runs: Sequence[LadderRun], answers: Sequence[Answer]) -> JsonObject:
    """Return the `toolgate` object: strategy and priority of the choice that needed the last one, all attempts."""
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
        "attempts": [_attempt(attempt, i, len(runs)) for i, run in enumerate(runs) for attempt in run.attempts],
        "repairs": repairs,
        # A sum has no details but those that can be added up.
        "usage": usage_json(replace(total, reported={})) if total is not None else None,
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
