"""The driver: performs the effects that a ladder run asks for, and decides nothing.

It owns what a run cannot: the request's time limit, which it throws into the run as `DeadlineExceeded`, the upstream's
answer and the extraction of it, which it closes however the run ends, and the thread for steps that take long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from time import perf_counter

from msgspec import Struct
from msgspec.structs import replace
from toolgate_core.ladder import Answer, DeadlineExceeded, LadderRun
from toolgate_core.ladder.effects import AnyEffect, CallModel, CloseResponse, Emit, Extract, Opened, ReadChunk, Reply
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.strategies.table import STRATEGIES, transform
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.events import AnswerEvent, Event
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest
from toolgate_runtime import offload
from toolgate_runtime.local import is_large
from toolgate_runtime.logs import Log
from toolgate_runtime.ports import ExtractionSession

from toolgate_gateway.chat.steps import COUNTED_EFFECTS, LadderSteps, RunEnded
from toolgate_gateway.deps import Deps
from toolgate_gateway.http.request_scope import DeadlineError, RequestScope
from toolgate_gateway.upstreams.base import CallContext, ModelAnswer
from toolgate_gateway.upstreams.registry import Route

Emitter = Callable[[tuple[AnswerEvent, ...]], Awaitable[None]]


class RunContext(Struct, frozen=True, kw_only=True):
    """What all runs of one request share. `headers`: the upstream's headers that the client gets, once it answers."""

    request: ChatRequest
    route: Route
    stream: bool
    request_id: str
    scope: RequestScope
    deps: Deps
    log: Log
    headers: dict[str, str] = {}
    heavy: bool = False
    """Whether settling a call of one of its tools may take long."""


class Driver:
    """Drives one ladder run. `emit` sends events to the client."""

    def __init__(self, ladder_run: LadderRun, context: RunContext, emit: Emitter) -> None:
        self._ladder_run = ladder_run
        self._context = context
        self._emit = emit
        self._answer: ModelAnswer | None = None
        self._session: ExtractionSession | None = None

    async def run(self) -> Answer | Failure:
        """Return how the run ended; raise `ServiceError`, `ClientGoneError`."""
        effects = self._ladder_run.run()
        steps = LadderSteps(effects, heavy=self._context.heavy)
        try:
            with self._context.scope.cancel_scope():
                return await self._drive(steps)
        except DeadlineError:
            return _end_by_deadline(effects)
        finally:
            steps.close()
            self._learn()
            await self._close_answer()

    def _learn(self) -> None:
        """Fold in what the run has observed about its upstream, however it ended: what was observed is true."""
        context = self._context
        context.route.knowledge.fold(context.request.tools_json, self._ladder_run.observations, context.deps.clock())

    async def _drive(self, steps: LadderSteps) -> Answer | Failure:
        perform = self._perform_logged if self._context.log.stages else self._perform
        try:
            effect: AnyEffect | RunEnded = steps.send(None)
            while not isinstance(effect, RunEnded):
                reply = await perform(effect)
                if isinstance(effect, COUNTED_EFFECTS) and steps.takes_long(effect, reply):
                    effect = await steps.send_in_thread(reply)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            result: Answer | Failure = end.value
            return result
        return effect.result

    def _perform(self, effect: AnyEffect) -> Awaitable[Reply]:
        match effect:
            case ReadChunk():
                return self._read_chunk()
            case Emit():
                return self._emit(effect.events)
            case Transform():
                return self._transform(effect)
            case CallModel():
                return self._call_model(effect)
            case Extract():
                return self._extract(effect)
            case CloseResponse():
                return self._close_answer()

    async def _perform_logged(self, effect: AnyEffect) -> Reply:
        began = perf_counter()
        reply = await self._perform(effect)
        self._context.log.stage(
            type(effect).__name__.lower(), ms=round((perf_counter() - began) * 1000, 2), **_sizes(effect, reply)
        )
        return reply

    async def _transform(self, effect: Transform) -> Transformed:
        if STRATEGIES[effect.strategy].unchanged:
            return await offload.run(lambda: transform(effect), heavy=True) if is_large(effect) else transform(effect)
        return await self._context.deps.transformer.transform(effect, timeout_s=self._context.scope.remaining_s)

    async def _call_model(self, effect: CallModel) -> Opened | Failure:
        await self._close_answer()
        context = self._context
        request = replace(effect.request, model=context.route.model)
        call = CallContext(request_id=context.request_id, stream=context.stream, priority=str(effect.strategy.priority))
        answer = await context.route.provider.call(request, call)
        if isinstance(answer, Failure):
            return answer
        self._answer = answer
        context.headers.clear()
        context.headers.update(answer.headers)
        return Opened()

    def _read_chunk(self) -> Awaitable[ResponseChunk | Failure]:
        assert self._answer is not None
        return self._answer.read()

    async def _extract(self, effect: Extract) -> tuple[Event, ...]:
        extractor = self._context.deps.extractor
        tools_json = effect.request.tools_json
        timeout_s = self._context.scope.remaining_s
        if self._session is None:
            if effect.end is not None:
                return await extractor.extract(
                    effect.plan, tools_json, effect.text, effect.end, effect.state, timeout_s=timeout_s
                )
            self._session = extractor.open(effect.plan, tools_json, effect.state, timeout_s=timeout_s)
        if effect.end is None:
            return await self._session.feed(effect.text)
        session, self._session = self._session, None
        try:
            return await session.finish(effect.text, effect.end)
        finally:
            await session.aclose()

    async def _close_answer(self) -> None:
        """Close the upstream's answer and the extraction of it, whichever is open."""
        answer, self._answer = self._answer, None
        session, self._session = self._session, None
        if answer is not None:
            await answer.close()
        if session is not None:
            await session.aclose()


def _end_by_deadline(effects: Generator[AnyEffect, Reply, Answer | Failure]) -> Answer | Failure:
    """Let the run end itself, so that it records the attempt in progress; it performs no other effect."""
    try:
        effects.throw(DeadlineExceeded("the request exceeded its time limit"))
    except StopIteration as end:
        result: Answer | Failure = end.value
        return result
    raise AssertionError("the run continues after its deadline")


def _sizes(effect: AnyEffect, reply: Reply) -> dict[str, object]:
    """Return names and sizes of an effect and its reply for the log, never contents."""
    match effect:
        case Transform(strategy=strategy, constrained=constrained):
            return {"strategy": strategy.value, "constrained": constrained}
        case CallModel(strategy=strategy):
            failed = reply.kind if isinstance(reply, Failure) else None
            return {"strategy": strategy.value, "failure": failed}
        case Extract(text=text, end=end):
            return {"characters": len(text), "end": end, "events": len(reply) if isinstance(reply, tuple) else 0}
        case Emit(events):
            return {"events": len(events)}
        case ReadChunk() if isinstance(reply, ResponseChunk):
            sizes = {"characters": len(reply.text), "reasoning": len(reply.reasoning), "calls": len(reply.calls)}
            return {**sizes, "finish": reply.finish}
        case ReadChunk() if isinstance(reply, Failure):
            return {"failure": reply.kind}
        case _:
            return {}
