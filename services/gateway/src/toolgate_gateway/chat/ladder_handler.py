"""A request with tools: its choices climb the ladder, and what they emit becomes OpenAI's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder import Answer, Choice, LadderRun
from toolgate_core.nesting import is_heavy
from toolgate_core.schema import Toolset, cached_toolset, compiled
from toolgate_core.types.errors import FailureError, RequestError
from toolgate_core.types.events import AnswerEvent
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode
from toolgate_formats.api.openai_chat import errors
from toolgate_runtime import offload

from toolgate_gateway.chat import metadata as facts
from toolgate_gateway.chat.driver import Driver, RunContext
from toolgate_gateway.chat.render import (
    DONE,
    Chunks,
    Identity,
    Message,
    answer_fields,
    completion,
    error_event,
    finish_reason,
    logprobs_json,
)
from toolgate_gateway.http.connection import Headers
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import aborted_by, failure_from
from toolgate_gateway.http.request_scope import GRACE_PERIOD_S, ClientGoneError
from toolgate_gateway.http.sse import EventStream
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.upstreams.registry import Route
from toolgate_gateway.upstreams.response import as_pairs


class Climbing:
    """One request on its way up."""

    def __init__(self, gateway: Gateway, context: RequestContext, request: ChatRequest, route: Route) -> None:
        self._gateway = gateway
        self._connection = context.connection
        self._scope = context.scope
        self._record = context.record
        self._request = request
        self._route = route
        deps = gateway.deps
        self._identity = Identity(f"chatcmpl-{deps.new_id()}", int(deps.now()), request.model)

    async def run(self, mode: Mode) -> None:
        """Serve the request; raise what keeps it from an answer, unless a stream has begun."""
        request, policy = self._request, self._route.policy
        if request.n > policy.max_choices:
            raise RequestError(f"n is at most {policy.max_choices} for this model.", param="n", code="invalid_value")
        deps = self._gateway.deps
        toolset = cached_toolset(request.tools_json)
        if toolset is None:
            toolset = await self._compiled()
        ids: set[str] = set()
        knowledge = self._route.knowledge.snapshot(request.tools_json, deps.clock())
        climbs = [
            LadderRun(
                request,
                policy,
                toolset,
                mode,
                clock=deps.clock,
                choice=Choice(lambda: call_id(deps.new_id()), ids),
                knowledge=knowledge,
            )
            for _ in range(request.n)
        ]
        self._record.runs = climbs
        context = RunContext(
            request=request,
            route=self._route,
            stream=request.stream,
            request_id=self._connection.request_id,
            scope=self._scope,
            deps=deps,
            metrics=self._gateway.metrics,
            log=self._gateway.log,
            heavy=toolset.heavy,
        )
        await (self._stream if request.stream else self._whole)(climbs, context)

    async def _compiled(self) -> Toolset:
        """Compile the tools once more: they have been pushed out of memory since the request was read."""
        tools_json = self._request.tools_json
        with self._scope.cancel_scope():
            return await offload.run(lambda: compiled(tools_json), heavy=is_heavy(tools_json))

    async def _whole(self, climbs: Sequence[LadderRun], context: RunContext) -> None:
        messages = [Message() for _ in climbs]

        def driver(choice: int) -> Driver:
            async def emit(events: tuple[AnswerEvent, ...]) -> None:
                messages[choice].add(events)

            return Driver(climbs[choice], context, emit)

        results = await _all([driver(choice).run() for choice in range(len(climbs))])
        answers = _answers(results)
        self._record.answered(answers)
        choices = [self._choice(index, message, answers[index]) for index, message in enumerate(messages)]
        body = completion(
            self._identity,
            choices,
            facts.serving_usage(answers),
            facts.field(climbs, answers),
            answer_fields(answers),
        )
        await self._connection.respond(200, body, _headers(climbs, context))

    def _choice(self, index: int, message: Message, answer: Answer) -> JsonObject:
        return {
            **answer.choice_fields,
            "index": index,
            "message": message.json(legacy=self._request.legacy_functions),
            "logprobs": logprobs_json(answer),
            "finish_reason": self._finish(answer),
        }

    def _finish(self, answer: Answer) -> str:
        return finish_reason(answer, self._request, named=self._gateway.settings.named_finish_reason)

    async def _stream(self, climbs: Sequence[LadderRun], context: RunContext) -> None:
        stream = EventStream(self._connection, lambda: _headers(climbs, context), self._gateway.settings.keep_alive_s)
        try:
            tail = await self._stream_choices(climbs, context, stream)
            with self._scope.grace_period(GRACE_PERIOD_S):
                await stream.close(tail)
        except ClientGoneError:
            self._record.abort("client")
            raise
        except Exception as error:
            failure = failure_from(error, self._gateway.log)
            self._record.abort(aborted_by(failure))
            if not stream.started:
                raise FailureError(failure) from error
            await self._end(stream, failure)
        finally:
            stream.release()

    async def _end(self, stream: EventStream, failure: Failure) -> None:
        """Tell the client of a failure within the stream."""
        self._record.fail(failure)
        self._record.blocked()
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(error_event(errors.error(failure).body, facts.field(self._record.runs, ())))

    async def _stream_choices(self, climbs: Sequence[LadderRun], context: RunContext, stream: EventStream) -> bytes:
        """Stream all choices; return what ends the stream."""
        request = self._request
        chunks = Chunks(
            self._identity, choices=len(climbs), include_usage=request.include_usage, legacy=request.legacy_functions
        )
        answers: dict[int, Answer] = {}

        async def run(choice: int) -> Answer | Failure:
            async def emit(events: tuple[AnswerEvent, ...]) -> None:
                data = chunks.events(choice, events)
                if data:
                    self._record.first_token()
                    await stream.write(data)

            result = await Driver(climbs[choice], context, emit).run()
            if isinstance(result, Answer):
                answers[choice] = result
                if len(answers) < len(climbs):
                    await stream.write(chunks.finish(choice, self._finish(result), result, None))
            return result

        _answers(await _all([run(choice) for choice in range(len(climbs))]))
        return self._tail(climbs, chunks, answers)

    def _tail(self, climbs: Sequence[LadderRun], chunks: Chunks, answers: dict[int, Answer]) -> bytes:
        """Return the end of a stream: the finish of the choice that ended last, usage where asked for, `[DONE]`."""
        include_usage = self._request.include_usage
        last = next(reversed(answers))
        ordered = [answers[choice] for choice in sorted(answers)]
        self._record.answered(ordered)
        told = facts.field(climbs, ordered)
        ended = answers[last]
        final = chunks.finish(last, self._finish(ended), ended, None if include_usage else told)
        if include_usage:
            final += chunks.usage(facts.serving_usage(ordered), told, answer_fields(ordered))
        return final + DONE


def call_id(fresh: str) -> str:
    """Return the id of a call: nine letters and digits, as Mistral's servers want them back, and all others take."""
    return f"{fresh[-9:]:0>9}"


def _headers(climbs: Sequence[LadderRun], context: RunContext) -> Headers:
    return [*facts.headers(climbs), *as_pairs(context.headers.items())]


async def _all(runs: Sequence[Coroutine[None, None, Answer | Failure]]) -> list[Answer | Failure]:
    """Run all choices at once; one that raises ends the others."""
    if len(runs) == 1:
        return [await runs[0]]
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _answers(results: Sequence[Answer | Failure]) -> list[Answer]:
    """Return the answers; raise the first failure."""
    answers = []
    for result in results:
        if isinstance(result, Failure):
            raise FailureError(result)
        answers.append(result)
    return answers
