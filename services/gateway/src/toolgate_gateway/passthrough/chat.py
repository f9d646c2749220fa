"""A request that no ladder serves: its bytes go upstream untouched, and its answer comes back in normal form.

Under `passthrough` the answer's bytes are the upstream's too, but for errors inside a stream: they must not show what
is between the gateway and the upstream, and an official client must know them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct
from toolgate_core.jsontext import DECODE_ERRORS, JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_core.limits import MAX_ANSWER_BYTES
from toolgate_core.strategies.history import mended
from toolgate_core.types.errors import FailureError, RequestError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ChatRequest
from toolgate_formats.api.openai_chat import errors
from toolgate_formats.codecs.openai_chat.event_blocks import ErrorWatch, EventBlocks
from toolgate_formats.codecs.openai_chat.normal import AnswerFault, Identity, whole_answer
from toolgate_formats.codecs.openai_chat.normal_stream import NormalStream, Options, as_chunk, as_whole
from toolgate_formats.sse import SseReader, SseTooLongError

from toolgate_gateway.chat.metadata import NO_LADDER
from toolgate_gateway.chat.render import error_event
from toolgate_gateway.http.connection import Headers
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import aborted_by, failure_from, upstream_broke, upstream_cut
from toolgate_gateway.http.request_scope import GRACE_PERIOD_S, ClientGoneError
from toolgate_gateway.http.sse import EventStream
from toolgate_gateway.passthrough.renamed import with_model
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.telemetry.upstream_timer import CANCELLED, UpstreamTimer
from toolgate_gateway.upstreams.answers import USAGE_WAIT_S
from toolgate_gateway.upstreams.base import ForwardedAnswer, UpstreamCutError
from toolgate_gateway.upstreams.registry import Route
from toolgate_gateway.upstreams.response import as_pairs

# Where one of these stands in a body, the upstream may stumble over a null or an empty list that means nothing.
_SUSPECTS = (b"null", b'"tools"', b'"functions"', b'"tool_choice"', b'"function_call"')
_EMPTY_CALLS = re.compile(rb'"tool_calls"\s*:\s*\[\s*\]')


class Head(Struct, frozen=True):
    """All that forwarding has to know of a body."""

    model: str
    stream: bool | None = None


_head = msgspec.json.Decoder(Head)


def read_head(body: bytes) -> Head:
    """Return a body's head; raise `RequestError`."""
    try:
        return _head.decode(body)
    except DECODE_ERRORS as error:
        message = str(error)
        param = next((name for name in ("model", "stream") if f"`{name}`" in message or f"$.{name}" in message), None)
        raise RequestError(f"The body can't be read: {message}.", param=param) from error


def clean(request: ChatRequest, body: bytes) -> bytes:
    """Return the body of a request without tools: the client's bytes, unless something in it would be refused.

    That are nulls and empty lists that mean nothing, and earlier calls whose arguments are no JSON object.
    """
    messages = mended(request.messages) if b'"tool_calls"' in body or b'"function_call"' in body else request.messages
    if any(new is not old for new, old in zip(messages, request.messages, strict=True)):
        return encode({**request.body, "messages": list[JsonValue](messages)})
    suspicious = any(suspect in body for suspect in _SUSPECTS) or _EMPTY_CALLS.search(body)
    return encode(request.body) if suspicious else body


def options_of(request: ChatRequest) -> Options:
    """Return what a client asked of its answer."""
    told = request.body.get("stream_options")
    every = isinstance(told, dict) and told.get("continuous_usage_stats") is True
    return Options(choices=request.n, include_usage=request.include_usage, every_usage=request.include_usage and every)


class Forwarding:
    """One request on its way through. `request`: its answer is wanted in normal form."""

    def __init__(
        self, gateway: Gateway, context: RequestContext, route: Route, head: Head, request: ChatRequest | None = None
    ) -> None:
        self._gateway = gateway
        self._connection = context.connection
        self._scope = context.scope
        self._record = context.record
        self._route = route
        self._head = head
        self._options = None if request is None else options_of(request)
        self._timer = UpstreamTimer(self._gateway.metrics, route.upstream, "none", self._gateway.deps.clock)
        self._answer: ForwardedAnswer | None = None
        self._complete = False

    async def run(self, body: bytes) -> None:
        """Serve the request; raise what keeps it from an answer, unless a stream has begun."""
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
            self._timer.end(CANCELLED)
            if self._answer is not None:
                await self._answer.close(complete=self._complete)

    async def _open(self, body: bytes) -> ForwardedAnswer:
        stream = bool(self._head.stream)
        opened = await self._route.provider.forward(body, stream=stream, request_id=self._connection.request_id)
        if isinstance(opened, Failure):
            self._timer.failed(opened)
            raise FailureError(opened)
        self._answer = opened
        return opened

    async def _whole(self, answer: ForwardedAnswer, body: bytes) -> None:
        kind = answer.headers.get("content-type", "application/json").encode()
        if self._options is not None:
            streamed = kind.startswith(b"text/event-stream")
            told = self._from_events(answer, body, self._options) if streamed else _decoded(body)
            normal = self._normal(answer, told, body, self._options)
            body = body if normal is told else encode(normal)
            kind = b"application/json"
        elif (failure := answer.failure(body)) is not None:
            self._timer.failed(failure)
            raise FailureError(failure)
        self._timer.end("200")
        await self._connection.respond(200, body, self._headers(answer), kind=kind)

    async def _body(self, answer: ForwardedAnswer) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async for part in answer.chunks():
                self._timer.first_chunk()
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise upstream_broke(f"The upstream's answer has more than {MAX_ANSWER_BYTES} bytes.")
        except UpstreamCutError as error:
            raise self._cut(error) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _identity(self) -> Identity:
        deps = self._gateway.deps
        return Identity(f"chatcmpl-{deps.new_id()}", int(deps.now()), self._head.model)

    def _normal(self, answer: ForwardedAnswer, told: JsonValue, body: bytes, options: Options) -> JsonObject:
        """Return a whole answer in normal form; raise what it tells instead."""
        normal = whole_answer(told, self._identity(), choices=options.choices)
        if isinstance(normal, AnswerFault):
            raise self._faulty(answer, normal, body)
        return normal

    def _from_events(self, answer: ForwardedAnswer, body: bytes, options: Options) -> JsonObject:
        """Return the whole answer that a server streamed unasked."""
        stream = NormalStream(self._identity(), Options(choices=options.choices, include_usage=True))
        try:
            out = stream.feed(body if body.endswith(b"\n\n") else body + b"\n\n")
        except SseTooLongError as error:
            raise _too_long() from error
        if stream.fault is None and not stream.done:
            out += stream.end()
        if stream.fault is not None:
            raise self._faulty(answer, stream.fault, stream.error)
        events = [decode(data) for data in SseReader().feed(out) if data != b"[DONE]"]
        return as_whole([event for event in events if isinstance(event, dict)])

    async def _streamed(self, body: bytes) -> None:
        """Serve a request for a stream: while the upstream is silent, its client hears comments from the start."""
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
        if self._options is None:
            if kind == "text/event-stream":
                await self._stream(self._watched(answer), stream)
            elif stream.started:
                raise _no_stream()
            else:
                stream.release()
                with self._scope.cancel_scope():
                    whole = await self._body(answer)
                await self._whole(answer, whole)
        elif kind == "application/json":
            await self._stream(self._streamed_whole(answer, self._options), stream)
        else:
            # A server that says nothing else did as it was asked; what is no stream of chunks shows as it is read.
            await self._stream(self._normalised(answer, self._options), stream)

    async def _stream(self, blocks: AsyncIterator[bytes], stream: EventStream) -> None:
        with self._scope.cancel_scope():
            async for block in blocks:
                self._record.first_token()
                await stream.write(block)
        self._timer.end("200")
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(b"")

    async def _watched(self, answer: ForwardedAnswer) -> AsyncIterator[bytes]:
        """Yield an answer's events as they are, up to an error, which is raised."""
        blocks, watch = EventBlocks(), ErrorWatch()
        async for part in answer.chunks():
            self._timer.first_chunk()
            if block := blocks.feed(part):
                if sent := watch.feed(block):
                    yield sent
                if watch.error is not None:
                    raise self._told(answer, watch.error)
        if sent := watch.feed(blocks.rest()):
            yield sent
        if watch.error is not None:
            raise self._told(answer, watch.error)

    async def _normalised(self, answer: ForwardedAnswer, options: Options) -> AsyncIterator[bytes]:
        """Yield an answer's events in normal form; raise what breaks it off."""
        blocks, normal = EventBlocks(), NormalStream(self._identity(), options)
        parts = answer.chunks()
        try:
            while not normal.done and (part := await _next(parts, in_time=normal.may_be_over)):
                self._timer.first_chunk()
                if (block := blocks.feed(part)) and (sent := normal.feed(block)):
                    yield sent
                if normal.fault is not None:
                    raise self._faulty(answer, normal.fault, normal.error)
        except UpstreamCutError:
            if not normal.ended:
                raise
            yield normal.conclude()
        self._complete = normal.done
        if not normal.done:
            if sent := normal.end(blocks.rest()):
                yield sent
            if normal.fault is not None:
                raise self._faulty(answer, normal.fault, normal.error)

    async def _streamed_whole(self, answer: ForwardedAnswer, options: Options) -> AsyncIterator[bytes]:
        """Yield the stream that was asked for, of a whole answer."""
        body = await self._body(answer)
        whole = self._normal(answer, _decoded(body), body, options)
        stream = NormalStream(self._identity(), options)
        yield stream.chunk(as_chunk(whole)) + stream.conclude()

    def _faulty(self, answer: ForwardedAnswer, fault: AnswerFault, body: bytes) -> FailureError:
        """Return what the client is told of an answer that is none."""
        match fault.kind:
            case "error":
                return self._told(answer, body)
            case "cut":
                self._timer.end("reset")
                return upstream_broke(fault.message)
            case _:
                self._timer.end("error")
                return upstream_broke(fault.message)

    def _told(self, answer: ForwardedAnswer, body: bytes) -> FailureError:
        """Return what the client is told of an error that came with status 200."""
        failure = answer.error(body)
        self._timer.failed(failure)
        return FailureError(failure)

    def _cut(self, error: UpstreamCutError) -> FailureError:
        self._timer.failed(error.failure)
        match error.failure.kind:
            case FailureKind.CUT:
                return upstream_cut()
            case _:
                return error

    async def _fail(self, stream: EventStream, error: Exception) -> None:
        """Tell the client of a failure, within the stream where that has begun."""
        match error:
            case UpstreamCutError():
                failure = self._cut(error).failure
            case SseTooLongError():
                failure = _too_long().failure
            case _:
                failure = failure_from(error, self._gateway.log)
        if self._answer is None and not stream.started:
            raise FailureError(failure) from error
        self._record.abort(aborted_by(failure))
        if not stream.started:
            raise FailureError(failure) from error
        self._record.fail(failure)
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(error_event(errors.error(failure).body))

    def _stream_headers(self) -> Headers:
        return NO_LADDER if self._answer is None else self._headers(self._answer)

    def _headers(self, answer: ForwardedAnswer) -> Headers:
        return [*NO_LADDER, *as_pairs(answer.headers.items())]


async def _next(parts: AsyncIterator[bytes], *, in_time: bool) -> bytes:
    """Return the next part, empty at the end; `in_time`: nothing has to come any more, and is waited for briefly."""
    try:
        if not in_time:
            return await anext(parts)
        async with asyncio.timeout(USAGE_WAIT_S):
            return await anext(parts)
    except (StopAsyncIteration, TimeoutError):
        return b""


def _decoded(body: bytes) -> JsonValue:
    try:
        return decode(body)
    except JsonTextError:
        return None


def _too_long() -> FailureError:
    return upstream_broke("The upstream sent an event that is too long.")


def _no_stream() -> FailureError:
    return upstream_broke("The upstream did not answer with the stream that it was asked for.")
