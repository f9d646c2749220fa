"""Runs a gRPC service: health, limits, metrics and graceful shutdown.

`run` is a service's whole `main`: it reads the settings, starts, serves until SIGTERM or SIGINT, drains, and returns
the exit status: 0, 1 for a failed start, 2 for wrong settings (each failure with one line on stderr).
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from toolgate_runtime import logs
from toolgate_runtime.errors import StartError
from toolgate_runtime.handling import Handling
from toolgate_runtime.logs import Log
from toolgate_runtime.metrics import RpcMetrics, new_registry, serving_metrics, toolgate_version
from toolgate_runtime.settings import GrpcSettings, load_or_exit
from toolgate_runtime.settingwarnings import warnings_of
from toolgate_runtime.shutdown import Shutdown
from toolgate_runtime.sockets import join_address, listen
from toolgate_runtime.tls import server_credentials


class GrpcService(Protocol):
    """A service that `Server` can serve."""

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service's handlers to a server."""
        ...

    async def aclose(self) -> None:
        """Release the service's resources."""
        ...


class Described(Protocol):
    """The used parts of a protobuf service descriptor."""

    full_name: str
    methods_by_name: Any


S = TypeVar("S", bound=GrpcSettings)


class Server:
    """A gRPC server for one service; `port` is the bound port."""

    def __init__(self, settings: GrpcSettings, service: GrpcService, descriptor: Described, log: Log) -> None:
        self._settings = settings
        self._service = service
        self._log = log
        self._server = grpc.aio.server(
            options=server_options(settings), maximum_concurrent_rpcs=settings.max_concurrent_calls
        )
        self._health = health.aio.HealthServicer()
        self._name = descriptor.full_name
        # The kubelet's gRPC probe has no client certificate, so health also has a port without TLS.
        self._probed = grpc.aio.server() if settings.health_port else None
        self.port = 0

    async def start(self) -> None:
        """Bind and serve; raise `StartError` if a port or a certificate is unavailable."""
        settings = self._settings
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._service.register(self._server)
        credentials = server_credentials(Path(settings.tls_dir)) if settings.tls_dir else None
        self.port = _listen(self._server, settings.grpc_host, settings.grpc_port, credentials)
        if self._probed:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probed)
            _listen(self._probed, settings.grpc_host, settings.health_port, None)
            await self._probed.start()
        await self._server.start()
        for name in ("", self._name):
            await self._health.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING"))

    async def drain(self) -> None:
        """Report NOT_SERVING for `health_grace_s`, reject new calls, wait `drain_s` for those in flight, and stop."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.health_grace_s)
        await self._server.stop(self._settings.drain_s)
        if self._probed:
            await self._probed.stop(None)
        await self._service.aclose()


def _listen(server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
    # gRPC does not report why a bind failed; a plain socket does.
    listen(host, port).close()
    address = join_address(host, port)
    try:
        return server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        raise StartError(f"cannot listen on {address}") from error


def server_options(settings: GrpcSettings) -> list[tuple[str, int]]:
    """Return the options of every server."""
    return [
        *_connection_age(settings),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # A second process on the same port is a mistake; with port reuse it would silently receive half of the calls.
        ("grpc.so_reuseport", 0),
        # Clients ping every 10 seconds (see `channel`); by default gRPC closes connections that ping within 5 minutes.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 0),
    ]


def _connection_age(settings: GrpcSettings) -> list[tuple[str, int]]:
    """Return a maximum connection age: reconnecting is how clients discover new replicas in DNS (grpc/grpc#12295)."""
    if not settings.max_connection_age_s:
        return []
    return [
        ("grpc.max_connection_age_ms", int(settings.max_connection_age_s * 1000)),
        # gRPC aborts calls that run longer than this; `Handling` ends them at the same age.
        ("grpc.max_connection_age_grace_ms", int(settings.max_call_s * 1000)),
    ]


def run(
    settings_class: type[S], build: Callable[[S, Handling, CollectorRegistry], GrpcService], descriptor: Described
) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status; `build` creates the service inside the event loop."""
    settings, source = load_or_exit(settings_class)
    log = logs.configure(
        settings.service, level=settings.log_level, debug=settings.debug, show_content=settings.log_content
    )
    for text in warnings_of(source, settings, {}):
        log.warning("setting", text=text)
    try:
        uvloop.run(_serve_logged(settings, build, descriptor, log))
    except StartError as error:
        print(f"toolgate-{settings.service}: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve_logged(
    settings: S, build: Callable[[S, Handling, CollectorRegistry], GrpcService], descriptor: Described, log: Log
) -> None:
    with logs.gathered():
        await _serve(settings, build, descriptor, log)


async def _serve(
    settings: S, build: Callable[[S, Handling, CollectorRegistry], GrpcService], descriptor: Described, log: Log
) -> None:
    registry = new_registry(settings.service)
    rpc_metrics = RpcMetrics(registry, settings.service, sorted(descriptor.methods_by_name))
    handling = Handling(settings.service, rpc_metrics, log, max_call_s=settings.max_call_s)
    shutdown = Shutdown.on_signals()
    with serving_metrics(settings, registry) as metrics_port:
        server = Server(settings, build(settings, handling, registry), descriptor, log)
        await server.start()
        # Objects that exist now live as long as the process; the collector need not traverse them again.
        gc.collect()
        gc.freeze()
        log.info(
            "serving",
            version=toolgate_version(),
            grpc=join_address(settings.grpc_host, server.port),
            metrics=f"{settings.metrics_host}:{metrics_port}" if metrics_port else "off",
        )
        await shutdown.asked.wait()
        log.info("draining", drain_s=settings.drain_s)
        await server.drain()
    log.info("stopped")
