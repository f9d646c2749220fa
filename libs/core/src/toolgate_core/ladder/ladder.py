"""The ladder: strategy after strategy, until an answer is good. A generator of effects; it does no I/O.

Theory of operation. `LadderRun.run` tries the strategies that policy, mode and request allow. Each attempt is
transformed, sent, and read by a `ResponseReader`, and ends with an outcome. A success ends the run. A failure is
retried within its strategy as often as policy says, quoting the fault, and then falls to the next strategy; what the
upstream refuses is asked for in a weaker form first (`Refusals`). The `Outbox` knows what the client has been sent:
from the first byte on, later attempts may only append a call.

When no strategy is left the client gets, in this order: under `auto` and with nothing sent the best clean text, marked
degraded; the first refusal or the last error of an upstream that never answered; an error that says what was wrong with
the model's answer.

Time, ids and the memory of what an upstream cannot do are arguments.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from toolgate_core.dialects.families import FALLBACK_DIALECT
from toolgate_core.ladder.attempt import AttemptState
from toolgate_core.ladder.delivery import DeliveryPolicy, delivery_policy
from toolgate_core.ladder.effects import CallModel, EffectGenerator, Emit, Transform, ask
from toolgate_core.ladder.endings import no_strategy, timed_out, unavailable
from toolgate_core.ladder.judge import judge
from toolgate_core.ladder.memory import LadderMemory
from toolgate_core.ladder.outbox import Outbox
from toolgate_core.ladder.outcome import Answer, Attempt, DeadlineExceeded
from toolgate_core.ladder.reader import ResponseReader
from toolgate_core.ladder.refusals import Refusals, is_terminal
from toolgate_core.schema import Toolset
from toolgate_core.strategies.selection import strategies_for
from toolgate_core.types.events import TextDelta
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import SUCCESSES, AttemptOutcome, Mode, Strategy

# Failures of the upstream itself that no other strategy would fare better with.
_TERMINAL = frozenset(
    {
        FailureKind.CREDENTIAL,
        FailureKind.LIMITED,
        FailureKind.OVERLOADED,
        FailureKind.UNAVAILABLE,
        FailureKind.UNREACHABLE,
    }
)
# What a model did wrong and may do right when it is told so.
_RETRYABLE = frozenset(
    {
        AttemptOutcome.NO_TOOL_CALL,
        AttemptOutcome.PARSE_ERROR,
        AttemptOutcome.SCHEMA_INVALID,
        AttemptOutcome.UNKNOWN_TOOL,
        AttemptOutcome.UPSTREAM_ERROR,
    }
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
        self._current: AttemptState | None = None
        self._attempts: list[Attempt] = []
        self._best: tuple[Attempt, str] | None = None
        self._best_is_call = False
        self._last_detail = ""
        self._unconfirmed: AttemptState | None = None
        self._failure: Failure | None = None
        self._served: Strategy | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have ended, in order."""
        return tuple(self._attempts)

    @property
    def priority(self) -> Strategy | None:
        """The strategy that serves: known from the first event on, final at the end."""
        if self._served is None and self._current is not None and self._outbox.sent:
            return self._current.strategy
        return self._served

    @property
    def summary(self) -> str:
        """The attempts as the `x-toolgate-attempts` header writes them; one under way is `pending`."""
        words = [attempt.word for attempt in self._attempts]
        if self._current is not None:
            words.append(f"{self._current.strategy}:pending")
        return ",".join(words)

    def run(self) -> EffectGenerator[Answer | Failure]:
        """Run; return how it ended. On `DeadlineExceeded`, thrown in by the driver, a failure of kind `deadline`."""
        try:
            return (yield from self._try_all())
        except DeadlineExceeded:
            self._abandon(AttemptOutcome.TIMEOUT)
            return timed_out()
        except GeneratorExit:
            self._abandon(AttemptOutcome.CANCELLED)
            raise

    def _abandon(self, outcome: AttemptOutcome) -> None:
        if self._current is not None:
            self._attempts.append(self._current.record(outcome, "", now=self._clock()))
            self._current = None

    def _try_all(self) -> EffectGenerator[Answer | Failure]:
        if not self._strategies:
            return no_strategy(self._request)
        for strategy in self._strategies:
            if self._unconfirmed is not None and strategy is Strategy.GUIDED:
                continue  # the check is the bridge's routing decision
            ended = yield from self._strategy(strategy)
            if ended is not None:
                return ended
            if self._budget_exhausted():
                break
        return (yield from self._exhausted())

    def _strategy(self, strategy: Strategy) -> EffectGenerator[Answer | Failure | None]:
        """Try one strategy as often as policy allows; None: fall to the next."""
        fault: Fault | None = None
        retries = self._policy.retries.get(strategy, 0)
        retry = 0
        while not self._budget_exhausted():
            constrained = self._refusals.form(strategy, self._clock())
            if constrained is None:
                return None
            attempt = self._current = AttemptState(strategy, constrained=constrained, retry=retry, now=self._clock())
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

    def _attempt(self, attempt: AttemptState, fault: Fault | None) -> EffectGenerator[Answer | Failure | None]:
        draft: str | None = None
        if attempt.strategy is Strategy.TWO_PASS:
            failure = yield from self._ask(attempt, fault, None)
            if failure is not None:
                return self._upstream_failed(attempt, failure)
            assert attempt.reader is not None
            draft = attempt.reader.content.text or attempt.reader.content.reasoning
            attempt.first_usage, attempt.reader = attempt.reader.verdict.usage, None
        failure = yield from self._ask(attempt, fault, draft)
        if failure is not None:
            return self._upstream_failed(attempt, failure)
        return (yield from self._evaluate(attempt))

    def _ask(self, attempt: AttemptState, fault: Fault | None, draft: str | None) -> EffectGenerator[Failure | None]:
        """Transform, call, and read to the end; return what the upstream did wrong, if it was that."""
        effect = Transform(
            request=self._refusals.request,
            strategy=attempt.strategy,
            dialect=self._dialect(attempt.strategy),
            constrained=attempt.constrained and attempt.strategy is not Strategy.NATIVE,
            capabilities=self._capabilities(attempt),
            fault=fault,
            draft=draft,
            reasoning_open=self._policy.reasoning_starts_open,
        )
        transformed = yield from ask(effect)
        opened = yield from ask(CallModel(body=transformed.body, strategy=attempt.strategy))
        if isinstance(opened, Failure):
            return opened
        attempt.reader = self._reader(attempt, transformed.plan)
        attempt.dialect = transformed.plan.dialect
        return (yield from attempt.reader.run())

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
        return policy.dialect or FALLBACK_DIALECT

    def _reader(self, attempt: AttemptState, plan: Plan) -> ResponseReader:
        policy = delivery_policy(
            self._request,
            plan,
            call_only=self._outbox.text_sent or self._unconfirmed is not None,
            unconfirmed=attempt.strategy is Strategy.NATIVE and self._confirms(),
        )
        return ResponseReader(
            self._request,
            plan,
            self._toolset,
            self._outbox,
            policy,
            clock=self._clock,
            stream_arguments=self._policy.stream_arguments == "immediately" and self._request.stream,
        )

    def _confirms(self) -> bool:
        """Whether plain text has to be agreed to by the bridge."""
        auto = self._request.tool_choice.mode == "auto"
        return auto and self._policy.confirm_plain_text and Strategy.BRIDGE in self._strategies

    def _upstream_failed(self, attempt: AttemptState, failure: Failure) -> Failure | None:
        """Record the failure; return how the climb ends, where no other attempt can help."""
        begun = attempt.reader is not None and self._outbox.sent
        if failure.refused and not is_terminal(failure) and not begun:
            attempt.reason = AttemptOutcome.UNSUPPORTED
            attempt.weaker = self._refusals.refuse(
                failure, attempt.strategy, constrained=attempt.constrained, inside=attempt.reader is not None
            )
            self._record(attempt, AttemptOutcome.UNSUPPORTED, failure.message)
            return None
        if failure.refused and self._attempts and not self._outbox.sent:
            # Another attempt has been refused or has failed before: that one says more than what ours was too long for.
            self._refusals.end(failure)
            attempt.reason = AttemptOutcome.UPSTREAM_ERROR
            self._record(attempt, AttemptOutcome.UPSTREAM_ERROR, failure.message)
            return None
        attempt.reason = (
            AttemptOutcome.TIMEOUT if failure.kind is FailureKind.TIMEOUT else AttemptOutcome.UPSTREAM_ERROR
        )
        self._refusals.fail(failure, attempt.strategy, constrained=attempt.constrained)
        self._record(attempt, AttemptOutcome(attempt.reason), failure.message)
        self._failure = failure
        return failure if self._outbox.sent or failure.refused or failure.kind in _TERMINAL else None

    def _evaluate(self, attempt: AttemptState) -> EffectGenerator[Answer | Failure | None]:
        reader = attempt.reader
        assert reader is not None
        self._refusals.accept(attempt.strategy, self._clock(), constrained=attempt.constrained)
        outcome, detail = judge(reader.content, reader.verdict, self._request)
        if (
            outcome is AttemptOutcome.SUCCESS_TEXT
            and reader.delivery.policy is DeliveryPolicy.CALL_ONLY
            and self._unconfirmed is None
        ):
            outcome, detail = AttemptOutcome.NO_TOOL_CALL, "Only a call could follow the text that has been sent."
        attempt.reason = None if outcome in SUCCESSES else outcome
        attempt.fault = reader.verdict.fault or (
            Fault(attempt.reason, detail, reader.content.text) if attempt.reason else None
        )
        if outcome is AttemptOutcome.SUCCESS_TEXT and attempt.strategy is Strategy.NATIVE and self._confirms():
            self._unconfirmed = attempt
            attempt.reason, outcome = AttemptOutcome.NO_TOOL_CALL, AttemptOutcome.NO_TOOL_CALL
        elif outcome is AttemptOutcome.SUCCESS_TEXT and self._unconfirmed is not None:
            return (yield from self._release_confirmed(attempt))
        record = self._record(attempt, outcome, detail)
        self._last_detail = detail or self._last_detail
        cut = outcome is AttemptOutcome.TRUNCATED and not self._request.tool_choice.forced
        if record.succeeded or cut or (outcome is AttemptOutcome.TRUNCATED and self._outbox.call_sent):
            return (yield from self._answer(attempt))
        if self._outbox.call_sent or (self._outbox.text_sent and reader.content.schema_error):
            # What has gone out can't be taken back: the beginning of a call, or an answer in the wrong form.
            return self._unavailable()
        text = reader.content.text or reader.content.unstructured_text
        if text.strip() and (self._best is None or self._best_is_call):
            self._best, self._best_is_call = (record, text), bool(reader.verdict.disguised_call)
        return None

    def _release_confirmed(self, attempt: AttemptState) -> EffectGenerator[Answer | Failure]:
        """Let the held native text go: the bridge's decision agrees that no call is due."""
        native = self._unconfirmed
        assert native is not None
        self._record(attempt, AttemptOutcome.SUCCESS_TEXT, "")
        for index, record in enumerate(self._attempts):
            if record.strategy is Strategy.NATIVE:
                self._attempts[index] = native.record(AttemptOutcome.SUCCESS_TEXT, "", now=native.ended)
        return (yield from self._answer(native))

    def _answer(self, attempt: AttemptState) -> EffectGenerator[Answer]:
        reader = attempt.reader
        assert reader is not None
        self._served = attempt.strategy
        if not reader.verdict.calls:
            reader.delivery.release()
        if self._outbox.pending:
            yield Emit(self._outbox.take())
        finish = reader.verdict.finish or "stop"
        if finish in ("stop", "tool_calls"):
            finish = "tool_calls" if self._outbox.call_sent and self._request.tool_choice.mode != "named" else "stop"
        return Answer(
            finish_reason=finish,
            strategy=attempt.strategy,
            usage=attempt.usage,
            total_usage=self._total(),
            repairs=reader.verdict.repairs,
            logprobs=tuple(reader.logprobs),
            choice_fields=reader.choice_fields,
            answer_fields=reader.answer_fields,
        )

    def _exhausted(self) -> EffectGenerator[Answer | Failure]:
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
                again = failure.should_retry if len(self._attempts) == 1 or failure.refused else False
                return replace(failure, should_retry=again)
        return self._unavailable()

    def _unavailable(self) -> Failure:
        return unavailable(self._request, self.summary, self._last_detail)

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
        self._current = None
        return record

    def _budget_exhausted(self) -> bool:
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
