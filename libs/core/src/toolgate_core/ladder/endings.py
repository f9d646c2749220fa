"""The failures with which a ladder run ends without an answer.

An upstream's failure goes to the client unchanged; these three say what no upstream can: that time is up, that no
strategy brought anything valid, and that policy and request leave no strategy to try. Only the last one can be avoided
by another request, so it alone names a field.
"""

from __future__ import annotations

from toolgate_core.limits import MAX_FAULT_DETAIL
from toolgate_core.strategies.selection import unconstrainable
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ChatRequest

TOOL_CALL_UNAVAILABLE = "tool_call_unavailable"


def timed_out() -> Failure:
    """Return the failure of a request that exceeded its time limit."""
    return Failure(kind=FailureKind.DEADLINE, message="The request exceeded its time limit.")


def unavailable(request: ChatRequest, summary: str, why: str) -> Failure:
    """Return the failure of a request that no strategy could serve.

    `summary`: the attempts in brief. `why`: one sentence on what was wrong with the last answer that could be read.
    """
    wanted = "tool call" if request.tool_choice.forced else "answer"
    reason = f" {why[:MAX_FAULT_DETAIL]}" if why else ""
    return Failure(
        kind=FailureKind.EXHAUSTED,
        code=TOOL_CALL_UNAVAILABLE,
        message=f"The model did not produce a valid {wanted}.{reason} (Attempts: {summary or 'none'}.)",
        # A client that tries again makes the ladder run through all strategies again.
        should_retry=False,
    )


def no_strategy(request: ChatRequest) -> Failure:
    """Return the failure of a request that no strategy of its policy may serve."""
    # These two exclude every strategy but those that send the client's own constraints.
    field = "logprobs" if request.logprobs else unconstrainable(request)
    if field:
        message = f"{field} is not supported when the answer is constrained; omit it or use another mode."
    else:
        message = "The model's policy has no strategy for this mode."
    return Failure(
        kind=FailureKind.INVALID,
        code="unsupported_parameter" if field else TOOL_CALL_UNAVAILABLE,
        param=field.partition(".")[0] or "tools",
        message=message,
    )
