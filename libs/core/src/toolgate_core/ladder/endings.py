"""How a climb ends without an answer: the refusals that are the gateway's own."""

from __future__ import annotations

from toolgate_core.ladder.outcome import TOOL_CALL_UNAVAILABLE, Refusal
from toolgate_core.limits import MAX_FAULT_DETAIL
from toolgate_core.strategies.selection import unconstrainable
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import RequestOutcome


def timed_out() -> Refusal:
    """Return the refusal of a request whose time is up."""
    return Refusal(
        status=504,
        type="server_error",
        code="timeout",
        message="The request exceeded its time limit.",
        outcome=RequestOutcome.TIMEOUT,
    )


def unavailable(request: ChatRequest, summary: str, why: str) -> Refusal:
    """Return the refusal of a request that no strategy could serve.

    `summary`: the attempts in brief. `why`: one sentence on what was wrong with the last answer that could be read.
    """
    wanted = "tool call" if request.tool_choice.forced else "answer"
    reason = f" {why[:MAX_FAULT_DETAIL]}" if why else ""
    return Refusal(
        status=502,
        type="server_error",
        code=TOOL_CALL_UNAVAILABLE,
        message=f"The model did not produce a valid {wanted}.{reason} (Attempts: {summary or 'none'}.)",
        outcome=RequestOutcome.EXHAUSTED,
        should_retry=False,
    )


def no_strategy(request: ChatRequest) -> Refusal:
    """Return the refusal of a request that no strategy of its policy may serve."""
    field = "logprobs" if request.logprobs else unconstrainable(request)
    if field:
        message = f"{field} is not supported when the answer is constrained; omit it or use another mode."
    else:
        message = "The model's policy has no strategy for this mode."
    return Refusal(
        status=400,
        type="invalid_request_error",
        code="unsupported_parameter" if field else TOOL_CALL_UNAVAILABLE,
        param=field.partition(".")[0] or "tools",
        message=message,
        outcome=RequestOutcome.CLIENT_ERROR,
    )
