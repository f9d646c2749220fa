"""Serves a request by the ladder: one run for each choice, and their events in the client's format."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from toolgate_core.ladder import Answer, Choice, LadderRun
from toolgate_core.nesting import is_heavy
from toolgate_core.schema import EMPTY, Toolset, cached_toolset, compiled
from toolgate_core.types.errors import FailureError, RequestError
from toolgate_core.types.events import AnswerEvent
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode
from toolgate_formats.api.base import ApiFormat, FormatOptions, Identity, ResponseWriter
from toolgate_runtime import offload

from toolgate_gateway.chat import metadata as response_metadata
from toolgate_gateway.chat.driver import Driver, RunContext
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.connection import Headers
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import aborted_by, failure_from
from toolgate_gateway.http.request_scope import GRACE_PERIOD_S, ClientGoneError
from toolgate_gateway.http.sse import EventStream
from toolgate_gateway.upstreams.registry import Route
from toolgate_gateway.upstreams.response import as_pairs


class LadderHandler:
    """Serves one request. `api`: the format in which its client reads the answer."""

    def __init__(
        self, gateway: Gateway, context: RequestContext, api: ApiFormat, request: ChatRequest, route: Route
    ) -> None:
        self._gateway = gateway
        self._connection = context.connection
        self._scope = context.scope
        self._record = context.record
        self._api = api
        self._request = request
        self._route = route

    async def run(self, mode: Mode) -> None:
        """Serve the request; raise what prevents an answer, unless a stream has begun."""
        request, policy = self._request, self._route.policy
        if request.n > policy.max_choices:
            raise RequestError(f"n is at most {policy.max_choices} for this model.", param="n", code="invalid_value")
        deps = self._gateway.deps
        toolset = cached_toolset(request.tools_json) if request.tools else EMPTY
        if toolset is None:
            toolset = await self._compiled()
        ids: set[str] = set()
        knowledge = self._route.knowledge.snapshot(request.tools_json, deps.clock())
        runs = [
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
        self._record.runs = runs
        context = RunContext(
            request=request,
            route=self._route,
            stream=request.stream,
            request_id=self._connection.request_id,
            scope=self._scope,
            deps=deps,
            log=self._gateway.log,
            heavy=toolset.heavy,
        )
        await (self._stream if request.stream else self._whole)(runs, context)

    async def _compiled(self) -> Toolset:
        """Compile the tools once more: the cache has dropped them since the request was parsed."""
        tools_json = self._request.tools_json
        with self._scope.cancel_scope():
            return await offload.run(lambda: compiled(tools_json), heavy=is_heavy(tools_json))

    def _writer(self) -> ResponseWriter:
        deps, request = self._gateway.deps, self._request
        options = FormatOptions(named_finish_reason=self._gateway.settings.named_finish_reason)
        return self._api.writer(request, Identity(deps.new_id(), int(deps.now()), request.model), options)

    async def _whole(self, runs: Sequence[LadderRun], context: RunContext) -> None:
        writer = self._writer()
        events: list[list[AnswerEvent]] = [[] for _ in runs]

        def driver(choice: int) -> Driver:
            async def emit(new: tuple[AnswerEvent, ...]) -> None:
                events[choice].extend(new)

            return Driver(runs[choice], context, emit)

        answers = _answers(await _all([driver(choice).run() for choice in range(len(runs))]))
        self._record.answered(answers)
        body = writer.whole(events, answers, response_metadata.as_json(runs, answers))
        await self._connection.respond(200, body, _headers(runs, context))

    async def _stream(self, runs: Sequence[LadderRun], context: RunContext) -> None:
        writer = self._writer()
        stream = EventStream(self._connection, lambda: _headers(runs, context), self._gateway.settings.keep_alive_s)
        try:
            tail = await self._stream_choices(runs, context, writer, stream)
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
            await self._end(stream, writer, failure)
        finally:
            stream.release()

    async def _end(self, stream: EventStream, writer: ResponseWriter, failure: Failure) -> None:
        """Send a failure as the stream's last event."""
        self._record.fail(failure)
        self._record.blocked()
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(writer.failure(failure, response_metadata.as_json(self._record.runs, ())))

    async def _stream_choices(
        self, runs: Sequence[LadderRun], context: RunContext, writer: ResponseWriter, stream: EventStream
    ) -> bytes:
        """Stream all choices; return what ends the stream."""
        answers: dict[int, Answer] = {}

        async def run(choice: int) -> Answer | Failure:
            async def emit(events: tuple[AnswerEvent, ...]) -> None:
                data = writer.events(choice, events)
                if data:
                    self._record.first_token()
                    await stream.write(data)

            result = await Driver(runs[choice], context, emit).run()
            if isinstance(result, Answer):
                answers[choice] = result
                if len(answers) < len(runs):
                    await stream.write(writer.finish(choice, result))
            return result

        ordered = _answers(await _all([run(choice) for choice in range(len(runs))]))
        self._record.answered(ordered)
        last = next(reversed(answers))
        return writer.end(last, ordered, response_metadata.as_json(runs, ordered))


def call_id(fresh: str) -> str:
    """Return the id of a call: nine letters and digits, as Mistral's servers want them back, and all others take."""
    return f"{fresh[-9:]:0>9}"


def _headers(runs: Sequence[LadderRun], context: RunContext) -> Headers:
    return [*response_metadata.as_headers(runs), *as_pairs(context.headers.items())]


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
