"""The chat route, below the framework: read, validate, route, and hand on to the ladder or to the upstream."""

from __future__ import annotations

from typing import Final

from toolgate_core.nesting import is_heavy
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, RequestOutcome
from toolgate_formats.api.base import ApiFormat, Head
from toolgate_runtime import offload

from toolgate_gateway.chat import metadata as response_metadata
from toolgate_gateway.chat.ladder_handler import LadderHandler
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.connection import HttpConnection, Scope, Send
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.headers import NO_LADDER
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import Receive
from toolgate_gateway.passthrough.chat import Passthrough
from toolgate_gateway.telemetry.record import RecordedRoute, RequestKind
from toolgate_gateway.upstreams.registry import Route

_ROUTE: Final = RecordedRoute(RequestKind.CHAT, "chat")
_MODE_HEADER = b"x-toolgate-mode"


class Chat:
    """Answers the requests of one API format, as raw ASGI."""

    def __init__(self, gateway: Gateway, api: ApiFormat) -> None:
        self._gateway = gateway
        self._api = api
        self._default = Mode(gateway.settings.mode)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, mode: Mode | None) -> None:
        """Serve one request; `mode` is the mode of its path, if it names one."""
        pipeline = self._gateway.pipeline
        context = pipeline.open(scope, receive, send, _ROUTE)
        await pipeline.recorded(
            context,
            lambda: pipeline.authenticated(context, lambda: self._read(context, mode)),
            lambda failure: self._report(context, failure),
        )

    async def _read(self, context: RequestContext, path_mode: Mode | None) -> None:
        connection, pipeline = context.connection, self._gateway.pipeline
        context.record.mode = mode = path_mode or self._mode(connection)
        connection.check_content(declared=from_page(connection))
        body = await pipeline.read_body(context)
        await pipeline.admitted(context, lambda: self._serve(context, mode, body))

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
        record, api = context.record, self._api
        if mode is Mode.PASSTHROUGH:
            head = api.head(body)
            record.stream = bool(head.stream)
            route = await self._route(context, head.model)
            await Passthrough(self._gateway, context, api, route, head).run(body)
            self._keep(context, head.model, route)
            return
        request = await self._read_in_thread(context, body) if is_heavy(body) else api.parse(body)
        record.stream = request.stream
        record.tool_choice = request.tool_choice.mode
        route = await self._route(context, request.model)
        if request.tools or api.normal is None:
            await LadderHandler(self._gateway, context, api, request, route).run(mode)
        else:
            head = Head(request.model, request.stream)
            forwarded = api.normal.request(request, body)
            await Passthrough(self._gateway, context, api, route, head, request=request).run(forwarded)
        self._keep(context, request.model, route)

    async def _read_in_thread(self, context: RequestContext, body: bytes) -> ChatRequest:
        with context.scope.cancel_scope():
            return await offload.run(lambda: self._api.parse(body), heavy=True)

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

    async def _report(self, context: RequestContext, failure: Failure) -> None:
        """Send a failure as the response."""
        runs = context.record.runs
        headers = response_metadata.as_headers(runs) if runs else NO_LADDER
        await context.connection.send_error(self._api.error(failure), headers)
