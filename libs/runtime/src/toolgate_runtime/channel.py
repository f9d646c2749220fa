"""A client's way to one service: a channel that is spread over its replicas and comes back within a second.

A call does not queue behind a service that is gone: it waits at most `RECONNECT_GRACE_S` for a connection and then
fails. Where a call is pure, gRPC itself repeats it once when its connection breaks before the first byte of an answer.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc

from toolgate_runtime.tls import RenewedChannel

DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
RECONNECT_GRACE_S = 1.0
"""How long a call waits for a connection that was lost, in seconds."""

_PURE = [
    {"service": "toolgate.prompt_transformer.v1.PromptTransformerService"},
    {"service": "toolgate.extractor.v1.ExtractorService"},
    {"service": "toolgate.tool_executor.v1.ToolExecutorService", "method": "ListTools"},
    {"service": "grpc.health.v1.Health", "method": "Check"},
]
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": _PURE,
            "retryPolicy": {
                "maxAttempts": 2,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


def channel_options(max_message_bytes: int) -> list[tuple[str, int | str]]:
    """Return the options of every channel."""
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # gRPC's own backoff grows to two minutes; a service that is back must be found within a second.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        # A peer that is gone without a word (a node lost) is noticed after 15 seconds.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.ping_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ]


class Channel:
    """A channel to one service. Made within the event loop that uses it.

    Args:
        address: gRPC's (`host:port`).
        max_message_bytes: the largest message that is sent or taken.
        tls_dir: the folder of mutual TLS (see `tls`); empty: plain.
    """

    def __init__(self, address: str, *, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, tls_dir: str = "") -> None:
        self.address = address
        options = channel_options(max_message_bytes)
        self.grpc: grpc.aio.Channel
        if tls_dir:
            self.grpc = RenewedChannel(address, options, Path(tls_dir))
        else:
            self.grpc = grpc.aio.insecure_channel(address, options=options)

    async def ready(self, timeout_s: float) -> float:
        """Wait for a connection, at most the grace, and return what is left of `timeout_s`.

        A channel that still has none is left to the call, which then fails at once.
        """
        if self.grpc.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return timeout_s
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout(min(RECONNECT_GRACE_S, timeout_s)):
                await self.grpc.channel_ready()
        except TimeoutError:
            pass
        return timeout_s - (loop.time() - start)

    async def aclose(self) -> None:
        """Close the channel; calls in flight are cancelled."""
        await self.grpc.close()
