"""The chat route, below the framework: read, validate, route, and hand on to the ladder or to the upstream."""

from __future__ import annotations

import asyncio

from toolgate_core.nesting import is_heavy
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import FailureKind
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, RequestOutcome
from toolgate_formats.api.openai_chat import errors, parse_request
from toolgate_runtime import offload
from toolgate_runtime.logs import request_id as current_request

from toolgate_gateway.chat import metadata as facts
from toolgate_gateway.chat.context import GRACE_PERIOD_S, RequestContext
from toolgate_gateway.chat.ladder_handler import Climbing
from toolgate_gateway.http.admission import AdmissionError
from toolgate_gateway.http.connection import Headers, HttpConnection, Scope, Send, request_id_of
from toolgate_gateway.http.errors import failure_from
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import ClientGoneError, Receive, RequestScope
from toolgate_gateway.passthrough.chat import Forwarding, Head, clean, read_head
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.telemetry.record import Record
from toolgate_gateway.upstreams.registry import Route

_MODE_HEADER = b"x-toolgate-mode"
CLIENT_CLOSED = 499
"""What the metrics call an answer that nobody waited for."""


def authenticate(gateway: Gateway, connection: HttpConnection) -> None:
    """Raise 401 unless one of the gateway's keys was sent, or it has none."""
    if not gateway.keys.allows(connection.header(b"authorization"), connection.header(b"x-api-key")):
        message = "The API key is missing or wrong."
        raise RequestError(message, kind=FailureKind.UNAUTHENTICATED, code="invalid_api_key")


async def admit(gateway: Gateway, request_scope: RequestScope) -> None:
    """Return once a request may be served, whose place has then to be released; raise `AdmissionError`."""
    if gateway.admission.take():
        return
    began = gateway.deps.clock()
    try:
        with request_scope.cancel_scope():
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
        connection = HttpConnection(scope, receive, send, request_id_of(headers, gateway.deps.new_id))
        token = current_request.set(connection.request_id)
        record = Record(gateway.metrics, gateway.stats, gateway.log, gateway.deps.clock)
        request_scope = RequestScope(gateway.settings.request_timeout_ms / 1000)
        context = RequestContext(gateway, connection, request_scope, record)
        gateway.on_shutdown.add(request_scope.shut_down)
        try:
            await self._answer(context, mode)
        except ClientGoneError:
            record.outcome = RequestOutcome.CANCELLED
            connection.status = connection.status or CLIENT_CLOSED
        except asyncio.CancelledError:
            # The server's patience with a request in flight is over: it is shutting down.
            record.outcome = RequestOutcome.CANCELLED
            if not gateway.ending:
                raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._fail(context, error)
        finally:
            gateway.on_shutdown.discard(request_scope.shut_down)
            request_scope.close()
            connection.release(gateway.bodies)
            record.status = connection.status
            record.close()
            current_request.reset(token)

    async def _answer(self, context: RequestContext, mode: Mode | None) -> None:
        gateway, connection, request_scope = self._gateway, context.connection, context.scope
        gateway.pages.check_host(connection)
        authenticate(gateway, connection)
        context.record.mode = mode = mode or self._mode(connection)
        connection.check_content(declared=from_page(connection))
        if connection.arrived:
            body = await connection.read_body(gateway.settings.max_body_bytes, gateway.bodies)
        else:
            with request_scope.cancel_scope():
                body = await connection.read_body(gateway.settings.max_body_bytes, gateway.bodies)
        request_scope.watch(connection.receive)
        await admit(gateway, request_scope)
        try:
            await self._serve(context, mode, body)
        finally:
            gateway.admission.release()

    def _mode(self, connection: HttpConnection) -> Mode:
        asked = connection.header(_MODE_HEADER)
        if asked is None:
            return self._default
        try:
            return Mode(asked.decode("latin-1").strip().lower())
        except ValueError:
            known = ", ".join(mode.value for mode in Mode)
            raise RequestError(f"The header x-toolgate-mode must be one of {known}.", code="invalid_value") from None

    async def _serve(self, context: RequestContext, mode: Mode, body: bytes) -> None:
        record = context.record
        if mode is Mode.PASSTHROUGH:
            head = read_head(body)
            record.stream = bool(head.stream)
            route = await self._route(context, head.model)
            await Forwarding(context, route, head).run(body)
            self._keep(context, head.model, route)
            return
        request = await self._read_in_thread(context, body) if is_heavy(body) else parse_request(body)
        record.stream = request.stream
        record.tool_choice = request.tool_choice.mode
        route = await self._route(context, request.model)
        if request.tools:
            await Climbing(context, request, route).run(mode)
        else:
            head = Head(request.model, request.stream)
            await Forwarding(context, route, head, request).run(clean(request, body))
        self._keep(context, request.model, route)

    async def _read_in_thread(self, context: RequestContext, body: bytes) -> ChatRequest:
        with context.scope.cancel_scope():
            return await offload.run(lambda: parse_request(body), heavy=True)

    def _keep(self, context: RequestContext, model: str, route: Route) -> None:
        if context.record.outcome is RequestOutcome.SUCCESS:
            self._gateway.models.keep(model, route)

    async def _route(self, context: RequestContext, model: str) -> Route:
        route = self._gateway.models.lookup(model)
        if route is None:
            with context.scope.cancel_scope():
                route = await self._gateway.models.find(model)
        context.record.model = self._gateway.metrics.model(route.label)
        return route

    async def _fail(self, context: RequestContext, error: Exception) -> None:
        """Send an error as the answer."""
        record = context.record
        failure = failure_from(error, self._gateway.log)
        record.fail(failure)
        if isinstance(error, AdmissionError):
            self._gateway.metrics.rejected.labels(error.reason).inc()
        told = facts.headers(record.climbs) if record.climbs else facts.NO_LADDER
        try:
            with context.scope.grace_period(GRACE_PERIOD_S):
                await context.connection.send_error(errors.error(failure), told)
        except ClientGoneError:
            record.outcome = RequestOutcome.CANCELLED
