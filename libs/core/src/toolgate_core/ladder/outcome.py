"""How attempts and climbs end."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.errors import ToolgateError
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import SUCCESSES, AttemptOutcome, FinishReason, RequestOutcome, Strategy


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
        usage: the tokens that a client counts with, where the upstream told: of two passes the first prompt, which the
            second one repeats, and both completions.
        spent: all tokens that it cost.
        repairs: tags of what was mended.
        dialect: the dialect that its text was read with.
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
    """A climb that ended well: all of the answer has been emitted.

    `usage` is the serving attempt's, `total_usage` the sum of all attempts'. `strategy` is the one that served.
    `degraded`: the text is the best there was, no attempt was good. `choice_fields` and `answer_fields`: what the
    upstream says beyond OpenAI's contract.
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


class Refusal(Struct, frozen=True, kw_only=True):
    """A climb that ended without an answer, as OpenAI's error object has it.

    Where something was sent already it becomes the error event at the end of the stream. `should_retry` False asks
    clients not to try again by themselves (it would climb the whole ladder again); unset leaves it to them.
    """

    status: int
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    code: str | None
    message: str
    outcome: RequestOutcome
    param: str | None = None
    retry_after_s: int | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None


TOOL_CALL_UNAVAILABLE = "tool_call_unavailable"


def refusal_of(failure: Failure) -> Refusal:
    """Return what the client is told about an upstream's failure."""
    match failure.kind:
        case "refused" | "unsupported" | "schema":
            return Refusal(
                status=failure.status if failure.status in (400, 404, 409, 413, 422) else 400,
                type="invalid_request_error",
                code=failure.code,
                message=failure.message,
                param=failure.param,
                outcome=RequestOutcome.CLIENT_ERROR,
                should_retry=failure.should_retry,
            )
        case "limited":
            return Refusal(
                status=429,
                type="rate_limit_error",
                code=failure.code or "rate_limit_exceeded",
                message=failure.message,
                retry_after_s=failure.retry_after_s,
                retry_after_ms=failure.retry_after_ms,
                should_retry=failure.should_retry,
                outcome=RequestOutcome.UPSTREAM_ERROR,
            )
        case "overloaded":
            status, code = 503, "upstream_overloaded"
        case "timeout":
            status, code = 504, "upstream_timeout"
        case "credential":
            status, code = 502, "upstream_credential"
        case "unreachable":
            status, code = 502, "upstream_unreachable"
        case _:
            status, code = 502, "upstream_error"
    return Refusal(
        status=status,
        type="server_error",
        code=code,
        message=failure.message,
        retry_after_s=failure.retry_after_s,
        retry_after_ms=failure.retry_after_ms,
        should_retry=failure.should_retry,
        outcome=RequestOutcome.TIMEOUT if failure.kind == "timeout" else RequestOutcome.UPSTREAM_ERROR,
    )
