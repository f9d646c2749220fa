"""Serving a gateway: sockets, the event loop's server, metrics on their own port, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from msgspec import Struct
from toolgate_runtime.errors import StartError
from toolgate_runtime.logs import Log, gathered
from toolgate_runtime.metrics import MetricsServer
from uvicorn._types import ASGIApplication

from toolgate_gateway.http.connection import Headers, Scope, Send
from toolgate_gateway.http.pages import is_loopback
from toolgate_gateway.http.protocol import ClientConnection, Connections
from toolgate_gateway.http.request_scope import Receive
from toolgate_gateway.server.app import App, create_app
from toolgate_gateway.server.deps import Deps
from toolgate_gateway.settings import GatewaySettings

_BACKLOG = 2048
_IDLE_CONNECTION_S = 75
"""Longer than the idle time of usual clients' pools, so that it is they who close."""
_GRACE_PERIOD_S = 2.0
"""How long clients may take to read the error that ends their request when the gateway ends."""
_BREAK_OFF_S = 0.2
_EMULATE = "/emulate"
_PASSTHROUGH = "/passthrough"
_WITHOUT_MODE = frozenset({"", "emulate", "passthrough", "health", "livez", "readyz", "stats", "tools"})
"""Paths by their first segment to which no mode is added: those that name one, and those that have none."""
_GC_THRESHOLDS = (20_000, 20, 100)
"""A full collection of a warm gateway takes longer than most requests; it is due a tenth as often as by default."""


class Ports(Struct, frozen=True):
    """The ports that were bound; 0 for those that are off."""

    http: int
    metrics: int
    emulate: int = 0
    passthrough: int = 0


class Shutdown:
    """How a gateway is asked to end. `asked`: requests in flight may end; `at_once`: they are ended with an error."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def signal(self) -> None:
        """Take a signal: the first one asks, a second one insists."""
        (self.at_once if self.asked.is_set() else self.asked).set()


Announce = Callable[[int, float], None]
"""What is called with the number of requests in flight, where there are any, and the seconds that they have."""


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
    shutdown: Shutdown | None = None,
    ready: Callable[[Ports], Awaitable[None]] | None = None,
    draining: Announce | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `shutdown` asks; then let what is in flight end within `drain_s`.

    `compose` gives the dependencies; `ready` is called once requests are taken. With `shutdown` given, signals are left
    to the caller. Raises `StartError` where a port or a file can't be had, `SettingsError` where a setting is wrong.
    """
    with ExitStack() as ports:
        listeners = _listeners(settings, ports)
        async with compose(settings) as deps:
            metrics = _serve_metrics(settings, deps, ports)
            app = _app(settings, deps)
            bound = {prefix: listener.getsockname()[1] for prefix, listener in listeners.items()}
            found = Ports(bound[""], metrics, bound.get(_EMULATE, 0), bound.get(_PASSTHROUGH, 0))
            with gathered():
                limit = min(settings.max_connections, max(_open_files() // 2, 1))
                modes = {port: prefix for prefix, port in bound.items() if prefix}
                end = GracefulShutdown(app, settings, shutdown or _on_signals(), modes, draining)
                connections = Connections(limit, app.gateway.metrics.refused_connection)
                await _run(_Server(settings, end, connections), list(listeners.values()), found, end, ready)


def _listeners(settings: GatewaySettings, held: ExitStack) -> dict[str, socket.socket]:
    """Return the listening sockets by the prefix of paths that stands for their mode; raise `StartError`."""
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
    """Raise how many files and sockets this process may open as far as it may itself, and return that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        # Some systems name a limit that they do not grant.
        return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def _serve_metrics(settings: GatewaySettings, deps: Deps, ports: ExitStack) -> int:
    if not settings.metrics:
        return 0
    try:
        metrics = MetricsServer(deps.registry, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        address = f"{settings.metrics_host}:{settings.metrics_port}"
        why = f"{error.strerror or error}; TOOLGATE_METRICS_PORT names another port"
        raise StartError(f"cannot serve metrics on {address}: {why}") from error
    ports.callback(metrics.close)
    return metrics.port


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
            # What stands now lives as long as the process: no collection needs to look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            further = {name: port for name in ("emulate", "passthrough") if (port := getattr(bound, name))}
            Log().info("serving", port=bound.http, metrics_port=bound.metrics, **further)
            end.warn_of_open_door()
            if ready is not None:
                await ready(bound)
        await serving
    finally:
        starting.cancel()
        watching.cancel()


def _on_signals() -> Shutdown:
    shutdown = Shutdown()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, shutdown.signal)
    return shutdown


class GracefulShutdown:
    """The app, and how it ends.

    Before connections are closed, readiness says no and each answer asks its client for a new connection, so that load
    balancers and clients go elsewhere while what they still send is served. Requests that are in flight after `drain_s`
    get an error, and a few seconds to read it.
    """

    def __init__(
        self,
        app: App,
        settings: GatewaySettings,
        shutdown: Shutdown,
        modes: Mapping[int, str],
        announce: Announce | None,
    ) -> None:
        """`modes`: the ports that stand for a mode, with the prefix of paths that does so too."""
        self._app = app
        self._grace_s = settings.health_grace_s
        self._drain_s = settings.drain_s
        self._shutdown = shutdown
        self._modes = modes
        self._announce = announce

    def warn_of_open_door(self) -> None:
        """Say once that everybody who reaches this gateway may use it, where that may be more than this machine."""
        gateway = self._app.gateway
        if not gateway.keys.required and not is_loopback(gateway.settings.host):
            Log().warning(
                "no_api_keys",
                host=gateway.settings.host,
                hint="everybody who reaches this address may use it: set TOOLGATE_API_KEYS or TOOLGATE_API_KEYS_FILE",
            )

    async def run(self, server: _Server) -> None:
        """Wait for the end, announce it for the grace, have the server stop, and end what takes too long."""
        await self._shutdown.asked.wait()
        self._app.gateway.draining = True
        in_flight = server.in_flight
        Log().info("draining", in_flight=in_flight, grace_s=self._grace_s, drain_s=self._drain_s)
        if self._announce is not None and in_flight:
            self._announce(in_flight, self._grace_s + self._drain_s)
        await self._insisted(self._grace_s)
        server.should_exit = True
        await self._insisted(self._drain_s)
        if server.in_flight:
            Log().warning("ending_requests", in_flight=server.in_flight)
        self._app.gateway.end_requests()
        await asyncio.sleep(_GRACE_PERIOD_S)
        server.abort()
        # What waited for a client to read ends by itself now that the client is gone.
        await asyncio.sleep(_BREAK_OFF_S)
        server.cancel()

    async def _insisted(self, seconds: float) -> None:
        """Wait, until the end is asked for at once."""
        try:
            async with asyncio.timeout(seconds):
                await self._shutdown.at_once.wait()
        except TimeoutError:
            pass

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer as the app does."""
        if self._modes and scope["type"] == "http":
            scope = _with_mode(scope, self._modes)
        if self._app.gateway.draining and scope["type"] == "http":
            return self._app(scope, receive, _closing(send))
        return self._app(scope, receive, send)


def _with_mode(scope: Scope, modes: Mapping[int, str]) -> Scope:
    """Return the scope with the path that stands for the mode of the port that it came by.

    A mode in the path counts more; paths that have no mode stay.
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
    """uvicorn, which says when it is up, and leaves signals alone: it would end the process by them."""

    def __init__(self, settings: GatewaySettings, app: GracefulShutdown, connections: Connections) -> None:
        super().__init__(
            uvicorn.Config(
                cast("ASGIApplication", app),
                http=cast("Any", partial(ClientConnection, all_connections=connections)),
                ws="none",
                lifespan="on",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_CONNECTION_S,
                # `GracefulShutdown` ends what is in flight; this only counts where it could not.
                timeout_graceful_shutdown=int(settings.drain_s + 2 * _GRACE_PERIOD_S) + 1,
            )
        )
        self.up = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return len(self.server_state.tasks)

    def abort(self) -> None:
        """Give up every connection that is left."""
        for connection in tuple(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def cancel(self) -> None:
        """Give up every request that is left."""
        for task in tuple(self.server_state.tasks):
            task.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
