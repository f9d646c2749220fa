"""The chat route, below the framework: read, validate, route, and hand on to the ladder or to the upstream."""

from __future__ import annotations

import asyncio

from toolgate_core.nesting import is_heavy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, RequestOutcome
from toolgate_formats.api.openai_chat import parse_request
from toolgate_runtime import offload
from toolgate_runtime.logs import request_id as current_request

from toolgate_gateway.chat import metadata as facts
from toolgate_gateway.chat.context import LAST_WORDS_S, Visit
from toolgate_gateway.chat.ladder_handler import Climbing
from toolgate_gateway.http.admission import AdmissionError
from toolgate_gateway.http.connection import Exchange, Headers, Scope, Send, request_id_of
from toolgate_gateway.http.errors import ApiError, explain
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import ClientGoneError, Lifeline, Receive
from toolgate_gateway.passthrough.chat import Forwarding, Head, clean, read_head
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.telemetry.record import Record
from toolgate_gateway.upstreams.registry import Route

_MODE_HEADER = b"x-toolgate-mode"
CLIENT_CLOSED = 499
"""What the metrics call an answer that nobody waited for."""


def authenticate(gateway: Gateway, exchange: Exchange) -> None:
    """Raise 401 unless one of the gateway's keys was sent, or it has none."""
    if not gateway.keys.allows(exchange.header(b"authorization"), exchange.header(b"x-api-key")):
        raise ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")


async def admit(gateway: Gateway, lifeline: Lifeline) -> None:
    """Return once a request may be served, whose place has then to be released; raise `AdmissionError`."""
    if gateway.admission.take():
        return
    began = gateway.deps.clock()
    try:
        with lifeline.scope():
            await gateway.admission.wait()
    finally:
        gateway.metrics.queue_wait.observe(gateway.deps.clock() - began)


class Chat:
    """Answers chat requests as raw ASGI."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._default = Mode(gateway.settings.mode)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, mode: Mode | None) -> None:
        """Answer one request; `mode` is what its path says."""
        gateway = self._gateway
        headers: Headers = scope["headers"]  # type: ignore[assignment]
        exchange = Exchange(scope, receive, send, request_id_of(headers, gateway.deps.new_id))
        token = current_request.set(exchange.request_id)
        record = Record(gateway.metrics, gateway.stats, gateway.log, gateway.deps.clock)
        lifeline = Lifeline(gateway.settings.request_timeout_ms / 1000)
        visit = Visit(gateway, exchange, lifeline, record)
        gateway.enders.add(lifeline.shut_down)
        try:
            await self._answer(visit, mode)
        except ClientGoneError:
            record.outcome = RequestOutcome.CANCELLED
            exchange.status = exchange.status or CLIENT_CLOSED
        except asyncio.CancelledError:
            # The server's patience with a request in flight is over: it is shutting down.
            record.outcome = RequestOutcome.CANCELLED
            if not gateway.ending:
                raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._fail(visit, explain(error, gateway.log))
        finally:
            gateway.enders.discard(lifeline.shut_down)
            lifeline.close()
            exchange.release(gateway.bodies)
            record.status = exchange.status
            record.close()
            current_request.reset(token)

    async def _answer(self, visit: Visit, mode: Mode | None) -> None:
        gateway, exchange, lifeline = self._gateway, visit.exchange, visit.lifeline
        gateway.pages.check_host(exchange)
        authenticate(gateway, exchange)
        visit.record.mode = mode = mode or self._mode(exchange)
        exchange.check_content(declared=from_page(exchange))
        if exchange.arrived:
            body = await exchange.read_body(gateway.settings.max_body_bytes, gateway.bodies)
        else:
            with lifeline.scope():
                body = await exchange.read_body(gateway.settings.max_body_bytes, gateway.bodies)
        lifeline.watch(exchange.receive)
        await admit(gateway, lifeline)
        try:
            await self._serve(visit, mode, body)
        finally:
            gateway.admission.release()

    def _mode(self, exchange: Exchange) -> Mode:
        asked = exchange.header(_MODE_HEADER)
        if asked is None:
            return self._default
        try:
            return Mode(asked.decode("latin-1").strip().lower())
        except ValueError:
            known = ", ".join(mode.value for mode in Mode)
            raise ApiError(400, f"The header x-toolgate-mode must be one of {known}.", code="invalid_value") from None

    async def _serve(self, visit: Visit, mode: Mode, body: bytes) -> None:
        record = visit.record
        if mode is Mode.PASSTHROUGH:
            head = read_head(body)
            record.stream = bool(head.stream)
            route = await self._route(visit, head.model)
            await Forwarding(visit, route, head).run(body)
            self._keep(visit, head.model, route)
            return
        request = await self._read_in_thread(visit, body) if is_heavy(body) else parse_request(body)
        record.stream = request.stream
        record.tool_choice = request.tool_choice.mode
        route = await self._route(visit, request.model)
        if request.tools:
            await Climbing(visit, request, route).run(mode)
        else:
            head = Head(request.model, request.stream)
            await Forwarding(visit, route, head, request).run(clean(request, body))
        self._keep(visit, request.model, route)

    async def _read_in_thread(self, visit: Visit, body: bytes) -> ChatRequest:
        with visit.lifeline.scope():
            return await offload.run(lambda: parse_request(body), heavy=True)

    def _keep(self, visit: Visit, model: str, route: Route) -> None:
        if visit.record.outcome is RequestOutcome.SUCCESS:
            self._gateway.models.keep(model, route)

    async def _route(self, visit: Visit, model: str) -> Route:
        route = self._gateway.models.lookup(model)
        if route is None:
            with visit.lifeline.scope():
                route = await self._gateway.models.find(model)
        visit.record.model = self._gateway.metrics.model(route.label)
        return route

    async def _fail(self, visit: Visit, error: ApiError) -> None:
        """Send an error as the answer."""
        record = visit.record
        record.fail(error)
        if isinstance(error, AdmissionError):
            self._gateway.metrics.rejected.labels(error.reason).inc()
        told = facts.headers(record.climbs) if record.climbs else facts.NO_LADDER
        try:
            with visit.lifeline.last_words(LAST_WORDS_S):
                await visit.exchange.fail(error, told)
        except ClientGoneError:
            record.outcome = RequestOutcome.CANCELLED
