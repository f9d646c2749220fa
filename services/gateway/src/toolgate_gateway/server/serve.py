"""Serves a gateway: listening sockets, uvicorn, the metrics port, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from msgspec import Struct
from toolgate_runtime.errors import StartError
from toolgate_runtime.logs import Log, gathered
from toolgate_runtime.metrics import serving_metrics
from toolgate_runtime.shutdown import Shutdown
from toolgate_runtime.sockets import listen

from toolgate_gateway.deps import Deps
from toolgate_gateway.http.connection import Headers, Scope, Send
from toolgate_gateway.http.pages import is_loopback
from toolgate_gateway.http.protocol import ClientConnection, Connections
from toolgate_gateway.http.request_scope import Receive
from toolgate_gateway.server.app import App, create_app
from toolgate_gateway.settings import GatewaySettings

_IDLE_CONNECTION_S = 75
"""Keep-alive timeout. Longer than that of common client pools, so that clients close idle connections, not the server:
a server that closes races with the client's next request."""
_GRACE_PERIOD_S = 2.0
"""Time that clients have to read the error that ends their request at shutdown."""
_ABORT_S = 0.2
_EMULATE = "/emulate"
_PASSTHROUGH = "/passthrough"
_WITHOUT_MODE = frozenset({"", "emulate", "passthrough", "health", "livez", "readyz", "stats", "tools"})
"""First segments of paths that get no mode prefix: those that name a mode, and routes without one."""
_GC_THRESHOLDS = (20_000, 20, 100)
"""A full collection of a warm gateway takes longer than most requests, so it runs a tenth as often as by default."""


class Ports(Struct, frozen=True):
    """The bound ports; 0: disabled."""

    http: int
    metrics: int
    emulate: int = 0
    passthrough: int = 0


Announce = Callable[[int, float], None]
"""Called at a drain with the number of requests in flight (at least 1) and the seconds that they have left."""


async def serve(
    settings: GatewaySettings,
    compose: Callable[[GatewaySettings], AbstractAsyncContextManager[Deps]],
    *,
    shutdown: Shutdown | None = None,
    ready: Callable[[Ports], Awaitable[None]] | None = None,
    draining: Announce | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `shutdown` asks; then drain for at most `drain_s` seconds.

    Args:
        settings: the gateway's settings.
        compose: creates the dependencies, and closes them at exit.
        shutdown: the caller's shutdown requests; None: SIGTERM and SIGINT are handled here.
        ready: called once requests are accepted.
        draining: called when a drain starts with requests in flight.

    Raises:
        StartError: a port or a file is unavailable.
        SettingsError: a setting is wrong.
    """
    with ExitStack() as ports:
        listeners = _listeners(settings, ports)
        async with compose(settings) as deps:
            metrics = ports.enter_context(serving_metrics(settings, deps.registry))
            app = _app(settings, deps)
            bound = {prefix: listener.getsockname()[1] for prefix, listener in listeners.items()}
            found = Ports(bound[""], metrics, bound.get(_EMULATE, 0), bound.get(_PASSTHROUGH, 0))
            with gathered():
                limit = min(settings.max_connections, max(_open_files() // 2, 1))
                modes = {port: prefix for prefix, port in bound.items() if prefix}
                end = GracefulShutdown(app, settings, shutdown or Shutdown.on_signals(), modes, draining)
                connections = Connections(limit, app.gateway.metrics.refused_connection)
                await _run(_Server(settings, end, connections), list(listeners.values()), found, end, ready)


def _listeners(settings: GatewaySettings, held: ExitStack) -> dict[str, socket.socket]:
    """Return the listening sockets, keyed by the path prefix of their mode; raise `StartError`."""
    chosen = {"": settings.port, _EMULATE: settings.emulate_port, _PASSTHROUGH: settings.passthrough_port}
    listeners = {}
    for prefix, port in chosen.items():
        if port is not None:
            listeners[prefix] = listen(settings.host, port)
            held.callback(listeners[prefix].close)
    return listeners


def _app(settings: GatewaySettings, deps: Deps) -> App:
    try:
        return create_app(settings, deps)
    except OSError as error:
        raise StartError(f"cannot read the API keys: {error.filename}: {error.strerror}") from error


def _open_files() -> int:
    """Raise this process's limit of open files to the hard limit, and return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        # Some systems report a hard limit that they do not grant.
        return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


async def _run(
    server: _Server,
    listeners: list[socket.socket],
    bound: Ports,
    end: GracefulShutdown,
    ready: Callable[[Ports], Awaitable[None]] | None,
) -> None:
    serving = asyncio.create_task(server.serve(sockets=listeners))
    watching = asyncio.create_task(end.run(server))
    starting = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            # Objects that exist now live as long as the process; the collector need not traverse them again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            further = {name: port for name in ("emulate", "passthrough") if (port := getattr(bound, name))}
            Log().info("serving", port=bound.http, metrics_port=bound.metrics, **further)
            end.warn_if_open()
            if ready is not None:
                await ready(bound)
        await serving
    finally:
        starting.cancel()
        watching.cancel()


class GracefulShutdown:
    """Wraps the app and shuts it down in steps.

    1. For `health_grace_s`: readiness fails and each response carries `connection: close`, so that load balancers and
       clients move to other replicas, while requests that still arrive are served.
    2. For `drain_s`: no new connections; requests in flight complete.
    3. Requests still in flight end with an error. Clients have `_GRACE_PERIOD_S` to read it.
    4. Connections are aborted, and their tasks cancelled.
    """

    def __init__(
        self,
        app: App,
        settings: GatewaySettings,
        shutdown: Shutdown,
        modes: Mapping[int, str],
        announce: Announce | None,
    ) -> None:
        """`modes`: port → path prefix of its mode."""
        self._app = app
        self._grace_s = settings.health_grace_s
        self._drain_s = settings.drain_s
        self._shutdown = shutdown
        self._modes = modes
        self._announce = announce

    def warn_if_open(self) -> None:
        """Warn once if the gateway listens beyond this machine without authentication."""
        gateway = self._app.gateway
        if not gateway.pipeline.keys.required and not is_loopback(gateway.settings.host):
            Log().warning(
                "no_api_keys",
                host=gateway.settings.host,
                hint="authentication is disabled: set TOOLGATE_API_KEYS or TOOLGATE_API_KEYS_FILE",
            )

    async def run(self, server: _Server) -> None:
        """Wait for a shutdown request, then take the steps."""
        await self._shutdown.asked.wait()
        self._app.gateway.draining = True
        in_flight = server.in_flight
        Log().info("draining", in_flight=in_flight, grace_s=self._grace_s, drain_s=self._drain_s)
        if self._announce is not None and in_flight:
            self._announce(in_flight, self._grace_s + self._drain_s)
        await self._wait_unless_at_once(self._grace_s)
        server.should_exit = True
        await self._wait_unless_at_once(self._drain_s)
        if server.in_flight:
            Log().warning("ending_requests", in_flight=server.in_flight)
        self._app.gateway.pipeline.end_requests()
        await asyncio.sleep(_GRACE_PERIOD_S)
        server.abort()
        # Tasks that waited for a client to read end by themselves once their connection is aborted.
        await asyncio.sleep(_ABORT_S)
        server.cancel()

    async def _wait_unless_at_once(self, seconds: float) -> None:
        """Wait for `seconds`, or until the shutdown is requested at once."""
        try:
            async with asyncio.timeout(seconds):
                await self._shutdown.at_once.wait()
        except TimeoutError:
            pass

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Call the app."""
        if self._modes and scope["type"] == "http":
            scope = _with_mode(scope, self._modes)
        if self._app.gateway.draining and scope["type"] == "http":
            return self._app(scope, receive, _closing(send))
        return self._app(scope, receive, send)


def _with_mode(scope: Scope, modes: Mapping[int, str]) -> Scope:
    """Return the ASGI scope with the path prefix of the mode of the port that received the request.

    A mode in the path takes precedence; routes without a mode keep their path.
    """
    server = cast("tuple[str, int] | None", scope.get("server"))
    prefix = modes.get(server[1]) if server else None
    path = str(scope["path"])
    if prefix is None or path.strip("/").partition("/")[0] in _WITHOUT_MODE:
        return scope
    raw = scope.get("raw_path")
    return {**scope, "path": prefix + path, "raw_path": prefix.encode() + raw if isinstance(raw, bytes) else None}


def _closing(send: Send) -> Send:
    def closing(message: dict[str, object]) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*cast("Headers", message.get("headers", ())), (b"connection", b"close")]
            message = {**message, "headers": headers}
        return send(message)

    return closing


class _Server(uvicorn.Server):
    """uvicorn with an event for its start, and without its signal handlers, which would end the process."""

    def __init__(self, settings: GatewaySettings, app: GracefulShutdown, connections: Connections) -> None:
        super().__init__(
            uvicorn.Config(
                cast("Any", app),
                http=cast("Any", partial(ClientConnection, all_connections=connections)),
                ws="none",
                lifespan="on",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_CONNECTION_S,
                # A fallback: `GracefulShutdown` ends requests in flight earlier.
                timeout_graceful_shutdown=int(settings.drain_s + 2 * _GRACE_PERIOD_S) + 1,
            )
        )
        self.up = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Number of requests in progress."""
        return len(self.server_state.tasks)

    def abort(self) -> None:
        """Abort every open connection."""
        for connection in tuple(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def cancel(self) -> None:
        """Cancel every request in progress."""
        for task in tuple(self.server_state.tasks):
            task.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set the event."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers alone."""
        yield
