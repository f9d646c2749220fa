"""The ASGI app: chat is answered below the framework, all else by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import cast

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from toolgate_core.vocabulary import Mode

from toolgate_gateway import api
from toolgate_gateway.chat import Chat, authenticate
from toolgate_gateway.deps import Deps
from toolgate_gateway.errors import explain, shutting_down
from toolgate_gateway.exchange import Exchange, Headers, Scope, Send, request_id_of
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.lifeline import Receive
from toolgate_gateway.settings import GatewaySettings

CHAT_PATHS: dict[str, Mode | None] = {
    "/v1/chat/completions": None,
    "/emulate/v1/chat/completions": Mode.EMULATE,
    "/passthrough/v1/chat/completions": Mode.PASSTHROUGH,
}
"""Path → the mode that it stands for; none: the header's, or the default."""

_OPEN = frozenset({"/health", "/livez", "/readyz"})
"""Probes carry no keys."""

_EXPOSED = ("x-request-id", "x-toolgate-priority", "x-toolgate-attempts", "retry-after", "x-should-retry")


class App:
    """The gateway as an ASGI app. `gateway` is its state, for whoever composes it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._chat = Chat(gateway)
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
        """Answer one request, or take part in the server's lifespan."""
        # A web page must never reach tools: they act on the server's side.
        if self._cors is not None and scope["type"] == "http" and not str(scope["path"]).startswith("/tools"):
            return self._cors(scope, receive, send)  # type: ignore[arg-type]
        return self._dispatch(scope, receive, send)

    def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._framework(scope, receive, send)  # type: ignore[arg-type]
        path = scope["path"]
        if scope["method"] == "POST" and path in CHAT_PATHS:
            return self._chat(scope, receive, send, CHAT_PATHS[path])
        return self._plain(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the framework answer, with what every answer has: an id, a key where one is due, a count."""
        gateway = self.gateway
        began = gateway.deps.clock()
        headers: Headers = scope["headers"]  # type: ignore[assignment]
        exchange = Exchange(scope, receive, send, request_id_of(headers, gateway.deps.new_id))
        route = _route(str(scope["path"]))
        task = asyncio.current_task()
        assert task is not None
        gateway.enders.add(task.cancel)
        try:
            if scope["path"] not in _OPEN:
                authenticate(gateway, exchange.header(b"authorization"))
            await self._framework(scope, receive, exchange.relay)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            if not gateway.ending:
                raise
            task.uncancel()
            if not exchange.status:
                await exchange.fail(shutting_down())
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            # The framework raises again what it has answered.
            if not exchange.status:
                await exchange.fail(explain(error, gateway.log))
        finally:
            gateway.enders.discard(task.cancel)
            gateway.metrics.http_requests.labels(route, str(exchange.status)).inc()
            gateway.metrics.http_seconds.labels(route, "false").observe(gateway.deps.clock() - began)


def _route(path: str) -> str:
    """Return the metrics' label of a path."""
    path = path.removeprefix("/emulate").removeprefix("/passthrough")
    if path.startswith("/v1/models"):
        return "models"
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in ("health", "livez", "readyz", "stats", "tools") else "other"


def create_app(settings: GatewaySettings, deps: Deps) -> App:
    """Return the gateway's app. Raises OSError where a file of keys can't be read."""
    return App(Gateway(settings, deps))
