"""The climb: strategy after strategy, until an answer is good. A generator of effects; it does no I/O.

Theory of operation. `LadderRun.run` tries the strategies that policy, mode and request allow. Each attempt is
transformed, sent, and read by a `Reading`, and ends with an outcome. A success ends the run. A failure is retried
within its strategy as often as policy says, quoting the fault, and then falls to the next strategy; what the upstream
refuses is asked for in a weaker form first (`Refusals`). What the client has been sent is kept in the `Outbox`: from
the first byte on, later attempts may only append a call. When the strategies are used up the client gets, in this
order: under `auto` and with nothing sent the best clean text, marked degraded; the first refusal or the last error of
an upstream that never answered; an error that says what was wrong with the model's answer.

Time, ids and the memory of what an upstream cannot do are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from msgspec.structs import replace

from toolgate_core.dialects.families import UNASKED
from toolgate_core.ladder.attempt import AttemptState, judge
from toolgate_core.ladder.effects import CallModel, Effect, Emit, Reply, Transform, Transformed
from toolgate_core.ladder.endings import no_strategy, timed_out, unavailable
from toolgate_core.ladder.memory import LadderMemory
from toolgate_core.ladder.outbox import Outbox
from toolgate_core.ladder.outcome import SUCCESSES, Answer, Attempt, DeadlineExceeded, Refusal, refusal_of
from toolgate_core.ladder.reading import Reading
from toolgate_core.ladder.refusals import REFUSED, Refusals, is_terminal
from toolgate_core.schema import Toolset
from toolgate_core.schema.answer import answer_schema
from toolgate_core.strategies.selection import strategies_for
from toolgate_core.types.events import TextDelta
from toolgate_core.types.failures import Failure
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import AttemptOutcome, Mode, Reason, Strategy

# Failures of the upstream itself that no other strategy would fare better with.
_TERMINAL = frozenset({"credential", "limited", "overloaded", "unreachable"})
# What a model did wrong and may do right when it is told so.
_RETRYABLE = frozenset(
    {Reason.NO_TOOL_CALL, Reason.PARSE_ERROR, Reason.SCHEMA_INVALID, Reason.UNKNOWN_TOOL, Reason.UPSTREAM_ERROR}
)


class LadderRun:
    """One choice's way up the ladder. `run` may be used once; `attempts` is right at any time, also after a throw.

    `ids`: the calls' ids that the answer has already; its choices share one set, so that no two calls have the same.
    """

    def __init__(
        self,
        request: ChatRequest,
        policy: Policy,
        toolset: Toolset,
        mode: Mode,
        *,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        memory: LadderMemory,
        ids: set[str] | None = None,
    ) -> None:
        self._request = request
        self._policy = policy
        self._toolset = toolset
        self._strategies = strategies_for(request, policy, mode)
        self._clock = clock
        self._began = clock()
        self._refusals = Refusals(request, policy, self._strategies, memory, self._began)
        self._outbox = Outbox(new_id, set() if ids is None else ids)
        self._try: AttemptState | None = None
        self._attempts: list[Attempt] = []
        self._best: tuple[Attempt, str] | None = None
        self._best_is_call = False
        self._why = ""
        self._checked: AttemptState | None = None
        self._failure: Failure | None = None
        self._served: Strategy | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have ended, in order."""
        return tuple(self._attempts)

    @property
    def priority(self) -> Strategy | None:
        """The strategy that serves: known from the first event on, final at the end."""
        if self._served is None and self._try is not None and self._outbox.sent:
            return self._try.strategy
        return self._served

    @property
    def summary(self) -> str:
        """The attempts as the `x-toolgate-attempts` header writes them; one under way is `pending`."""
        words = [attempt.word for attempt in self._attempts]
        if self._try is not None:
            words.append(f"{self._try.strategy}:pending")
        return ",".join(words)

    def run(self) -> Generator[Effect, Reply, Answer | Refusal]:
        """Climb; return how it ended. On `DeadlineExceeded`, thrown in by the driver, a refusal with status 504."""
        try:
            return (yield from self._climb())
        except DeadlineExceeded:
            self._abandon(AttemptOutcome.TIMEOUT)
            return timed_out()
        except GeneratorExit:
            self._abandon(AttemptOutcome.CANCELLED)
            raise

    def _abandon(self, outcome: AttemptOutcome) -> None:
        if self._try is not None:
            self._attempts.append(self._try.record(outcome, "", now=self._clock()))
            self._try = None

    def _climb(self) -> Generator[Effect, Reply, Answer | Refusal]:
        if not self._strategies:
            return no_strategy(self._request)
        for strategy in self._strategies:
            if self._checked is not None and strategy is Strategy.GUIDED:
                continue  # the check is the bridge's routing decision
            ended = yield from self._strategy(strategy)
            if ended is not None:
                return ended
            if self._spent():
                break
        return (yield from self._exhausted())

    def _strategy(self, strategy: Strategy) -> Generator[Effect, Reply, Answer | Refusal | None]:
        """Try one strategy as often as policy allows; None: fall to the next."""
        fault: Fault | None = None
        retries = self._policy.retries.get(strategy, 0)
        retry = 0
        while not self._spent():
            constrained = self._refusals.form(strategy, self._clock())
            if constrained is None:
                return None
            attempt = self._try = AttemptState(strategy, constrained=constrained, retry=retry, now=self._clock())
            ended = yield from self._attempt(attempt, fault)
            if ended is not None:
                return ended
            if attempt.weaker:
                continue
            if attempt.reason not in _RETRYABLE or retry == retries:
                return None
            fault = attempt.fault
            retry += 1
        return None

    def _attempt(self, attempt: AttemptState, fault: Fault | None) -> Generator[Effect, Reply, Answer | Refusal | None]:
        draft: str | None = None
        if attempt.strategy is Strategy.TWO_PASS:
            failure = yield from self._ask(attempt, fault, None)
            if failure is not None:
                return self._upstream_failed(attempt, failure)
            assert attempt.reading is not None
            draft = attempt.reading.text or attempt.reading.reasoning
            attempt.first_usage, attempt.reading = attempt.reading.usage, None
        failure = yield from self._ask(attempt, fault, draft)
        if failure is not None:
            return self._upstream_failed(attempt, failure)
        return (yield from self._evaluate(attempt))

    def _ask(
        self, attempt: AttemptState, fault: Fault | None, draft: str | None
    ) -> Generator[Effect, Reply, Failure | None]:
        """Transform, call, and read to the end; return what the upstream did wrong, if it was that."""
        transformed = yield Transform(
            request=self._refusals.request,
            strategy=attempt.strategy,
            dialect=self._dialect(attempt.strategy),
            constrained=attempt.constrained and attempt.strategy is not Strategy.NATIVE,
            capabilities=self._capabilities(attempt),
            fault=fault,
            draft=draft,
            reasoning_open=self._policy.reasoning == "open",
        )
        assert isinstance(transformed, Transformed)
        opened = yield CallModel(body=transformed.body, strategy=attempt.strategy)
        if isinstance(opened, Failure):
            return opened
        attempt.reading = self._reading(attempt, transformed.plan)
        attempt.dialect = transformed.plan.dialect
        return (yield from attempt.reading.run())

    def _capabilities(self, attempt: AttemptState) -> Capabilities:
        """Return what the upstream can do, without what it has refused, and what would meet the decision's grammar."""
        capabilities = self._policy.capabilities
        if capabilities.strict and (attempt.strategy is not Strategy.NATIVE or not attempt.constrained):
            return replace(capabilities, strict=False)
        return capabilities

    def _dialect(self, strategy: Strategy) -> str:
        policy = self._policy
        if strategy is Strategy.NATIVE:
            return policy.native_dialect or policy.dialect or "auto"
        return policy.dialect or UNASKED

    def _reading(self, attempt: AttemptState, plan: Plan) -> Reading:
        checking = attempt.strategy is Strategy.NATIVE and self._checks()
        return Reading(
            self._request,
            plan,
            self._toolset,
            self._outbox,
            hold=self._holds(plan) or checking,
            mute=self._outbox.text_sent or self._checked is not None,
            early=self._policy.arguments == "early" and self._request.stream,
            clock=self._clock,
        )

    def _holds(self, plan: Plan) -> bool:
        """Whether text waits for the end of the answer, or for a call."""
        request = self._request
        # Without a stream nobody sees the text before the end, so a failed attempt's text need not stand. Text that no
        # grammar holds to the client's format has to be checked against it first.
        unchecked = answer_schema(request) is not None and not plan.constrained
        return request.tool_choice.forced or not request.stream or unchecked

    def _checks(self) -> bool:
        """Whether plain text has to be agreed to by the bridge."""
        auto = self._request.tool_choice.mode == "auto"
        return auto and self._policy.plain_text == "check" and Strategy.BRIDGE in self._strategies

    def _upstream_failed(self, attempt: AttemptState, failure: Failure) -> Refusal | None:
        """Record the failure; return how the climb ends, where no other attempt can help."""
        kind = failure.kind
        begun = attempt.reading is not None and self._outbox.sent
        if kind in REFUSED and not is_terminal(failure) and not begun:
            attempt.reason = Reason.UNSUPPORTED
            attempt.weaker = self._refusals.refuse(
                failure, attempt.strategy, constrained=attempt.constrained, inside=attempt.reading is not None
            )
            self._record(attempt, AttemptOutcome.UNSUPPORTED, failure.message)
            return None
        if kind in REFUSED and self._attempts and not self._outbox.sent:
            # Another attempt has been refused or has failed before: that one says more than what ours was too long for.
            self._refusals.end(failure)
            attempt.reason = Reason.UPSTREAM_ERROR
            self._record(attempt, AttemptOutcome.UPSTREAM_ERROR, failure.message)
            return None
        attempt.reason = Reason.TIMEOUT if kind == "timeout" else Reason.UPSTREAM_ERROR
        self._refusals.fail(failure, attempt.strategy, constrained=attempt.constrained)
        self._record(attempt, AttemptOutcome(attempt.reason), failure.message)
        self._failure = failure
        return refusal_of(failure) if self._outbox.sent or kind in REFUSED or kind in _TERMINAL else None

    def _evaluate(self, attempt: AttemptState) -> Generator[Effect, Reply, Answer | Refusal | None]:
        reading = attempt.reading
        assert reading is not None
        self._refusals.accept(attempt.strategy, self._clock(), constrained=attempt.constrained)
        outcome, detail = judge(reading, self._request)
        if outcome is AttemptOutcome.SUCCESS_TEXT and reading.muted and self._checked is None:
            outcome, detail = AttemptOutcome.NO_TOOL_CALL, "Only a call could follow the text that has been sent."
        attempt.reason = None if outcome in SUCCESSES else Reason(outcome)
        attempt.fault = reading.fault or (Fault(attempt.reason, detail, reading.text) if attempt.reason else None)
        if outcome is AttemptOutcome.SUCCESS_TEXT and attempt.strategy is Strategy.NATIVE and self._checks():
            self._checked = attempt
            attempt.reason, outcome = Reason.NO_TOOL_CALL, AttemptOutcome.NO_TOOL_CALL
        elif outcome is AttemptOutcome.SUCCESS_TEXT and self._checked is not None:
            return (yield from self._released(attempt))
        record = self._record(attempt, outcome, detail)
        self._why = detail or self._why
        cut = outcome is AttemptOutcome.TRUNCATED and not self._request.tool_choice.forced
        if record.succeeded or cut or (outcome is AttemptOutcome.TRUNCATED and self._outbox.call_sent):
            return (yield from self._answer(attempt))
        if self._outbox.call_sent or (self._outbox.text_sent and reading.misfit):
            # What has gone out can't be taken back: the beginning of a call, or an answer in the wrong form.
            return self._unavailable()
        text = reading.text or reading.stray
        if text.strip() and (self._best is None or self._best_is_call):
            self._best, self._best_is_call = (record, text), bool(reading.disguised)
        return None

    def _released(self, attempt: AttemptState) -> Generator[Effect, Reply, Answer | Refusal]:
        """Let the held native text go: the bridge's decision agrees that no call is due."""
        native = self._checked
        assert native is not None
        self._record(attempt, AttemptOutcome.SUCCESS_TEXT, "")
        for index, record in enumerate(self._attempts):
            if record.strategy is Strategy.NATIVE:
                self._attempts[index] = native.record(AttemptOutcome.SUCCESS_TEXT, "", now=native.ended)
        return (yield from self._answer(native))

    def _answer(self, attempt: AttemptState) -> Generator[Effect, Reply, Answer]:
        reading = attempt.reading
        assert reading is not None
        self._served = attempt.strategy
        if not reading.calls:
            reading.release()
        if self._outbox.pending:
            yield Emit(self._outbox.take())
        finish = reading.finish or "stop"
        if finish in ("stop", "tool_calls"):
            finish = "tool_calls" if self._outbox.call_sent and self._request.tool_choice.mode != "named" else "stop"
        return Answer(
            finish_reason=finish,
            strategy=attempt.strategy,
            usage=attempt.usage,
            total_usage=self._total(),
            repairs=reading.repairs,
            logprobs=tuple(reading.logprobs),
            choice_fields=reading.choice_fields,
            answer_fields=reading.answer_fields,
        )

    def _exhausted(self) -> Generator[Effect, Reply, Answer | Refusal]:
        """The strategies are used up."""
        forced = self._request.tool_choice.forced
        last = self._attempts[-1] if self._attempts else None
        sent = self._outbox.sent
        if not sent and forced and last is not None and last.outcome is AttemptOutcome.TRUNCATED:
            self._served = last.strategy
            return self._ended("length", last)
        if not sent and not forced and self._best is not None:
            best, text = self._best
            self._served = best.strategy
            yield Emit((TextDelta(text),))
            return self._ended("stop", best)
        if all(attempt.outcome in _UPSTREAM for attempt in self._attempts):
            failure = self._failure or self._refusals.first
            if failure is not None:
                # The ladder has tried again and again: a client that did the same would multiply it.
                again = failure.should_retry if len(self._attempts) == 1 or failure.kind in REFUSED else False
                return replace(refusal_of(failure), should_retry=again)
        return self._unavailable()

    def _unavailable(self) -> Refusal:
        return unavailable(self._request, self.summary, self._why)

    def _ended(self, finish: str, served: Attempt) -> Answer:
        return Answer(
            finish_reason="length" if finish == "length" else "stop",
            strategy=served.strategy,
            usage=served.usage,
            total_usage=self._total(),
            degraded=True,
        )

    def _record(self, attempt: AttemptState, outcome: AttemptOutcome, detail: str) -> Attempt:
        record = attempt.record(outcome, detail, now=self._clock())
        self._attempts.append(record)
        self._try = None
        return record

    def _spent(self) -> bool:
        """Whether the budget of attempts, seconds or tokens is used up."""
        policy = self._policy
        total = self._total()
        return (
            self._refusals.hopeless
            or len(self._attempts) >= policy.max_attempts
            or self._clock() - self._began >= policy.max_seconds
            or (policy.max_tokens is not None and total is not None and total.total_tokens >= policy.max_tokens)
        )

    def _total(self) -> Usage | None:
        usages = [attempt.spent for attempt in self._attempts if attempt.spent is not None]
        return sum(usages[1:], usages[0]) if usages else None


_UPSTREAM = frozenset({AttemptOutcome.UPSTREAM_ERROR, AttemptOutcome.TIMEOUT, AttemptOutcome.UNSUPPORTED})
