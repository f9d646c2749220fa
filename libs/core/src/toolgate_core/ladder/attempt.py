"""One attempt under way, and the verdict on the answer that it brought."""

from __future__ import annotations

from toolgate_core.ladder.outcome import Attempt
from toolgate_core.ladder.reading import Reading
from toolgate_core.types.faults import Fault
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import AttemptOutcome, Reason, Strategy


class AttemptState:
    """An attempt from its transform to its end; `record` makes the `Attempt` that stays of it."""

    def __init__(self, strategy: Strategy, *, constrained: bool, retry: int, now: float) -> None:
        self.strategy = strategy
        self.constrained = constrained
        self.retry = retry
        self.began = now
        self.ended = now
        self.reading: Reading | None = None
        self.dialect = "none"
        self.first_usage: Usage | None = None
        self.reason: Reason | None = None
        self.fault: Fault | None = None
        self.weaker = False

    @property
    def usage(self) -> Usage | None:
        """The tokens it cost: of two passes the first prompt (which the second repeats) and both completions."""
        second = self.reading.usage if self.reading is not None else None
        first = self.first_usage
        if first is None or second is None:
            return second or first
        return Usage(
            first.prompt_tokens,
            first.completion_tokens + second.completion_tokens,
            first.cached_tokens,
            first.reasoning_tokens + second.reasoning_tokens,
            second.told,
        )

    @property
    def spent(self) -> Usage | None:
        """All tokens it cost: both prompts of two passes."""
        second = self.reading.usage if self.reading is not None else None
        first = self.first_usage
        return second or first if first is None or second is None else first + second

    def record(self, outcome: AttemptOutcome, detail: str, *, now: float) -> Attempt:
        """Return what is kept of this attempt."""
        self.ended = now
        reading = self.reading
        return Attempt(
            strategy=self.strategy,
            outcome=outcome,
            detail=detail,
            retry=self.retry,
            duration_s=now - self.began,
            usage=self.usage,
            spent=self.spent,
            repairs=reading.repairs if reading is not None else (),
            dialect=self.dialect,
            held_s=reading.held_s if reading is not None else 0.0,
        )


def judge(reading: Reading, request: ChatRequest) -> tuple[AttemptOutcome, str]:
    """Return how an attempt ended whose answer was read to the end, and one sentence about a failure."""
    if reading.calls:
        return AttemptOutcome.SUCCESS_TOOL, ""
    if reading.fault is not None:
        return AttemptOutcome(reading.fault.reason), reading.fault.detail
    if reading.finish == "content_filter":
        return AttemptOutcome.SUCCESS_TEXT, ""
    if reading.finish == "length" and (reading.unfinished or request.tool_choice.forced or not reading.text):
        return AttemptOutcome.TRUNCATED, "The answer was cut by the token limit before a call was complete."
    if reading.undecided:
        return AttemptOutcome.PARSE_ERROR, "The answer had to be one JSON object, a decision, and was not."
    return _judge_text(reading, request)


def _judge_text(reading: Reading, request: ChatRequest) -> tuple[AttemptOutcome, str]:
    """Return what text without a call is worth."""
    if reading.refuses and not request.tool_choice.forced:
        return AttemptOutcome.SUCCESS_TEXT, ""
    if not reading.text.strip():
        return AttemptOutcome.NO_TOOL_CALL, _emptiness(reading, request)
    if request.tool_choice.forced:
        return AttemptOutcome.NO_TOOL_CALL, "The answer had to be a tool call and was text."
    if reading.disguised is not None:
        return AttemptOutcome(reading.disguised.reason), reading.disguised.detail
    if misfit := reading.misfit:
        return AttemptOutcome.SCHEMA_INVALID, misfit
    return AttemptOutcome.SUCCESS_TEXT, ""


def _emptiness(reading: Reading, request: ChatRequest) -> str:
    """Return why an answer without text and calls is none."""
    if request.tool_choice.mode == "none" and "call_under_none" in reading.repairs:
        return "The answer had to be text and was a tool call."
    if reading.reasoning.strip():
        return "The answer was empty: all of it stood in the reasoning."
    return "The answer was empty."
