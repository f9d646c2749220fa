"""A gRPC channel to one service: balanced over its replicas, reconnected within a second.

A call does not queue for an unreachable service: it waits at most `RECONNECT_GRACE_S` for a connection and then fails.
gRPC retries an idempotent call once if its connection breaks before the first byte of the response.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc

from toolgate_runtime.tls import RenewedChannel

DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
RECONNECT_GRACE_S = 1.0
"""Time that a call waits for a lost connection to be restored, in seconds."""

_IDEMPOTENT = [
    {"service": "toolgate.prompt_transformer.v1.PromptTransformerService"},
    {"service": "toolgate.extractor.v1.ExtractorService"},
    {"service": "toolgate.tool_executor.v1.ToolExecutorService", "method": "ListTools"},
    {"service": "grpc.health.v1.Health", "method": "Check"},
]
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": _IDEMPOTENT,
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
        # gRPC's default backoff grows to two minutes; a restarted service must be found within a second.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        # A peer that vanished without closing (a lost node) is noticed after 15 seconds.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.ping_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ]


class Channel:
    """A channel to one service; create it inside the event loop that uses it.

    Args:
        address: `host:port`, or any other gRPC target.
        max_message_bytes: maximum size of a message, both ways.
        tls_dir: the folder of certificates for mutual TLS (see `tls`); empty: plain text.
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
        """Wait for a connection, at most `RECONNECT_GRACE_S`, and return the rest of `timeout_s` in seconds.

        Without a connection by then, it returns as well; the call then fails at once.
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
