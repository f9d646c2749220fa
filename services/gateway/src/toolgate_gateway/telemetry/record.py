"""The record of one request: collected while it is served, frozen at its end, handed to every sink.

A sink sees nothing but a `RequestRecord`, and the code that serves requests sees nothing but a `RecordBuilder`. So a
further sink (usage, traces, a console) is one file in `telemetry/sinks/` and one row in its table.

The structs are created for every request. They refer to nothing that refers back to them, so the garbage collector need
not track them (`gc=False`), which is cheaper than everything else here together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct
from toolgate_core.ladder import Answer, Attempt, LadderRun
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import FALLBACK_REASONS, Mode, RequestOutcome, Strategy
from toolgate_formats.api.failures import code_of

from toolgate_gateway.caller import Caller

OTHER: Final = "other"
"""The label of everything beyond a closed set."""

# Before Python 3.12 an access to an enum member costs as much as a function call.
_SUCCESS: Final = RequestOutcome.SUCCESS


class RequestKind(StrEnum):
    """The three ways in which requests are served."""

    CHAT = "chat"
    FORWARDED = "forwarded"
    PAGE = "page"
    """By the web framework: models, health, stats, tools."""


class RecordedRoute(Struct, frozen=True, gc=False):
    """The route of a request: its label in metrics, and the path at the upstream if it is forwarded."""

    kind: RequestKind
    label: str
    endpoint: str = ""


class Times(Struct, frozen=True, gc=False):
    """When a request began, and how long its parts took.

    Attributes:
        started_at: wall-clock time of the request's head, in Unix seconds.
        seconds: from the request's head to the end of its response.
        first_token_s: from the request's head to the first content sent; None: no content was sent in a stream.
        admission_wait_s: time in the admission queue; None: the request did not wait.
    """

    started_at: float
    seconds: float
    first_token_s: float | None
    admission_wait_s: float | None


class Abort(Struct, frozen=True, gc=False):
    """A stream that was aborted: by `client`, `upstream` or `gateway`; in the phase `before_first` or `mid`."""

    by: str
    phase: str


class Step(Struct, frozen=True):
    """The transition after a failed attempt: to `next`, another attempt, or to the ladder's end (None)."""

    failed: Attempt
    next: Attempt | None

    @property
    def is_retry(self) -> bool:
        """Whether the same strategy was tried again; otherwise it is a fallback."""
        return self.next is not None and self.next.strategy is self.failed.strategy


class LadderRecord(Struct, frozen=True, gc=False):
    """What the ladder did for a request; all of it is empty for a request without a ladder.

    Attributes:
        attempts: the attempts of each choice, in their order.
        summaries: the same in brief for each choice, as in the header `x-toolgate-attempts`.
        answers: the answer of each choice.
        blocked: the failure reasons of choices that could not fall back because content had been sent.
        served: the strategy that produced the answer: the highest priority number of all choices.
    """

    attempts: tuple[tuple[Attempt, ...], ...] = ()
    summaries: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    blocked: tuple[str, ...] = ()
    served: Strategy | None = None

    @property
    def spent(self) -> Usage | None:
        """The tokens of all attempts, failed ones included; None: no upstream reported any."""
        reported = [attempt.spent for run in self.attempts for attempt in run if attempt.spent is not None]
        return sum(reported[1:], reported[0]) if reported else None


class RequestRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One finished request.

    Attributes:
        request_id: its `x-request-id`.
        route: how it was served.
        caller: who sent it; None: it was rejected before authentication, or the route needs none.
        model: the model's label in metrics.
        upstream: the upstream's name; empty for a request that reached none, or chat.
        mode: the mode of a chat request; None: unknown, or no chat.
        tool_choice: none, auto, required or named.
        stream: whether the client asked for a stream.
        status: the HTTP status of the response.
        outcome: how it ended.
        code: the error's code; None: no error.
        rejected: the reason of admission control; None: it was admitted.
        aborted: who aborted its stream; None: it ended well.
        ladder: what the ladder did.
        times: when, and how long.
    """

    request_id: str
    route: RecordedRoute
    caller: Caller | None
    model: str
    upstream: str
    mode: Mode | None
    tool_choice: str
    stream: bool
    status: int
    outcome: RequestOutcome
    code: str | None
    rejected: str | None
    aborted: Abort | None
    ladder: LadderRecord
    times: Times

    def steps(self) -> Sequence[Step]:
        """Return the retries and fallbacks of all choices, in order."""
        if self.outcome is _SUCCESS and max(map(len, self.ladder.attempts), default=0) <= 1:
            return ()  # nearly always
        failed = self.outcome in (RequestOutcome.EXHAUSTED, RequestOutcome.DEGRADED)
        steps: list[Step] = []
        for attempts in self.ladder.attempts:
            steps += [Step(*pair) for pair in pairwise(attempts) if pair[0].outcome in FALLBACK_REASONS]
            if failed and attempts and attempts[-1].outcome in FALLBACK_REASONS:
                steps.append(Step(attempts[-1], None))
        return steps


NO_LADDER_RECORD: Final = LadderRecord()


class Stopwatch:
    """The times of one request while it runs; `clock` is monotonic, in seconds."""

    __slots__ = ("_began", "_clock", "_first", "_started_at", "admission_wait_s")

    def __init__(self, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._started_at = now()
        self._first: float | None = None
        self.admission_wait_s: float | None = None

    def first_token(self) -> None:
        """Record the time of the first content; later calls change nothing."""
        if self._first is None:
            self._first = self._clock()

    @property
    def has_first_token(self) -> bool:
        """Whether content has been sent."""
        return self._first is not None

    def times(self) -> Times:
        """Return the times, with now as the end."""
        first_s = None if self._first is None else self._first - self._began
        return Times(self._started_at, self._clock() - self._began, first_s, self.admission_wait_s)


class RecordBuilder:
    """The record of a request that is being served; `finish` freezes it."""

    __slots__ = (
        "_aborted",
        "_blocked",
        "_code",
        "answers",
        "caller",
        "mode",
        "model",
        "outcome",
        "rejected",
        "route",
        "runs",
        "stopwatch",
        "stream",
        "tool_choice",
        "upstream",
    )

    def __init__(self, route: RecordedRoute, stopwatch: Stopwatch) -> None:
        self.route = route
        self.stopwatch = stopwatch
        self.caller: Caller | None = None
        self.model = OTHER
        self.upstream = ""
        self.mode: Mode | None = None
        self.tool_choice = "none"
        self.stream = False
        self.outcome = _SUCCESS
        self.rejected: str | None = None
        self.runs: Sequence[LadderRun] = ()
        self.answers: Sequence[Answer] = ()
        self._code: str | None = None
        self._aborted: Abort | None = None
        self._blocked: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a failure has been noted."""
        return self._code is not None

    def first_token(self) -> None:
        """Record that content is sent to the client."""
        self.stopwatch.first_token()

    def fail(self, failure: Failure) -> None:
        """Note why there is no response, or no complete one."""
        # Not the exception: its traceback leads to this record, and would keep the request's body alive.
        self._code = code_of(failure)
        self.outcome = failure.outcome

    def abort(self, by: str, phase: str | None = None) -> None:
        """Count an aborted stream, by who aborted it; `phase`: by default, whether content had been sent."""
        if self._aborted is None:
            known = "mid" if self.stopwatch.has_first_token else "before_first"
            self._aborted = Abort(by, phase or known)

    def blocked(self) -> None:
        """Record that the ladder could not fall back because content had been sent."""
        last = [run.attempts[-1] for run in self.runs if run.attempts]
        self._blocked = tuple(attempt.outcome.value for attempt in last if attempt.outcome in FALLBACK_REASONS)

    def answered(self, answers: Sequence[Answer]) -> None:
        """Record the answers of all choices."""
        self.answers = answers
        if any([answer.degraded for answer in answers]):  # noqa: C419 - a generator costs more than it saves
            self.outcome = RequestOutcome.DEGRADED

    def finish(self, request_id: str, status: int) -> RequestRecord:
        """Return the record of the request, which ends now."""
        return RequestRecord(
            request_id=request_id,
            route=self.route,
            caller=self.caller,
            model=self.model,
            upstream=self.upstream,
            mode=self.mode,
            tool_choice=self.tool_choice,
            stream=self.stream,
            status=status,
            outcome=self.outcome,
            code=self._code,
            rejected=self.rejected,
            aborted=self._aborted,
            ladder=self._ladder() if self.runs else NO_LADDER_RECORD,
            times=self.stopwatch.times(),
        )

    def _ladder(self) -> LadderRecord:
        return LadderRecord(
            attempts=tuple([run.attempts for run in self.runs]),
            summaries=tuple([run.summary for run in self.runs]),
            answers=tuple(self.answers),
            blocked=self._blocked,
            served=max([answer.strategy for answer in self.answers], key=_priority, default=None),
        )


def _priority(strategy: Strategy) -> int:
    return strategy.priority
