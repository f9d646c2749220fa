"""Serves requests without the ladder: their bytes go upstream, and the answer comes back as bytes.

In mode `passthrough` the answer is the upstream's, byte for byte, except for errors inside a stream: they are
rewritten, because an upstream's own text may name what is between the gateway and it. A request without tools in
another mode gets its answer in the API format's normal form, which costs little more than its bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ChatRequest
from toolgate_formats.api.base import ApiFormat, Head, Identity
from toolgate_formats.normal import AnswerFault, NormalForm
from toolgate_formats.sse import EventBlocks

from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.connection import Headers
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import aborted_by, failure_from, upstream_broke, upstream_cut
from toolgate_gateway.http.headers import NO_LADDER
from toolgate_gateway.http.request_scope import GRACE_PERIOD_S, ClientGoneError
from toolgate_gateway.http.sse import EventStream
from toolgate_gateway.passthrough.bodies import not_a_stream, read_whole
from toolgate_gateway.passthrough.renamed import with_model
from toolgate_gateway.upstreams.answers import USAGE_WAIT_S
from toolgate_gateway.upstreams.base import CallContext, ForwardedAnswer, UpstreamCutError, received
from toolgate_gateway.upstreams.registry import Route
from toolgate_gateway.upstreams.response import as_pairs


class Passthrough:
    """Serves one request. `request`: its answer is wanted in normal form; None: as the upstream writes it."""

    def __init__(
        self,
        gateway: Gateway,
        context: RequestContext,
        api: ApiFormat,
        route: Route,
        head: Head,
        *,
        request: ChatRequest | None = None,
    ) -> None:
        self._gateway = gateway
        self._connection = context.connection
        self._scope = context.scope
        self._record = context.record
        self._api = api
        self._route = route
        self._head = head
        self._request = request
        self._answer: ForwardedAnswer | None = None
        self._complete = False

    async def run(self, body: bytes) -> None:
        """Serve the request; raise what prevents an answer, unless a stream has begun."""
        if self._head.model != self._route.model:
            body = with_model(body, self._route.model)
        try:
            if self._head.stream:
                await self._streamed(body)
            else:
                with self._scope.cancel_scope():
                    answer = await self._open(body)
                    whole = await self._body(answer)
                await self._whole(answer, whole)
        finally:
            if self._answer is not None:
                await self._answer.close(complete=self._complete)

    async def _open(self, body: bytes) -> ForwardedAnswer:
        call = CallContext(request_id=self._connection.request_id, stream=bool(self._head.stream))
        opened = await self._route.provider.forward(body, call, path=self._api.path)
        if isinstance(opened, Failure):
            raise FailureError(opened)
        self._answer = opened
        return opened

    async def _whole(self, answer: ForwardedAnswer, body: bytes) -> None:
        kind = answer.headers.get("content-type", "application/json").encode()
        if self._request is not None:
            body = self._normal(answer, self._request, body, streamed=kind.startswith(b"text/event-stream"))
            kind = b"application/json"
        elif (failure := answer.failure(body)) is not None:
            raise FailureError(failure)
        answer.end()
        await self._connection.respond(200, body, self._headers(answer), kind=kind)

    def _normal(self, answer: ForwardedAnswer, request: ChatRequest, body: bytes, *, streamed: bool) -> bytes:
        """Return a whole answer in normal form; raise the failure that it is instead."""
        normal = self._form.whole(request, self._identity(), body, streamed=streamed)
        if isinstance(normal, AnswerFault):
            raise self._fault(answer, normal)
        return normal

    @property
    def _form(self) -> NormalForm:
        assert self._api.normal is not None
        return self._api.normal

    async def _body(self, answer: ForwardedAnswer) -> bytes:
        try:
            return await read_whole(answer)
        except UpstreamCutError as error:
            raise self._cut(error) from error

    def _identity(self) -> Identity:
        deps = self._gateway.deps
        return Identity(deps.new_id(), int(deps.now()), self._head.model)

    async def _streamed(self, body: bytes) -> None:
        """Serve a request for a stream: keep-alive comments are sent from the start."""
        stream = EventStream(self._connection, self._stream_headers, self._gateway.settings.keep_alive_s)
        try:
            with self._scope.cancel_scope():
                answer = await self._open(body)
            await self._pass_on(answer, stream)
        except ClientGoneError:
            self._record.abort("client")
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._fail(stream, error)
        finally:
            stream.release()

    async def _pass_on(self, answer: ForwardedAnswer, stream: EventStream) -> None:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self._request is None:
            if kind == "text/event-stream":
                await self._stream(answer, self._watched(answer), stream)
            elif stream.started:
                raise not_a_stream()
            else:
                stream.release()
                with self._scope.cancel_scope():
                    whole = await self._body(answer)
                await self._whole(answer, whole)
        elif kind == "application/json":
            await self._stream(answer, self._streamed_whole(answer, self._request), stream)
        else:
            # Without a content type the answer is taken for the stream that was asked for; reading shows if it is none.
            await self._stream(answer, self._normalised(answer, self._request), stream)

    async def _stream(self, answer: ForwardedAnswer, blocks: AsyncIterator[bytes], stream: EventStream) -> None:
        with self._scope.cancel_scope():
            async for block in blocks:
                self._record.first_token()
                await stream.write(block)
        answer.end()
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(b"")

    async def _watched(self, answer: ForwardedAnswer) -> AsyncIterator[bytes]:
        """Yield an answer's events unchanged, up to an error, which is raised."""
        blocks, watch = EventBlocks(), self._api.watch()
        while part := received(await answer.read()):
            if block := blocks.feed(part):
                if sent := watch.feed(block):
                    yield sent
                if watch.error is not None:
                    raise self._reported(answer, watch.error)
        if sent := watch.feed(blocks.rest()):
            yield sent
        if watch.error is not None:
            raise self._reported(answer, watch.error)

    async def _normalised(self, answer: ForwardedAnswer, request: ChatRequest) -> AsyncIterator[bytes]:
        """Yield an answer's events in normal form; raise what breaks it off."""
        blocks, normal = EventBlocks(), self._form.stream(request, self._identity())
        try:
            while not normal.done:
                part = received(await (_last_read(answer) if normal.may_be_over else answer.read()))
                if not part:
                    break
                if (block := blocks.feed(part)) and (sent := normal.feed(block)):
                    yield sent
                if normal.fault is not None:
                    raise self._fault(answer, normal.fault)
        except UpstreamCutError:
            if not normal.ended:
                raise
            yield normal.conclude()
        self._complete = normal.done
        if not normal.done:
            if sent := normal.end(blocks.rest()):
                yield sent
            if normal.fault is not None:
                raise self._fault(answer, normal.fault)

    async def _streamed_whole(self, answer: ForwardedAnswer, request: ChatRequest) -> AsyncIterator[bytes]:
        """Yield the stream that was asked for, of a whole answer."""
        stream = self._form.streamed_whole(request, self._identity(), await self._body(answer))
        if isinstance(stream, AnswerFault):
            raise self._fault(answer, stream)
        yield stream

    def _fault(self, answer: ForwardedAnswer, fault: AnswerFault) -> FailureError:
        """Return the error of an upstream that sent something else than an answer."""
        if fault.kind == "error":
            return self._reported(answer, fault.error)
        answer.end("reset" if fault.kind == "cut" else "error")
        return upstream_broke(fault.message)

    def _reported(self, answer: ForwardedAnswer, error: bytes) -> FailureError:
        """Return the error that the upstream reports in an answer with status 200."""
        return FailureError(answer.error(error))

    def _cut(self, error: UpstreamCutError) -> FailureError:
        return upstream_cut() if error.failure.kind is FailureKind.CUT else error

    async def _fail(self, stream: EventStream, error: Exception) -> None:
        """Send a failure inside the stream that has begun; raise it where none has."""
        error = self._cut(error) if isinstance(error, UpstreamCutError) else error
        failure = failure_from(error, self._gateway.log)
        if self._answer is None and not stream.started:
            raise FailureError(failure) from error
        self._record.abort(aborted_by(failure))
        if not stream.started:
            raise FailureError(failure) from error
        self._record.fail(failure)
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(self._api.error_event(failure))

    def _stream_headers(self) -> Headers:
        return NO_LADDER if self._answer is None else self._headers(self._answer)

    def _headers(self, answer: ForwardedAnswer) -> Headers:
        return [*NO_LADDER, *as_pairs(answer.headers.items())]


async def _last_read(answer: ForwardedAnswer) -> bytes | Failure:
    """Read once more, briefly: nothing more has to come, although the stream is still open."""
    try:
        async with asyncio.timeout(USAGE_WAIT_S):
            return await answer.read()
    except TimeoutError:
        return b""
