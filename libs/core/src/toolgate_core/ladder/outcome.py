"""Records of attempts and runs that have ended.

Frozen values that outlive the run: the client's metadata, metrics, `/stats` and the log are made from them. Tokens are
counted in two ways on purpose: `usage` is what a client needs for the arithmetic of its context, `spent` and
`total_usage` are what was paid for.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.outbox import SettledCall
from toolgate_core.types.errors import ToolgateError
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import SUCCESSES, AttemptOutcome, FinishReason, Strategy


class DeadlineExceeded(ToolgateError):  # noqa: N818 - the field's name for it (gRPC: DEADLINE_EXCEEDED)
    """Thrown into the ladder by its driver when the request's time is up."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One strategy, tried once.

    Attributes:
        strategy: which one.
        outcome: how it ended.
        detail: one sentence about a failure, without content; empty for a success.
        retry: 0 for a strategy's first attempt, then counting up.
        duration_s: from the transform to the end of the answer, in seconds.
        usage: the tokens that a client counts with, where the upstream reports them: of two passes the first prompt,
            which the second one repeats, and both completions.
        spent: all tokens that it cost.
        repairs: tags of the repairs.
        dialect: the dialect that its text was read with; `none` where no answer came.
        held_s: how long text or a call was held back from the client, in seconds.
    """

    strategy: Strategy
    outcome: AttemptOutcome
    detail: str = ""
    retry: int = 0
    duration_s: float = 0.0
    usage: Usage | None = None
    spent: Usage | None = None
    repairs: tuple[str, ...] = ()
    dialect: str = "none"
    held_s: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the answer was good."""
        return self.outcome in SUCCESSES

    @property
    def word(self) -> str:
        """The attempt as the `x-toolgate-attempts` header writes it."""
        return f"{self.strategy}:{'ok' if self.succeeded else self.outcome}"


class Answer(Struct, frozen=True, kw_only=True):
    """The end of a run that has an answer; all of it has been emitted but `calls`.

    Attributes:
        finish_reason: why the answer ended.
        strategy: the one that served.
        usage: the tokens of the serving attempt.
        total_usage: the sum over all attempts of all runs of the choice.
        degraded: no attempt was good, and the text is the best there was.
        repairs: tags of the repairs.
        logprobs: of the serving attempt.
        choice_fields: the upstream's own fields of the choice, beyond OpenAI's contract.
        answer_fields: such fields of the whole answer.
        calls: valid calls to tools that the gateway executes, each with its id; the client has not seen them.
    """

    finish_reason: FinishReason
    strategy: Strategy
    usage: Usage | None = None
    total_usage: Usage | None = None
    degraded: bool = False
    repairs: tuple[str, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()
    choice_fields: JsonObject = {}
    answer_fields: JsonObject = {}
    calls: tuple[SettledCall, ...] = ()
