"""Putting a gateway together: its upstreams from the settings, its services over gRPC."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from toolgate_runtime.channel import Channel
from toolgate_runtime.metrics import new_registry, toolgate_version
from toolgate_runtime.ports import EXECUTOR, EXTRACTOR, TRANSFORMER
from toolgate_runtime.remote import RemoteExecutor, RemoteExtractor, RemoteHealth, RemoteTransformer
from toolgate_runtime.settings import SettingsError

from toolgate_gateway.deps import Deps
from toolgate_gateway.providers import create_provider
from toolgate_gateway.providers.base import Provider
from toolgate_gateway.providers.upstream import UpstreamConfig
from toolgate_gateway.settings import GatewaySettings


def new_id() -> str:
    """Return 24 random hexadecimal digits."""
    return secrets.token_hex(12)


def providers(settings: GatewaySettings) -> dict[str, Provider]:
    """Return a provider per upstream; raise `SettingsError`. They open connections when first used."""
    built: dict[str, Provider] = {}
    for name, place in settings.places().items():
        try:
            config = UpstreamConfig(
                name=name,
                url=place.url,
                api_key=place.key(),
                provider=place.provider,
                read_timeout_s=place.read_timeout_s or settings.request_timeout_ms / 1000,
                max_connections=place.max_connections,
                headers=place.headers,
            )
            built[name] = create_provider(config)
        except (OSError, ValueError) as error:
            raise SettingsError(f"upstreams: {name}: {error}") from error
    return built


@asynccontextmanager
async def remote_deps(settings: GatewaySettings) -> AsyncIterator[Deps]:
    """Give the dependencies of a gateway whose services are reached over gRPC, and close them in the end."""
    async with AsyncExitStack() as stack:
        upstreams = providers(settings)
        for provider in upstreams.values():
            stack.push_async_callback(provider.aclose)
        channels: dict[str, Channel] = {}
        addresses = {TRANSFORMER: settings.transformer, EXTRACTOR: settings.extractor, EXECUTOR: settings.executor}
        for service, address in addresses.items():
            channels[service] = Channel(address)
            stack.push_async_callback(channels[service].aclose)
        yield Deps(
            providers=upstreams,
            transformer=RemoteTransformer(channels[TRANSFORMER]),
            extractor=RemoteExtractor(channels[EXTRACTOR]),
            executor=RemoteExecutor(channels[EXECUTOR]),
            health={service: RemoteHealth(channel, service) for service, channel in channels.items()},
            registry=new_registry(settings.service),
            clock=time.monotonic,
            now=time.time,
            new_id=new_id,
            version=toolgate_version(),
            instance=socket.gethostname(),
        )
