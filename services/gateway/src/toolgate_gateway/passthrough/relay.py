"""Forwards requests of the endpoints besides chat to the upstream of their model.

Authentication, admission, time limits, metrics and errors are those of chat. The bytes of a request change only in the
model's name, and those of a response not at all. No ladder runs: the header `x-toolgate-forwarded` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct
from toolgate_core.jsontext import DECODE_ERRORS
from toolgate_core.types.errors import FailureError, RequestError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.api.anthropic_messages import errors as anthropic_errors
from toolgate_formats.api.base import ErrorFormat
from toolgate_formats.forwarded import WholeEvents, is_error

from toolgate_gateway.endpoints import Endpoint
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.connection import Headers, Scope, Send
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import DEFAULT_ERRORS, aborted_by, failure_from, upstream_broke, upstream_cut
from toolgate_gateway.http.headers import FORWARDED, NO_LADDER
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import GRACE_PERIOD_S, ClientGoneError, Receive
from toolgate_gateway.http.sse import EventStream
from toolgate_gateway.passthrough import forms
from toolgate_gateway.passthrough.bodies import not_a_stream, read_whole
from toolgate_gateway.passthrough.renamed import with_model
from toolgate_gateway.telemetry.record import RecordedRoute, RequestKind
from toolgate_gateway.upstreams.base import CallContext, ForwardedAnswer, Provider, UpstreamCutError, received
from toolgate_gateway.upstreams.registry import Route
from toolgate_gateway.upstreams.response import as_pairs

_FORWARDED: Headers = ((FORWARDED, b"true"), *NO_LADDER)
_JSON = "application/json"
_UNCLEAR = Failure(kind=FailureKind.ERROR, message="The upstream failed inside its answer.", origin="500")
_NOT_SERVED = frozenset({FailureKind.NO_ENDPOINT, FailureKind.WRONG_METHOD, FailureKind.NOT_FOUND})
"""Failures of an upstream that does not have the path."""


class Target(Struct, frozen=True):
    """The fields of a body that forwarding needs."""

    model: str | None = None
    stream: object = None


class _Request(Struct, frozen=True):
    """A request to an upstream; `name` is the upstream's."""

    name: str
    provider: Provider
    body: bytes
    content_type: str
    stream: bool


_target = msgspec.json.Decoder(Target)


class Relay:
    """Serves the requests of all forwarded endpoints as raw ASGI."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send, endpoint: Endpoint) -> None:
        """Serve one request."""
        pipeline = self._gateway.pipeline
        route = RecordedRoute(RequestKind.FORWARDED, endpoint.label, endpoint.path)
        context = pipeline.open(scope, receive, send, route)
        relayed = _Relayed(self._gateway, context, endpoint)
        query = _query(scope)
        await pipeline.recorded(
            context,
            lambda: pipeline.authenticated(context, lambda: relayed.run(query)),
            relayed.report,
        )


class _Relayed:
    """One forwarded request."""

    def __init__(self, gateway: Gateway, context: RequestContext, endpoint: Endpoint) -> None:
        self._gateway = gateway
        self._context = context
        self._connection = context.connection
        self._scope = context.scope
        self._record = context.record
        self._endpoint = endpoint
        self._answer: ForwardedAnswer | None = None
        self._route: tuple[str, Route] | None = None

    async def run(self, query: str) -> None:
        """Serve the request; raise the failure if no response has begun."""
        pipeline = self._gateway.pipeline
        content_type = self._content_type()
        body = await pipeline.read_body(self._context)
        await pipeline.admitted(self._context, lambda: self._serve(body, content_type, query))

    async def report(self, failure: Failure) -> None:
        """Send a failure as the response, in the format of the endpoint's clients."""
        await self._connection.send_error(self._errors.error(failure), _FORWARDED)

    async def _serve(self, body: bytes, content_type: str, query: str) -> None:
        request = await self._request(body, content_type)
        self._record.upstream, self._record.stream = request.name, request.stream
        await self._forward(request, self._endpoint.path + query)
        if self._route is not None and not self._record.failed:
            self._gateway.models.keep(*self._route)

    @property
    def _errors(self) -> ErrorFormat:
        return anthropic_errors if self._endpoint.anthropic else DEFAULT_ERRORS

    def _content_type(self) -> str:
        """Return the content type; raise 415 if the endpoint does not accept it."""
        connection = self._connection
        sent = (connection.header(b"content-type") or b"").decode("latin-1")
        if self._endpoint.form and forms.boundary_of(sent) is not None and not from_page(connection):
            connection.check_coding()
            return sent
        connection.check_content(declared=from_page(connection))
        return _JSON

    async def _request(self, body: bytes, content_type: str) -> _Request:
        boundary = forms.boundary_of(content_type)
        if boundary is not None:
            return await self._form(body, content_type, boundary)
        target = read_target(body)
        stream = target.stream is True
        if target.model is None:
            name, provider = self._gateway.models.only_upstream()
            return _Request(name, provider, body, content_type, stream)
        route = await self._find(target.model)
        if route.model != target.model:
            body = with_model(body, route.model)
        return _Request(route.upstream, route.provider, body, content_type, stream)

    async def _form(self, body: bytes, content_type: str, boundary: bytes) -> _Request:
        span = forms.find_model(body, boundary)
        if span is None:
            name, provider = self._gateway.models.only_upstream()
            return _Request(name, provider, body, content_type, stream=False)
        route = await self._find(forms.model_in(body, span))
        body = forms.with_model(body, span, route.model)
        return _Request(route.upstream, route.provider, body, content_type, stream=False)

    async def _find(self, model: str) -> Route:
        with self._scope.cancel_scope():
            route = await self._gateway.models.find(model)
        self._route = (model, route)
        return route

    async def _forward(self, request: _Request, path: str) -> None:
        keep_alive = self._gateway.settings.keep_alive_s
        stream = EventStream(self._connection, self._headers, keep_alive) if request.stream else None
        try:
            answer = await self._open(request, path)
            kind = answer.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
            if kind == "text/event-stream":
                await self._events(answer, stream or EventStream(self._connection, self._headers, keep_alive))
            elif stream is not None and stream.started:
                raise not_a_stream()
            elif kind == _JSON:
                await self._whole(answer)
            elif kind == "text/html":
                raise upstream_broke("The upstream answered with a web page.")
            else:
                await self._bytes(answer)
        except ClientGoneError:
            raise
        except Exception as error:
            if stream is None or not stream.started:
                raise
            await self._end_stream(stream, failure_from(error, self._gateway.log))
        finally:
            if stream is not None:
                stream.release()
            if self._answer is not None:
                await self._answer.close()

    async def _open(self, request: _Request, path: str) -> ForwardedAnswer:
        with self._scope.cancel_scope():
            call = CallContext(request_id=self._connection.request_id, stream=request.stream)
            opened = await request.provider.forward(request.body, call, path=path, content_type=request.content_type)
        if isinstance(opened, Failure):
            if opened.kind in _NOT_SERVED and opened.code != "model_not_found":
                raise self._not_there()
            raise FailureError(opened)
        self._answer = opened
        return opened

    def _not_there(self) -> RequestError:
        return RequestError(
            f"The upstream {self._record.upstream or 'of this model'!r} does not serve {self._endpoint.path}.",
            kind=FailureKind.NOT_FOUND,
            code="endpoint_not_found",
        )

    async def _parts(self, answer: ForwardedAnswer) -> AsyncIterator[bytes]:
        try:
            while part := received(await answer.read()):
                yield part
        except UpstreamCutError as error:
            raise upstream_cut() from error

    async def _whole(self, answer: ForwardedAnswer) -> None:
        """Forward a JSON response in one piece; raise the error that it may contain."""
        with self._scope.cancel_scope():
            try:
                body = await read_whole(answer)
            except UpstreamCutError as error:
                raise upstream_cut() from error
        if is_error(body):
            raise FailureError(_reported(answer, body))
        answer.end()
        kind = answer.headers.get("content-type", _JSON).encode()
        await self._connection.respond(200, body, self._headers(), kind=kind)

    async def _bytes(self, answer: ForwardedAnswer) -> None:
        """Forward a response that is neither JSON nor events (speech, subtitles), chunk by chunk."""
        kind = (b"content-type", answer.headers["content-type"].encode())
        with self._scope.cancel_scope():
            async for part in self._parts(answer):
                if not self._connection.status:
                    await self._connection.start(200, [kind, *self._headers()])
                await self._connection.write(part)
            if not self._connection.status:
                await self._connection.start(200, [kind, *self._headers()])
            await self._connection.write(b"", more=False)
        answer.end()

    async def _events(self, answer: ForwardedAnswer, stream: EventStream) -> None:
        """Forward complete events; an error event ends the stream, rewritten by the gateway."""
        events = WholeEvents()
        try:
            with self._scope.cancel_scope():
                async for part in self._parts(answer):
                    whole, error = events.feed(part)
                    if whole:
                        await stream.write(whole)
                    if error is not None:
                        raise FailureError(_reported(answer, error))
            answer.end()
            with self._scope.grace_period(GRACE_PERIOD_S):
                await stream.close(events.rest)
        except ClientGoneError:
            self._record.abort("client", "mid")
            raise
        except Exception as error:
            if not stream.started:
                raise
            await self._end_stream(stream, failure_from(error, self._gateway.log))
        finally:
            stream.release()

    async def _end_stream(self, stream: EventStream, failure: Failure) -> None:
        self._record.fail(failure)
        self._record.abort(aborted_by(failure), "mid")
        with self._scope.grace_period(GRACE_PERIOD_S):
            await stream.close(self._errors.error_event(failure))

    def _headers(self) -> Headers:
        kept = self._answer.headers.items() if self._answer is not None else ()
        return [*_FORWARDED, *as_pairs(kept)]


def _reported(answer: ForwardedAnswer, error: bytes) -> Failure:
    """Return the failure that an error object of the upstream means, cleaned of what clients must not see."""
    failure = answer.failure(error)
    if failure is None:
        answer.end(_UNCLEAR.origin)
        return _UNCLEAR
    return failure


def read_target(body: bytes) -> Target:
    """Return a body's model and whether it asks for a stream; raise `RequestError`."""
    try:
        return _target.decode(body)
    except DECODE_ERRORS as error:
        message = str(error)
        raise RequestError(
            f"The body cannot be read: {message}.", param="model" if "$.model" in message else None
        ) from error


def _query(scope: Scope) -> str:
    query = scope.get("query_string")
    text = query.decode("latin-1") if isinstance(query, bytes) else ""
    return f"?{text}" if text and text.isascii() and text.isprintable() else ""
