"""Mutual TLS between the gateway and its services, with certificates that are renewed during operation.

A folder contains `tls.crt`, `tls.key` and `ca.crt`, as cert-manager and Kubernetes' TLS Secrets name them: the
process's own certificate, and the authority of its peers. Every peer that this authority signed is accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

import grpc
from msgspec import Struct

from toolgate_runtime.errors import StartError
from toolgate_runtime.settings import SettingsError

LOOK_EVERY_S = 30.0
"""Seconds between a client's checks for a renewed certificate; a server checks at every handshake."""
_OLD_CALLS_S = 600.0


class Identity(Struct, frozen=True):
    """A process's key and certificates, and the authority that it trusts, as PEM."""

    key: bytes
    certificates: bytes
    authority: bytes


def read_identity(folder: Path) -> Identity:
    """Return the current contents of the folder; raise `StartError` naming a file that is unreadable."""
    try:
        key, certificates, authority = ((folder / name).read_bytes() for name in ("tls.key", "tls.crt", "ca.crt"))
    except OSError as error:
        raise StartError(f"cannot read {error.filename}: {error.strerror}") from error
    return Identity(key, certificates, authority)


def check_identity(tls_dir: str) -> None:
    """Raise `SettingsError` if the setting names a folder without these files."""
    if not tls_dir:
        return
    try:
        read_identity(Path(tls_dir))
    except StartError as error:
        raise SettingsError(f"TOOLGATE_TLS_DIR: {error}") from error


def server_credentials(folder: Path) -> grpc.ServerCredentials:
    """Return credentials that require a client certificate, and use renewed files from the next handshake on."""
    held = read_identity(folder)

    # For gRPC, None means "unchanged"; its types omit that.
    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal held
        found = _found(folder, held)
        if found == held:
            return None
        held = found
        return _configuration(held)

    fetcher = cast("Callable[[], grpc.ServerCertificateConfiguration]", renewed)
    return grpc.dynamic_ssl_server_credentials(_configuration(held), fetcher, require_client_authentication=True)


def _found(folder: Path, held: Identity) -> Identity:
    try:
        return read_identity(folder)
    except StartError:
        # The files are being replaced: the previous ones are still valid.
        return held


def _configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(identity.key, identity.certificates)], root_certificates=identity.authority
    )


class RenewedChannel(grpc.aio.Channel):
    """A channel with a client certificate. gRPC cannot exchange it, so a renewed one opens a new connection.

    Calls in flight stay on the old connection. `get_state` checks the files, see `Channel.ready`.
    """

    def __init__(self, address: str, options: list[tuple[str, int | str]], folder: Path) -> None:
        self._address = address
        self._options = options
        self._folder = folder
        self._held = read_identity(folder)
        self._look_at = asyncio.get_running_loop().time() + LOOK_EVERY_S
        self._closing: dict[asyncio.Task[None], grpc.aio.Channel] = {}
        self.current = self._open()

    def _open(self) -> grpc.aio.Channel:
        held = self._held
        credentials = grpc.ssl_channel_credentials(held.authority, held.key, held.certificates)
        return grpc.aio.secure_channel(self._address, credentials, options=self._options)

    def look(self) -> None:
        """Use the current contents of the files, if they changed."""
        found = _found(self._folder, self._held)
        if found == self._held:
            return
        self._held = found
        old, self.current = self.current, self._open()
        closing = asyncio.create_task(old.close(_OLD_CALLS_S))
        self._closing[closing] = old
        closing.add_done_callback(self._closing.pop)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the connection, of a new one where the certificate was renewed."""
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self.look()
        return self.current.get_state(try_to_connect=try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state is another."""
        await self.current.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait for a connection."""
        await self.current.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Close it, and those that were before it."""
        before = dict(self._closing)
        for closing in before:
            closing.cancel()
        for channel in (*before.values(), self.current):
            await channel.close(grace)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return a method, as all four do: on the connection of the moment."""
        return self._method(lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Return a method."""
        return self._method(lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return a method."""
        return self._method(lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Return a method."""
        return self._method(lambda channel: channel.stream_stream(*args, **kwargs))

    def _method(self, make: Callable[[grpc.aio.Channel], Callable[..., Any]]) -> Callable[..., Any]:
        channel = self.current
        method = make(channel)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal channel, method
            if channel is not self.current:
                channel = self.current
                method = make(channel)
            return method(*args, **kwargs)

        return call
