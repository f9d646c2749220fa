"""The ladder: strategy after strategy, until an answer is good. A generator of effects; it does no I/O.

Theory of operation. A `LadderRun` takes the steps that policy, mode and request allow, one strategy each (`confirm`).
An attempt at a strategy is transformed, sent, and read by a `ResponseReader`; the way it ended (`Ending`) and what the
client has been sent by then (`Sent`) decide what follows, by the table in `decisions`. Nothing else decides that: the
methods here prepare attempts, name their endings, and carry out what the table says.

What an upstream refuses is asked for in a weaker form before the next strategy is tried (`Refusals`). What attempts
show about the upstream comes out as `observations`; what earlier requests have shown goes in as `knowledge`, frozen.

Time and ids are arguments. Several runs may follow each other for one choice of a request (`Choice`), and a run may
deliver inwards: calls to the tools named by `inward` are not sent to the client but returned in the `Answer`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from toolgate_core.dialects.families import FALLBACK_DIALECT
from toolgate_core.ladder.attempt import AttemptState
from toolgate_core.ladder.choice import Choice
from toolgate_core.ladder.confirm import Result, TextRole, steps_for
from toolgate_core.ladder.decisions import OUTCOMES, Ending, Follow, LastResort, follow, last_resorts
from toolgate_core.ladder.delivery import delivery_policy
from toolgate_core.ladder.effects import CallModel, EffectGenerator, Emit, ask
from toolgate_core.ladder.endings import no_strategy, timed_out, unavailable
from toolgate_core.ladder.judge import judge
from toolgate_core.ladder.knowledge import NOTHING_KNOWN, Knowledge, Observation
from toolgate_core.ladder.outcome import Answer, Attempt, DeadlineExceeded
from toolgate_core.ladder.progress import Progress
from toolgate_core.ladder.reader import ResponseReader
from toolgate_core.ladder.refusals import Refusals, ending_of
from toolgate_core.schema import Toolset
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.selection import strategies_for
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.events import TextDelta
from toolgate_core.types.failures import Failure
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import SUCCESSES, AttemptOutcome, FinishReason, Mode, Strategy


class LadderRun:
    """One run of the ladder for one choice of a request. `run` may be used once; `attempts` is right at any time.

    `clock`: in seconds, from any start. `inward`: names of tools that the gateway executes.
    """

    def __init__(
        self,
        request: ChatRequest,
        policy: Policy,
        toolset: Toolset,
        mode: Mode,
        *,
        clock: Callable[[], float],
        choice: Choice,
        knowledge: Knowledge = NOTHING_KNOWN,
        inward: frozenset[str] = frozenset(),
    ) -> None:
        self._request = request
        self._policy = policy
        self._toolset = toolset
        self._clock = clock
        self._began = clock()
        self._choice = choice
        self._inward = inward
        self._strategies = strategies_for(request, policy, mode)
        self._refusals = Refusals(request, policy, self._strategies, knowledge)
        self._progress = Progress()
        self._current: AttemptState | None = None
        self._unconfirmed: AttemptState | None = None
        self._served: Strategy | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have ended, in order."""
        return tuple(self._progress.attempts)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What the attempts so far have shown about the upstream."""
        return tuple(self._refusals.observations)

    @property
    def serving_strategy(self) -> Strategy | None:
        """The strategy that serves: known from the first event on, final at the end."""
        # Once something was sent, no other strategy can take over but to add a call, so that headers can name this one.
        if self._served is None and self._current is not None and self._choice.outbox.sent:
            return self._current.strategy
        return self._served

    @property
    def summary(self) -> str:
        """The attempts as the `x-toolgate-attempts` header writes them; one in progress is `pending`."""
        words = [attempt.word for attempt in self._progress.attempts]
        if self._current is not None:
            words.append(f"{self._current.strategy}:pending")
        return ",".join(words)

    def run(self) -> EffectGenerator[Result]:
        """Return how the run ended. The driver throws `DeadlineExceeded` in, which makes it a failure `deadline`."""
        self._choice.outbox.begin_run()
        try:
            return (yield from self._take_steps())
        except DeadlineExceeded:
            self._abandon(AttemptOutcome.TIMEOUT)
            return timed_out()
        # The driver closed the run, as when the client is gone; the attempt is still recorded.
        except GeneratorExit:
            self._abandon(AttemptOutcome.CANCELLED)
            raise

    def _abandon(self, outcome: AttemptOutcome) -> None:
        if self._current is not None:
            self._record(self._current, outcome, "")

    def _take_steps(self) -> EffectGenerator[Result]:
        if not self._strategies:
            return no_strategy(self._request)
        for step in steps_for(self._strategies, self._request, self._policy):
            ended = yield from step.run(self)
            if ended is not None:
                return ended
            # Text that is held has been offered to every strategy that may confirm it.
            if self.is_over or self.holds_text:
                break
        return (yield from self._end())

    @property
    def holds_text(self) -> bool:
        """Whether text is held until it is confirmed."""
        return self._unconfirmed is not None

    @property
    def is_over(self) -> bool:
        """Whether no attempt may follow: no form is left, or the budget of attempts, seconds or tokens is used up."""
        policy, limit = self._policy, self._policy.max_tokens
        return (
            self._refusals.hopeless
            or len(self._progress.attempts) >= policy.max_attempts
            or self._clock() - self._began >= policy.max_seconds
            or (limit is not None and (usage := self._progress.usage) is not None and usage.total_tokens >= limit)
        )

    # attempts

    def try_strategy(self, strategy: Strategy, role: TextRole) -> EffectGenerator[Result | None]:
        """Try one strategy as often as the table and policy allow; None: the next one follows."""
        fault: Fault | None = None
        retries = self._policy.retries.get(strategy, 0)
        retry = 0
        while not self.is_over:
            # Asked before each attempt, since a refusal may have excluded a form meanwhile.
            constrained = self._refusals.form(strategy)
            if constrained is None:
                return None
            attempt = AttemptState(strategy, role, constrained=constrained, retry=retry, now=self._clock())
            self._current = attempt
            failure = yield from self._ask_model(attempt, fault)
            follows = self._failed(attempt, failure) if failure is not None else self._answered(attempt)
            if follows is Follow.RETRY and retry < retries:
                fault = attempt.fault
                retry += 1
            elif follows is not Follow.WEAKER_FORM:
                return (yield from self._conclude(follows, attempt, failure))
        return None

    def _conclude(
        self, follows: Follow, attempt: AttemptState, failure: Failure | None
    ) -> EffectGenerator[Result | None]:
        """Carry out what ends the strategy; None: it did not end the run."""
        match follows:
            case Follow.ANSWER:
                return (yield from self._answer(attempt))
            case Follow.CONFIRMED:
                return (yield from self._answer(self._confirmed()))
            case Follow.FAIL:
                return self._unavailable()
            case Follow.FAIL_UPSTREAM:
                return failure
            case _:
                return None

    def _ask_model(self, attempt: AttemptState, fault: Fault | None) -> EffectGenerator[Failure | None]:
        """Ask once, or in two passes; return the upstream's failure, if it was one."""
        draft: str | None = None
        if STRATEGIES[attempt.strategy].drafts:
            failure = yield from self._ask_once(attempt, fault, None)
            if failure is not None:
                return failure
            # Both passes are one attempt: pass 1 alone brings nothing that could be judged.
            draft = attempt.take_draft()
        return (yield from self._ask_once(attempt, fault, draft))

    def _ask_once(
        self, attempt: AttemptState, fault: Fault | None, draft: str | None
    ) -> EffectGenerator[Failure | None]:
        """Transform, call, and read to the end; return the upstream's failure, if it was one."""
        effect = Transform(
            request=self._refusals.request,
            strategy=attempt.strategy,
            dialect=self._dialect(attempt.strategy),
            # A native attempt is constrained by `strict` alone (`_capabilities`), not by a response format.
            constrained=attempt.constrained and STRATEGIES[attempt.strategy].grammar != "never",
            capabilities=self._capabilities(attempt),
            fault=fault,
            draft=draft,
            reasoning_open=self._policy.reasoning_starts_open,
        )
        transformed = yield from ask(effect)
        opened = yield from ask(CallModel(request=transformed.request, strategy=attempt.strategy))
        if isinstance(opened, Failure):
            return opened
        attempt.reader = self._reader(transformed.plan, attempt)
        attempt.dialect = transformed.plan.dialect
        return (yield from attempt.reader.run())

    def _capabilities(self, attempt: AttemptState) -> Capabilities:
        """Return what the upstream can do, without what it has refused, and what would meet the decision's grammar."""
        capabilities = self._policy.capabilities
        # `strict` makes a server add a grammar for the tools, which would contradict the decision's.
        if capabilities.strict and not (attempt.constrained and STRATEGIES[attempt.strategy].grammar == "never"):
            return replace(capabilities, strict=False)
        return capabilities

    def _dialect(self, strategy: Strategy) -> str:
        policy = self._policy
        if STRATEGIES[strategy].grammar == "never":
            # `auto` reads every form that cannot be ordinary prose, since an unknown model may leak any of them.
            return policy.native_dialect or policy.dialect or "auto"
        return policy.dialect or FALLBACK_DIALECT

    def _reader(self, plan: Plan, attempt: AttemptState) -> ResponseReader:
        outbox = self._choice.outbox
        policy = delivery_policy(
            self._request,
            plan,
            call_only=outbox.text_sent or self.holds_text,
            unconfirmed=attempt.role is TextRole.UNCONFIRMED,
        )
        return ResponseReader(
            self._request,
            plan,
            self._toolset,
            outbox,
            policy,
            clock=self._clock,
            stream_arguments=self._policy.stream_arguments == "immediately" and self._request.stream,
            inward=self._inward,
        )

    # how attempts end

    def _failed(self, attempt: AttemptState, failure: Failure) -> Follow:
        """Record an attempt that the upstream failed; return what follows."""
        sent = attempt.sent(self._choice.outbox)
        ending = ending_of(failure, sent)
        follows = follow(self._request.tool_choice.mode, ending, sent)
        if follows is Follow.WEAKER_FORM:
            if not self._refusals.refuse(failure, attempt):
                follows = Follow.NEXT_STRATEGY
        elif follows is Follow.NO_OTHER:
            self._refusals.end(failure)
        else:
            self._refusals.fail(failure, attempt)
            self._progress.failure = failure
        self._record(attempt, OUTCOMES[ending], failure.message)
        return follows

    def _answered(self, attempt: AttemptState) -> Follow:
        """Record an attempt whose answer was read to the end; return what follows."""
        reader = attempt.reader
        assert reader is not None
        # Any answer shows that the form was accepted, also one that is then judged bad.
        self._refusals.accept(attempt)
        outcome, detail = judge(reader.content, reader.verdict, self._request)
        ending = _ENDINGS.get((outcome, attempt.role)) or Ending(outcome)
        follows = follow(self._request.tool_choice.mode, ending, attempt.sent(self._choice.outbox))
        # Text was good by itself but follows an earlier attempt's text; for the record it is a missing call.
        if follows is Follow.RETRY and outcome in SUCCESSES:
            ending, detail = Ending.NO_TOOL_CALL, "Only a call could follow the text that has been sent."
        self._progress.detail = detail or self._progress.detail
        record = self._record(attempt, OUTCOMES[ending], detail)
        if ending is Ending.UNCONFIRMED_TEXT:
            self._unconfirmed = attempt
        if follows in (Follow.RETRY, Follow.NEXT_STRATEGY):
            attempt.fault = reader.verdict.fault or Fault(record.outcome, detail, reader.content.text)
            text = reader.content.text or reader.content.unstructured_text
            # The last resort, if no attempt brings a better answer.
            self._progress.keep_text(record, text, disguised=reader.verdict.disguised_call is not None)
        return follows

    def _record(self, attempt: AttemptState, outcome: AttemptOutcome, detail: str) -> Attempt:
        record = attempt.record(outcome, detail, now=self._clock())
        self._progress.add(record)
        self._choice.add_usage(record.spent)
        self._current = None
        return record

    # how the run ends

    def _confirmed(self) -> AttemptState:
        """Return the attempt whose text was held, and count it as the success that it has turned out to be."""
        held = self._unconfirmed
        assert held is not None
        assert held.recorded is not None
        before = held.recorded
        self._progress.correct(before, held.record(AttemptOutcome.SUCCESS_TEXT, "", now=held.ended))
        return held

    def _answer(self, attempt: AttemptState) -> EffectGenerator[Answer]:
        """End with this attempt: let go what was held, and say how it ended."""
        reader, outbox = attempt.reader, self._choice.outbox
        assert reader is not None
        self._served = attempt.strategy
        # Behind a call nothing may follow, also not what was held.
        if not reader.verdict.calls:
            reader.delivery.release()
        if outbox.pending:
            yield Emit(outbox.take())
        calls = tuple(reader.delivery.inward_calls)
        finish = reader.verdict.finish or "stop"
        if finish in ("stop", "tool_calls"):
            # OpenAI answers a named choice with `stop`: the client knows that a call was due.
            called = bool(calls) or outbox.call_sent
            finish = "tool_calls" if called and self._request.tool_choice.mode != "named" else "stop"
        return Answer(
            finish_reason=finish,
            strategy=attempt.strategy,
            usage=attempt.usage,
            total_usage=self._choice.usage,
            repairs=reader.verdict.repairs,
            logprobs=tuple(reader.logprobs),
            choice_fields=reader.choice_fields,
            answer_fields=reader.answer_fields,
            calls=calls,
        )

    def _end(self) -> EffectGenerator[Result]:
        """End without an attempt that is the answer, by the first of the last resorts that is possible."""
        progress, outbox = self._progress, self._choice.outbox
        for resort in last_resorts(self._request.tool_choice.mode, sent=outbox.sent):
            match resort:
                case LastResort.TRUNCATED:
                    last = progress.attempts[-1] if progress.attempts else None
                    if last is not None and last.outcome is AttemptOutcome.TRUNCATED:
                        return self._degraded("length", last)
                case LastResort.BEST_TEXT:
                    if progress.best is not None:
                        # Before the text is sent, since the headers are sent with it.
                        self._served = progress.best.attempt.strategy
                        outbox.put(TextDelta(progress.best.text))
                        yield Emit(outbox.take())
                        return self._degraded("stop", progress.best.attempt)
                case LastResort.UPSTREAM_FAILURE:
                    failure = progress.upstream_failure(self._refusals.first)
                    if failure is not None:
                        return failure
        # UNAVAILABLE, which stands last and is always possible.
        return self._unavailable()

    def _degraded(self, finish: FinishReason, served: Attempt) -> Answer:
        self._served = served.strategy
        return Answer(
            finish_reason=finish,
            strategy=served.strategy,
            usage=served.usage,
            total_usage=self._choice.usage,
            degraded=True,
        )

    def _unavailable(self) -> Failure:
        return unavailable(self._request, self.summary, self._progress.detail)


_ENDINGS = {
    (AttemptOutcome.SUCCESS_TOOL, TextRole.ANSWER): Ending.TOOL,
    (AttemptOutcome.SUCCESS_TOOL, TextRole.UNCONFIRMED): Ending.TOOL,
    (AttemptOutcome.SUCCESS_TOOL, TextRole.CONFIRMS): Ending.TOOL,
    (AttemptOutcome.SUCCESS_TEXT, TextRole.ANSWER): Ending.TEXT,
    (AttemptOutcome.SUCCESS_TEXT, TextRole.UNCONFIRMED): Ending.UNCONFIRMED_TEXT,
    (AttemptOutcome.SUCCESS_TEXT, TextRole.CONFIRMS): Ending.CONFIRMING_TEXT,
}
"""The endings of successes; those of failures have the failure's name."""
