"""The HTTP transport: a pool of connections to one upstream, authentication, and retries where they are safe."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Mapping
from typing import Final

import aiohttp
from msgspec.structs import replace
from toolgate_core.limits import MAX_ERROR_BYTES
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.base import Codec, upstream_failure

from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.response import ResponseBody
from toolgate_gateway.upstreams.retries import RESET, Retries, RetryPolicy

READ_BUFFER_BYTES: Final = 16 * 1024
"""Below this mark aiohttp tries to resume the transport for every chunk that is taken out, which slows bursts down."""
_SLOW_TO_COPY_BYTES: Final = 1024 * 1024


class HttpTransport:
    """Reaches one upstream. Its pool of connections opens with the first request, in the running loop."""

    def __init__(self, config: UpstreamConfig, codec: Codec) -> None:
        """`codec` reads the errors of the upstream."""
        self._config = config
        self._codec = codec
        self._retry_policy = RetryPolicy(connects=config.retries)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str] | None, *, error_retries: int = 0
    ) -> aiohttp.ClientResponse | Failure:
        """Send a request, again where the retry policy allows it, and return a response with status 200.

        `error_retries`: how often status 500 or 502 is tried again.
        """
        loop = asyncio.get_running_loop()
        retries: Retries | None = None
        while True:
            began = loop.time()
            # aiohttp wants long bodies as a file, which it sends in parts.
            payload = io.BytesIO(data) if data is not None and len(data) > _SLOW_TO_COPY_BYTES else data
            try:
                # A redirect would lead the key and the request to an address that is not configured.
                response = await self._pool().request(method, url, data=payload, headers=headers, allow_redirects=False)
            except (TimeoutError, OSError, aiohttp.ClientError) as error:
                failure = _connection_failure(error)
            else:
                if response.status == 200:
                    return response
                failure = await self._read_failure(response, data or b"")
            retries = retries or Retries(replace(self._retry_policy, errors=error_retries))
            pause_s = retries.pause_s(failure, loop.time() - began)
            if pause_s is None:
                return failure
            if pause_s:
                await asyncio.sleep(pause_s)

    async def get(self, url: str, limit: int) -> bytes | Failure:
        """Return the body of a GET, of at most `limit` bytes."""
        response = await self.send("GET", url, None, None)
        if isinstance(response, Failure):
            return response
        body = ResponseBody(response, limit)
        try:
            return await body.read_all()
        finally:
            await body.close(complete=True)

    async def aclose(self) -> None:
        """Close every pooled connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _read_failure(self, response: aiohttp.ClientResponse, sent: bytes) -> Failure:
        error = ResponseBody(response, MAX_ERROR_BYTES)
        body = await error.read_all()
        await error.close(complete=False)
        # Where the body cannot be read, the status alone names the failure.
        text = b"" if isinstance(body, Failure) else body
        return self._codec.failure(response.status, text, response.headers, sent=sent, now=time.time())

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            config = self._config
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=config.max_connections, keepalive_timeout=config.keepalive_s, ttl_dns_cache=30
                ),
                # Cookies would join the requests of different clients.
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_headers(config),
                timeout=aiohttp.ClientTimeout(
                    # No total: an answer can take long, and the request's deadline ends it.
                    total=None,
                    sock_connect=config.connect_timeout_s,
                    sock_read=config.read_timeout_s,
                ),
                read_bufsize=READ_BUFFER_BYTES,
                # aiohttp's decompression has no bound; `ResponseBody` inflates within one.
                auto_decompress=False,
                # Not `trust_env`, which would also send the passwords of ~/.netrc.
                proxy=config.proxy_url,
            )
        return self._session


def _headers(config: UpstreamConfig) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        # Forwarded bytes are the upstream's own, and compression would delay a stream.
        "Accept-Encoding": "identity",
        "User-Agent": "toolgate",
        **config.authentication.headers(),
        **config.headers,
    }


def _connection_failure(error: TimeoutError | OSError | aiohttp.ClientError) -> Failure:
    """Return the failure of a request without a response. Its message does not quote `error`, which names the host."""
    match error:
        # A kind of `TimeoutError`, and so before it: without a connection nothing was sent.
        case aiohttp.ConnectionTimeoutError():
            return upstream_failure(FailureKind.UNREACHABLE, "No connection to the upstream in time.")
        case TimeoutError():
            return upstream_failure(FailureKind.TIMEOUT, "The upstream did not answer in time.")
        case aiohttp.ClientHttpProxyError():
            return upstream_failure(FailureKind.UNREACHABLE, "The proxy does not connect to the upstream.")
        case aiohttp.ClientConnectorError():
            return upstream_failure(FailureKind.UNREACHABLE, "No connection to the upstream.")
        case OSError() | aiohttp.ServerDisconnectedError():
            message = "The upstream closed the connection before it answered."
            return upstream_failure(FailureKind.UNREACHABLE, message, code=RESET)
        case _:
            return upstream_failure(FailureKind.ERROR, "The upstream's answer is not HTTP.")
