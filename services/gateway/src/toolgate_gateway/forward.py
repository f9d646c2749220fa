"""A request that no ladder serves: its bytes go upstream untouched, and so does the answer on its way back."""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct
from toolgate_core.errors import RequestError
from toolgate_core.jsontext import encode
from toolgate_core.ladder.effects import UpstreamFailure
from toolgate_core.messages import ChatRequest
from toolgate_core.vocabulary import RequestOutcome

from toolgate_gateway.errors import SERVER, ApiError, explain, from_upstream
from toolgate_gateway.eventstream import EventStream
from toolgate_gateway.exchange import Headers
from toolgate_gateway.facts import NO_LADDER
from toolgate_gateway.lifeline import ClientGoneError
from toolgate_gateway.models import Route
from toolgate_gateway.providers.base import ForwardedAnswer, UpstreamCutError
from toolgate_gateway.render import error_event
from toolgate_gateway.upstreamcall import CANCELLED, UpstreamCall
from toolgate_gateway.visit import LAST_WORDS_S, Visit

# Where one of these stands in a body, the upstream may stumble over a null or an empty list that means nothing.
_SUSPECTS = (b"null", b'"tools"', b'"functions"', b'"tool_choice"', b'"function_call"')
_EMPTY_CALLS = re.compile(rb'"tool_calls"\s*:\s*\[\s*\]')
_KEPT_HEADERS = ("openai-", "x-ratelimit-")


class Head(Struct, frozen=True):
    """All that forwarding has to know of a body."""

    model: str
    stream: bool | None = None


_head = msgspec.json.Decoder(Head)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_head(body: bytes) -> Head:
    """Return a body's head; raise `RequestError`."""
    try:
        return _head.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = str(error)
        param = next((name for name in ("model", "stream") if f"`{name}`" in message or f"$.{name}" in message), None)
        raise RequestError(f"The body can't be read: {message}.", param=param) from error


def clean(request: ChatRequest, body: bytes) -> bytes:
    """Return the body of a request without tools: the client's bytes, unless nulls or empty lists are to go."""
    suspicious = any(suspect in body for suspect in _SUSPECTS) or _EMPTY_CALLS.search(body)
    return encode(request.body) if suspicious else body


def with_model(body: bytes, model: str) -> bytes:
    """Return the body with another model's name; every other value keeps its bytes."""
    return msgspec.json.encode({**_fields.decode(body), "model": model})


class Forwarding:
    """One request on its way through."""

    def __init__(self, visit: Visit, route: Route, head: Head) -> None:
        self._gateway = visit.gateway
        self._exchange = visit.exchange
        self._lifeline = visit.lifeline
        self._record = visit.record
        self._route = route
        self._head = head
        self._call = UpstreamCall(self._gateway.metrics, route.upstream, "none", self._gateway.deps.clock)
        self._answer: ForwardedAnswer | None = None

    async def run(self, body: bytes) -> None:
        """Serve the request; raise what keeps it from an answer, unless a stream has begun."""
        if self._head.model != self._route.model:
            body = with_model(body, self._route.model)
        try:
            if self._head.stream:
                await self._streamed(body)
            else:
                await self._whole(await self._open(body))
        finally:
            self._call.end(CANCELLED)
            if self._answer is not None:
                await self._answer.close()

    async def _open(self, body: bytes) -> ForwardedAnswer:
        stream = bool(self._head.stream)
        with self._lifeline.scope():
            opened = await self._route.provider.forward(body, stream=stream, request_id=self._exchange.request_id)
        if isinstance(opened, UpstreamFailure):
            self._call.failed(opened)
            raise from_upstream(opened)
        self._answer = opened
        return opened

    async def _whole(self, answer: ForwardedAnswer) -> None:
        call = self._call
        parts: list[bytes] = []
        try:
            with self._lifeline.scope():
                async for part in answer.chunks():
                    call.heard()
                    parts.append(part)
        except UpstreamCutError as error:
            call.end("reset")
            raise _cut() from error
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        failure = answer.failure(body)
        if failure is not None:
            call.failed(failure)
            raise from_upstream(failure)
        call.end("200")
        kind = answer.headers.get("content-type", "application/json").encode("latin-1")
        await self._exchange.respond(200, body, self._headers(answer), kind=kind)

    async def _streamed(self, body: bytes) -> None:
        """Serve a request for a stream: while the upstream is silent, its client hears comments from the start."""
        stream = EventStream(self._exchange, self._stream_headers, self._gateway.settings.keep_alive_s)
        try:
            answer = await self._open(body)
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                await self._stream(answer, stream)
            elif stream.started:
                raise _no_stream()
            else:
                stream.release()
                await self._whole(answer)
        except ClientGoneError:
            self._record.abort("client")
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._fail(stream, error)
        finally:
            stream.release()

    async def _stream(self, answer: ForwardedAnswer, stream: EventStream) -> None:
        with self._lifeline.scope():
            async for chunk in answer.chunks():
                self._call.heard()
                self._record.first_token()
                await stream.write(chunk)
        self._call.end("200")
        with self._lifeline.last_words(LAST_WORDS_S):
            await stream.close(b"")

    async def _fail(self, stream: EventStream, error: Exception) -> None:
        """Tell the client of a failure, within the stream where that has begun."""
        if isinstance(error, UpstreamCutError):
            self._call.end("reset")
            failure = _cut()
        else:
            failure = explain(error, self._gateway.log)
        if self._answer is None and not stream.started:
            raise failure from error
        self._record.abort("upstream" if failure.status in (502, 504) else "gateway")
        if not stream.started:
            raise failure from error
        self._record.fail(failure)
        # The cut may have come inside an event, which has to end before another can begin.
        seam = b"" if stream.whole_event else b"\n\n"
        with self._lifeline.last_words(LAST_WORDS_S):
            await stream.close(seam + error_event(failure.body()))

    def _stream_headers(self) -> Headers:
        return NO_LADDER if self._answer is None else self._headers(self._answer)

    def _headers(self, answer: ForwardedAnswer) -> Headers:
        kept = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers.items()
            if name.lower().startswith(_KEPT_HEADERS)
        ]
        return [*NO_LADDER, *kept]


def _no_stream() -> ApiError:
    return ApiError(
        502,
        "The upstream did not answer with the stream that it was asked for.",
        kind=SERVER,
        code="upstream_error",
        outcome=RequestOutcome.UPSTREAM_ERROR,
    )


def _cut() -> ApiError:
    return ApiError(
        502,
        "The upstream's connection ended inside its answer.",
        kind=SERVER,
        code="upstream_cut",
        outcome=RequestOutcome.UPSTREAM_ERROR,
    )
