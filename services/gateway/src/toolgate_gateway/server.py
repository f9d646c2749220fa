"""Serving a gateway: sockets, the event loop's server, metrics on their own port, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import cast

import uvicorn
from msgspec import Struct
from toolgate_runtime.errors import StartError
from toolgate_runtime.logs import Log, gathered
from toolgate_runtime.metrics import MetricsServer
from uvicorn._types import ASGIApplication

from toolgate_gateway.app import App, create_app
from toolgate_gateway.deps import Deps
from toolgate_gateway.exchange import Headers, Scope, Send
from toolgate_gateway.lifeline import Receive
from toolgate_gateway.settings import GatewaySettings

_BACKLOG = 2048
_IDLE_CONNECTION_S = 75
"""Longer than the idle time of usual clients' pools, so that it is they who close."""
_GC_THRESHOLDS = (20_000, 20, 100)
"""A full collection of a warm gateway takes longer than most requests; it is due a tenth as often as by default."""


class Ports(Struct, frozen=True):
    """The ports that were bound; `metrics` is 0 where they are off."""

    http: int
    metrics: int


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise `StartError` where the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


async def serve(
    settings: GatewaySettings,
    compose: Callable[[GatewaySettings], AbstractAsyncContextManager[Deps]],
    *,
    stop: asyncio.Event | None = None,
    ready: Callable[[Ports], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `stop` is set; then let what is in flight end within `drain_s`.

    `compose` gives the dependencies; `ready` is called once requests are taken. With `stop` given, signals are left to
    the caller. Raises `StartError` where a port or a file can't be had, `SettingsError` where a setting is wrong.
    """
    with ExitStack() as ports:
        listener = listen(settings.host, settings.port)
        ports.callback(listener.close)
        async with compose(settings) as deps:
            metrics = _serve_metrics(settings, deps, ports)
            app = _app(settings, deps)
            bound = Ports(listener.getsockname()[1], metrics)
            with gathered():
                end = _Ending(app, settings.health_grace_s, stop or _on_signals())
                await _run(_Server(settings, end), listener, bound, end, ready)


def _app(settings: GatewaySettings, deps: Deps) -> App:
    try:
        return create_app(settings, deps)
    except OSError as error:
        raise StartError(f"cannot read the API keys: {error.filename}: {error.strerror}") from error


def _serve_metrics(settings: GatewaySettings, deps: Deps, ports: ExitStack) -> int:
    if not settings.metrics:
        return 0
    try:
        metrics = MetricsServer(deps.registry, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        address = f"{settings.metrics_host}:{settings.metrics_port}"
        raise StartError(f"cannot serve metrics on {address}: {error.strerror or error}") from error
    ports.callback(metrics.close)
    return metrics.port


async def _run(
    server: _Server,
    listener: socket.socket,
    bound: Ports,
    end: _Ending,
    ready: Callable[[Ports], Awaitable[None]] | None,
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    watching = asyncio.create_task(end.begin(server))
    starting = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            # What stands now lives as long as the process: no collection needs to look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            Log().info("serving", port=bound.http, metrics_port=bound.metrics)
            if ready is not None:
                await ready(bound)
        await serving
    finally:
        starting.cancel()
        watching.cancel()


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


class _Ending:
    """The app, and how its end begins.

    Before connections are closed, readiness says no and each answer asks its client for a new connection, so that load
    balancers and clients go elsewhere while what they still send is served.
    """

    def __init__(self, app: App, grace_s: float, stop: asyncio.Event) -> None:
        self._app = app
        self._grace_s = grace_s
        self._stop = stop

    async def begin(self, server: _Server) -> None:
        """Wait for the end, announce it for the grace, and have the server stop."""
        await self._stop.wait()
        self._app.gateway.leaving = True
        if self._grace_s:
            Log().info("leaving", grace_s=self._grace_s)
            await asyncio.sleep(self._grace_s)
        server.should_exit = True

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer as the app does."""
        if self._app.gateway.leaving and scope["type"] == "http":
            return self._app(scope, receive, _closing(send))
        return self._app(scope, receive, send)


def _closing(send: Send) -> Send:
    def closing(message: dict[str, object]) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*cast("Headers", message.get("headers", ())), (b"connection", b"close")]
            message = {**message, "headers": headers}
        return send(message)

    return closing


class _Server(uvicorn.Server):
    """uvicorn, which says when it is up, and leaves signals alone: it would end the process by them."""

    def __init__(self, settings: GatewaySettings, app: _Ending) -> None:
        super().__init__(
            uvicorn.Config(
                cast("ASGIApplication", app),
                http="httptools",
                ws="none",
                lifespan="on",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_CONNECTION_S,
                timeout_graceful_shutdown=max(int(settings.drain_s), 1),
            )
        )
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
