"""Answers of an upstream, read from HTTP responses: decoded by a codec, or forwarded as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import aiohttp
from toolgate_core.limits import MAX_STREAM_BYTES
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_formats.codecs.base import Codec, Decoder

from toolgate_gateway.upstreams.response import ResponseBody, forwarded_headers

USAGE_WAIT_S: Final = 2.0
"""How long a finished answer is held for the chunk with its usage."""


class DecodedAnswer:
    """An answer that a decoder reads, with one call of the decoder for each read of the socket."""

    __slots__ = ("_body", "_decoder", "_failure", "headers")

    def __init__(self, response: aiohttp.ClientResponse, decoder: Decoder) -> None:
        self.headers: Mapping[str, str] = forwarded_headers(response.headers)
        self._body = ResponseBody(response, decoder.max_bytes)
        self._decoder = decoder
        self._failure: Failure | None = None

    async def read(self) -> ResponseChunk | Failure:
        """Return all that has arrived since the last read, joined."""
        if self._failure is not None:
            return self._failure
        decoder = self._decoder
        while True:
            part = await (self._last_read() if decoder.awaits_usage else self._body.read())
            if isinstance(part, Failure):
                decoded = decoder.close(part)
            else:
                decoded = decoder.feed(part) if part else ()
                if not decoded and (not part or self._body.at_end):
                    decoded = decoder.close()
            if decoded:
                last = decoded[-1]
                self._failure = last if isinstance(last, Failure) else None
                return decoded[0]

    async def close(self) -> None:
        """Release the connection."""
        await self._body.close(complete=self._decoder.complete)

    async def _last_read(self) -> bytes | Failure:
        """Read once more, briefly: some servers neither send usage nor close the stream."""
        try:
            async with asyncio.timeout(USAGE_WAIT_S):
                return await self._body.read()
        except TimeoutError:
            return b""


class ForwardedBytes:
    """An answer that is forwarded as bytes."""

    __slots__ = ("_body", "_codec", "headers")

    def __init__(self, response: aiohttp.ClientResponse, codec: Codec) -> None:
        self.headers: Mapping[str, str] = forwarded_headers(response.headers)
        self._body = ResponseBody(response, MAX_STREAM_BYTES)
        self._codec = codec

    def read(self) -> Coroutine[Any, Any, bytes | Failure]:
        """Return the bytes that have arrived, empty at the end."""
        return self._body.read()

    @property
    def at_end(self) -> bool:
        """Whether all bytes have been read; False also while that is unknown."""
        return self._body.at_end

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body reports; some servers send errors with status 200."""
        if b'"choices"' in body or b'"error"' not in body:
            return None
        return self._codec.error(body)

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object."""
        return self._codec.error(data)

    def end(self, origin: str = "200") -> None:
        """Do nothing: only a metered answer counts."""

    async def close(self, *, complete: bool = False) -> None:
        """Release the connection."""
        await self._body.close(complete=complete or self._body.at_end)
