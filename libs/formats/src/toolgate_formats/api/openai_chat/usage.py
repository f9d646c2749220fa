"""OpenAI's usage object."""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.outcome import Answer
from toolgate_core.types.requests import Usage


def usage_json(usage: Usage) -> JsonObject:
    """Return the usage object, with the further fields of the upstream's own."""
    given = usage.reported
    prompt, completion = given.get("prompt_tokens_details"), given.get("completion_tokens_details")
    cached: JsonObject = {"cached_tokens": usage.cached_tokens}
    reasoning: JsonObject = {"reasoning_tokens": usage.reasoning_tokens}
    return {
        **given,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {**prompt, **cached} if isinstance(prompt, dict) else cached,
        "completion_tokens_details": {**completion, **reasoning} if isinstance(completion, dict) else reasoning,
    }


def serving_usage(answers: Sequence[Answer]) -> Usage | None:
    """Return the usage of all choices, None where no upstream gave one; they share one prompt, which counts once."""
    known = [answer.usage for answer in answers if answer.usage is not None]
    if not known:
        return None
    total = known[0]
    for usage in known[1:]:
        total = total + Usage(completion_tokens=usage.completion_tokens, reasoning_tokens=usage.reasoning_tokens)
    return total
