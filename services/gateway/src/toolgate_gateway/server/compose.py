"""Builds a gateway's dependencies: its upstreams from the settings, its services over gRPC."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from toolgate_runtime.channel import Channel
from toolgate_runtime.logs import Log
from toolgate_runtime.metrics import new_registry, toolgate_version
from toolgate_runtime.ports import EXECUTOR, EXTRACTOR, TRANSFORMER
from toolgate_runtime.remote import RemoteExecutor, RemoteExtractor, RemoteHealth, RemoteTransformer
from toolgate_runtime.settings import SettingsError
from toolgate_runtime.store import MemoryStore

from toolgate_gateway.deps import Deps, DiscoveryConfig, Process, Services
from toolgate_gateway.settings import GatewaySettings, UpstreamEntry
from toolgate_gateway.upstreams.authentication import Authentication, authentication
from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.discovery.kubernetes import Kubernetes
from toolgate_gateway.upstreams.replicas import Replicas
from toolgate_gateway.upstreams.table import create_provider, find_provider

_POD_CONNECT_S = 2.0
"""Connect timeout to a pod. A pod that needs longer is probably gone, and another replica is tried."""

_ID_DIGITS = 24
_IDS_AT_ONCE = 256


class RandomIds:
    """Makes ids of 24 random hexadecimal digits.

    Asking the system for random bytes costs a microsecond, so it is asked for those of many ids at once. Threads may
    share it.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []

    def __call__(self) -> str:
        """Return the next id."""
        try:
            return self._ids.pop()
        except IndexError:
            digits = secrets.token_hex(_ID_DIGITS // 2 * _IDS_AT_ONCE)
            first, *self._ids = (digits[at : at + _ID_DIGITS] for at in range(0, len(digits), _ID_DIGITS))
            return first


def providers(settings: GatewaySettings) -> dict[str, Provider]:
    """Return a provider per upstream; raise `SettingsError`. Providers connect on first use."""
    built: dict[str, Provider] = {}
    for name, entry in settings.upstream_configs().items():
        try:
            config = UpstreamConfig(
                name=name,
                url=entry.url or entry.urls[0],
                authentication=_authentication(entry),
                provider=entry.provider,
                read_timeout_s=entry.read_timeout_s or settings.request_timeout_ms / 1000,
                max_connections=entry.max_connections,
                headers={name: value.get_secret_value() for name, value in entry.headers.items()},
                proxy=settings.upstream_proxy if entry.proxy is None else entry.proxy,
            )
            if entry.urls:
                built[name] = Replicas(config, entry.urls, create_provider, balance=entry.balance, clock=time.monotonic)
            else:
                built[name] = create_provider(config)
        except (OSError, ValueError) as error:
            raise SettingsError(f"upstreams: {name}: {error}") from error
    return built


def discovery_config(settings: GatewaySettings) -> DiscoveryConfig | None:
    """Return the discovery of upstreams at run time, or None if it is off."""
    if settings.discovery == "none":
        return None
    log = Log(show_content=settings.log_content)
    discovery = Kubernetes(namespace=settings.discovery_namespace, release=settings.discovery_release, log=log)
    return DiscoveryConfig(discovery, lambda name: _discovered_upstream(name, settings))


def _discovered_upstream(name: str, settings: GatewaySettings) -> Replicas:
    config = UpstreamConfig(
        name=name,
        url="http://pod",  # replaced by the URL of each replica
        authentication=authentication(settings.discovery_api_key.get_secret_value()),
        read_timeout_s=settings.request_timeout_ms / 1000,
        connect_timeout_s=_POD_CONNECT_S,
    )
    return Replicas(config, (), create_provider, balance=settings.discovery_balance, clock=time.monotonic)


def this_process(settings: GatewaySettings) -> Process:
    """Return the clocks, ids and names of the running process, with a new registry of metrics."""
    return Process(
        registry=new_registry(settings.service),
        clock=time.monotonic,
        now=time.time,
        new_id=RandomIds(),
        version=toolgate_version(),
        instance=socket.gethostname(),
    )


def _authentication(entry: UpstreamEntry) -> Authentication:
    """Return how the upstream's key is sent; raise OSError for an unreadable file, `ValueError` for a wrong value."""
    return authentication(entry.key(), entry.key_header or find_provider(entry.provider).key_header)


@asynccontextmanager
async def compose(settings: GatewaySettings, services: Services, process: Process) -> AsyncIterator[Deps]:
    """Yield a gateway's dependencies, and close the providers at exit; `services` are their owner's to close."""
    async with AsyncExitStack() as stack:
        store = MemoryStore(process.clock)
        stack.push_async_callback(store.aclose)
        upstreams = providers(settings)
        for provider in upstreams.values():
            stack.push_async_callback(provider.aclose)
        yield Deps(
            providers=upstreams,
            discovery=discovery_config(settings),
            transformer=services.transformer,
            extractor=services.extractor,
            executor=services.executor,
            health=services.health,
            registry=process.registry,
            clock=process.clock,
            now=process.now,
            new_id=process.new_id,
            version=process.version,
            instance=process.instance,
            store=store,
        )


@asynccontextmanager
async def remote_deps(settings: GatewaySettings) -> AsyncIterator[Deps]:
    """Yield the dependencies of a gateway whose services run as gRPC servers, and close them at exit."""
    async with AsyncExitStack() as stack:
        channels: dict[str, Channel] = {}
        addresses = {TRANSFORMER: settings.transformer, EXTRACTOR: settings.extractor, EXECUTOR: settings.executor}
        for service, address in addresses.items():
            channels[service] = Channel(address, tls_dir=settings.tls_dir)
            stack.push_async_callback(channels[service].aclose)
        services = Services(
            transformer=RemoteTransformer(channels[TRANSFORMER]),
            extractor=RemoteExtractor(channels[EXTRACTOR]),
            executor=RemoteExecutor(channels[EXECUTOR]),
            health={service: RemoteHealth(channel, service) for service, channel in channels.items()},
        )
        yield await stack.enter_async_context(compose(settings, services, this_process(settings)))
