"""The ASGI app: dispatches chat and forwarded endpoints below the web framework, and all other routes to it."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import cast

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from toolgate_core.limits import MAX_ARGUMENTS
from toolgate_core.types.vocabulary import Mode
from toolgate_formats.api.openai_chat import errors

from toolgate_gateway.chat.context import GRACE_PERIOD_S
from toolgate_gateway.chat.handler import CLIENT_CLOSED, Chat, authenticate
from toolgate_gateway.http.connection import Headers, HttpConnection, Scope, Send, request_id_of
from toolgate_gateway.http.errors import failure_from
from toolgate_gateway.http.pages import from_page
from toolgate_gateway.http.request_scope import ClientGoneError, DeadlineError, Receive, RequestScope, ShutdownError
from toolgate_gateway.passthrough.endpoints import find_endpoint
from toolgate_gateway.passthrough.relay import Relay
from toolgate_gateway.server import api
from toolgate_gateway.server.deps import Deps
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.settings import GatewaySettings

CHAT_PATHS: dict[str, Mode | None] = {
    "/v1/chat/completions": None,
    "/emulate/v1/chat/completions": Mode.EMULATE,
    "/passthrough/v1/chat/completions": Mode.PASSTHROUGH,
    "/chat/completions": None,
    "/emulate/chat/completions": Mode.EMULATE,
    "/passthrough/chat/completions": Mode.PASSTHROUGH,
}
"""Path → mode; None: the mode of the header `x-toolgate-mode`, or the default."""

_OPEN = frozenset({"/health", "/livez", "/readyz"})
"""Routes without authentication: probes carry no keys."""

_SERVED = frozenset({"GET", "HEAD", "POST"})

_EXPOSED = (
    "x-request-id",
    "x-toolgate-forwarded",
    "x-toolgate-priority",
    "x-toolgate-attempts",
    "retry-after",
    "x-should-retry",
)


class App:
    """The gateway as an ASGI app; `gateway` is its state."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._chat = Chat(gateway)
        self._relay = Relay(gateway)
        self._framework = api.build(gateway)
        origins = gateway.settings.cors_origins
        self._cors: ASGIApp | None = None
        if origins:
            self._cors = CORSMiddleware(
                cast("ASGIApp", self._dispatch),
                allow_origins=origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=_EXPOSED,
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
        path = scope["path"]
        if scope["method"] == "POST" and path in CHAT_PATHS:
            return self._chat(scope, receive, send, CHAT_PATHS[path])
        if scope["method"] == "POST" and (endpoint := find_endpoint(str(path))) is not None:
            return self._relay(scope, receive, send, endpoint)
        return self._plain(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the framework answer, with what every answer has: an id, a key where one is due, a count."""
        gateway = self.gateway
        began = gateway.deps.clock()
        headers: Headers = scope["headers"]  # type: ignore[assignment]
        connection = HttpConnection(scope, receive, send, request_id_of(headers, gateway.deps.new_id))
        request_scope = RequestScope(gateway.settings.request_timeout_ms / 1000)
        route = _route(str(scope["path"]))
        gateway.on_shutdown.add(request_scope.shut_down)
        try:
            with request_scope.cancel_scope():
                await self._framed(scope, connection)
        except ClientGoneError:
            connection.status = connection.status or CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            # The framework raises again what it has answered.
            if not connection.status:
                with (
                    suppress(ClientGoneError, DeadlineError, ShutdownError),
                    request_scope.grace_period(GRACE_PERIOD_S),
                ):
                    await connection.send_error(errors.error(failure_from(error, gateway.log)))
        finally:
            gateway.on_shutdown.discard(request_scope.shut_down)
            request_scope.close()
            connection.release(gateway.bodies)
            gateway.metrics.http_requests.labels(route, str(connection.status)).inc()
            gateway.metrics.http_seconds.labels(route, "false").observe(gateway.deps.clock() - began)

    async def _framed(self, scope: Scope, connection: HttpConnection) -> None:
        """Check who asks, read what is sent to a tool, and let the framework answer."""
        gateway, path = self.gateway, str(scope["path"])
        receive: Receive = connection.receive
        if path not in _OPEN:
            gateway.pages.check_host(connection)
            authenticate(gateway, connection)
        if path.startswith("/tools") and scope["method"] in _SERVED:
            gateway.pages.check_tools(connection)
            if scope["method"] == "POST":
                if from_page(connection):
                    connection.check_content(declared=True)
                limit = min(gateway.settings.max_body_bytes, MAX_ARGUMENTS)
                receive = _read(await connection.read_body(limit, gateway.bodies))
        if scope["method"] == "HEAD":
            # The framework has no HEAD routes; the server omits the body of the response.
            scope = {**scope, "method": "GET"}
        await self._framework(scope, receive, connection.forward_message)  # type: ignore[arg-type]


def _read(body: bytes) -> Receive:
    """Return an ASGI `receive` that yields a body which has been read."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _route(path: str) -> str:
    """Return the metrics' label of a route."""
    path = path.removeprefix("/emulate").removeprefix("/passthrough")
    path = path.removeprefix("/v1")
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in ("models", "health", "livez", "readyz", "stats", "tools") else "other"


def create_app(settings: GatewaySettings, deps: Deps) -> App:
    """Return the gateway's app. Raises OSError for an unreadable file of keys."""
    return App(Gateway(settings, deps))
