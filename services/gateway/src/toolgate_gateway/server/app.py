"""The ASGI app: dispatches chat and forwarded endpoints below the web framework, and all other routes to it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, cast

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from toolgate_core.limits import MAX_ARGUMENTS
from toolgate_core.types.failures import Failure
from toolgate_core.types.vocabulary import Mode
from toolgate_formats.api.base import ApiFormat
from toolgate_formats.api.table import API_FORMATS

from toolgate_gateway.chat.handler import Chat
from toolgate_gateway.deps import Deps
from toolgate_gateway.endpoints import find_endpoint
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.connection import Scope, Send
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import DEFAULT_ERRORS
from toolgate_gateway.http.headers import EXPOSED
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import Receive
from toolgate_gateway.passthrough.relay import Relay
from toolgate_gateway.server import api
from toolgate_gateway.settings import GatewaySettings
from toolgate_gateway.telemetry.record import OTHER, RecordedRoute, RequestKind

_PREFIXES: tuple[tuple[str, Mode | None], ...] = (
    ("", None),
    ("/emulate", Mode.EMULATE),
    ("/passthrough", Mode.PASSTHROUGH),
)
"""What may be before a path → mode; None: the mode of the header `x-toolgate-mode`, or the default."""


_OPEN = frozenset({"/health", "/livez", "/readyz"})
"""Routes without authentication: probes carry no keys."""

_PAGES: Final = {
    label: RecordedRoute(RequestKind.PAGE, label)
    for label in ("models", "health", "livez", "readyz", "stats", "tools", OTHER)
}
"""First segment of a path → its route; all others are `other`."""

_SERVED = frozenset({"GET", "HEAD", "POST"})


class App:
    """The gateway as an ASGI app; `gateway` is its state."""

    def __init__(self, gateway: Gateway, formats: Mapping[str, ApiFormat] = API_FORMATS) -> None:
        self.gateway = gateway
        self._chats = _chats(gateway, formats)
        self._relay = Relay(gateway)
        self._framework = api.build(gateway, self._chats)
        origins = gateway.settings.cors_origins
        self._cors: ASGIApp | None = None
        if origins:
            self._cors = CORSMiddleware(
                cast("ASGIApp", self._dispatch),
                allow_origins=origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=EXPOSED,
            )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, or the server's lifespan protocol."""
        # Tools act on the server's side, so CORS never opens them to web pages.
        if self._cors is not None and scope["type"] == "http" and not str(scope["path"]).startswith("/tools"):
            return self._cors(scope, receive, send)  # type: ignore[arg-type]
        return self._dispatch(scope, receive, send)

    def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._framework(scope, receive, send)  # type: ignore[arg-type]
        path = str(scope["path"])
        if scope["method"] == "POST" and (served := self._chats.get(path)) is not None:
            chat, mode = served
            return chat(scope, receive, send, mode)
        if scope["method"] == "POST" and (endpoint := find_endpoint(path)) is not None:
            return self._relay(scope, receive, send, endpoint)
        return self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request through the framework."""
        path = str(scope["path"])
        pipeline = self.gateway.pipeline
        context = pipeline.open(scope, receive, send, _PAGES[_label(path)])

        async def serve() -> None:
            with context.scope.cancel_scope():
                if path in _OPEN:
                    await self._framework_response(scope, context)
                else:
                    await pipeline.authenticated(context, lambda: self._framework_response(scope, context))

        async def report(failure: Failure) -> None:
            await context.connection.send_error(DEFAULT_ERRORS.error(failure))

        await pipeline.recorded(context, serve, report)

    async def _framework_response(self, scope: Scope, context: RequestContext) -> None:
        pipeline, connection, path = self.gateway.pipeline, context.connection, str(scope["path"])
        receive: Receive = connection.receive
        if path.startswith("/tools") and scope["method"] in _SERVED:
            pipeline.pages.check_tools(connection)
            if scope["method"] == "POST":
                if from_page(connection):
                    connection.check_content(declared=True)
                limit = min(self.gateway.settings.max_body_bytes, MAX_ARGUMENTS)
                receive = _read(await connection.read_body(limit, pipeline.bodies))
        if scope["method"] == "HEAD":
            # The framework has no HEAD routes; the server omits the body of the response.
            scope = {**scope, "method": "GET"}
        try:
            await self._framework(scope, receive, connection.forward_message)  # type: ignore[arg-type]
        except Exception:
            # The framework raises a defect again after it has logged and reported it.
            if not connection.status:
                raise


def _chats(gateway: Gateway, formats: Mapping[str, ApiFormat]) -> dict[str, tuple[Chat, Mode | None]]:
    """Return each path that an API format is served at, also without `/v1`, with who serves it, and in which mode."""
    paths: dict[str, tuple[Chat, Mode | None]] = {}
    for api_format in formats.values():
        chat = Chat(gateway, api_format)
        for prefix, mode in _PREFIXES:
            for path in (api_format.path, api_format.path.removeprefix("/v1")):
                paths[prefix + path] = (chat, mode)
    return paths


def _read(body: bytes) -> Receive:
    """Return an ASGI `receive` that yields a body which has been read."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _label(path: str) -> str:
    """Return the metrics' label of a path."""
    path = path.removeprefix("/emulate").removeprefix("/passthrough")
    path = path.removeprefix("/v1")
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in _PAGES else OTHER


def create_app(settings: GatewaySettings, deps: Deps) -> App:
    """Return the gateway's app. Raises OSError for an unreadable file of keys."""
    return App(Gateway(settings, deps))
