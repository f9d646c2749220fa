"""The body of an upstream's HTTP response, read within bounds, and the headers of it that clients may get."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
from toolgate_core.limits import MAX_FORWARDED_HEADER, MAX_FORWARDED_HEADERS, MAX_INFLATED_READ_BYTES
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.base import upstream_failure

DRAIN_WAIT_S: Final = 0.05
"""How long to wait for the end of a finished response, so that its connection can be used again. Seconds."""

FORWARDED_HEADERS: Final = ("content-type", "openai-", "x-ratelimit-")
"""Prefixes of the headers that are forwarded; all others are between the gateway and the upstream."""

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_INFLATABLE: Final = frozenset({"gzip", "x-gzip", "deflate"})


def forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that clients may get, names in lower case.

    A value that is not printable ASCII cannot be written again (some servers send UTF-8), and is left out.
    """
    kept: dict[str, str] = {}
    for header, value in headers.items():
        name = header.lower()
        if not name.startswith(FORWARDED_HEADERS) or len(kept) >= MAX_FORWARDED_HEADERS:
            continue
        if is_header_value(value):
            kept.setdefault(name, value)
    return kept


def is_header_value(value: str) -> bool:
    """Whether `value` can be written as a header's value."""
    return len(value) <= MAX_FORWARDED_HEADER and value.isascii() and value.isprintable()


class ResponseBody:
    """The body of one response, read part by part.

    The upstream is asked not to compress. A body that is compressed anyway is inflated here, a bounded part at a time:
    aiohttp would inflate all that has arrived at once.
    """

    __slots__ = ("_coding", "_inflater", "_limit", "_pending", "_response", "_size")

    def __init__(self, response: aiohttp.ClientResponse, limit: int) -> None:
        """`limit`: the bytes of the whole body, inflated, beyond which a read fails."""
        self._response = response
        self._limit = limit
        self._size = 0
        coding = response.headers.get("content-encoding", "").strip().lower()
        self._coding = "" if coding == "identity" else coding
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB) if coding in _INFLATABLE else None
        self._pending = b""

    @property
    def at_end(self) -> bool:
        """Whether all of the body has been read; False also while that is unknown."""
        # A decompressor may hold back output after its last input.
        return not self._coding and self._response.content.at_eof()

    async def read(self) -> bytes | Failure:
        """Return what has arrived, empty at the end; wait for the first byte of it."""
        try:
            part = await (self._inflated() if self._coding else self._response.content.readany())
        except TimeoutError:
            return upstream_failure(FailureKind.TIMEOUT, "The upstream stopped sending data.")
        except (aiohttp.ClientError, OSError):
            return upstream_failure(
                FailureKind.CUT, "The upstream closed the connection before its answer was complete."
            )
        except zlib.error:
            return upstream_failure(FailureKind.ERROR, "The upstream's answer has a compression that cannot be read.")
        self._size += len(part)
        if self._size > self._limit:
            return upstream_failure(FailureKind.ERROR, f"The upstream's answer has more than {self._limit} bytes.")
        return part

    async def read_all(self) -> bytes | Failure:
        """Return the whole body."""
        parts: list[bytes] = []
        while True:
            part = await self.read()
            if isinstance(part, Failure):
                return part
            if part:
                parts.append(part)
            if not part or self.at_end:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def close(self, *, complete: bool) -> None:
        """Release the connection: back to the pool if it was read to its end, else closed, which cancels the answer."""
        response = self._response
        if response.closed:
            return  # read to its end, it went back to the pool by itself
        if complete and not response.content.is_eof():
            try:
                async with asyncio.timeout(DRAIN_WAIT_S):
                    while await response.content.readany():
                        pass
            except (TimeoutError, aiohttp.ClientError, OSError):
                pass
        if response.content.is_eof():
            response.release()
        else:
            response.close()

    async def _inflated(self) -> bytes:
        if self._inflater is None:
            raise zlib.error(f"unknown coding {self._coding}")
        while True:
            raw = self._pending or await self._response.content.readany()
            if not raw or self._inflater.eof:
                self._pending = b""
                return self._inflater.flush()  # a few bytes at most
            part = self._inflater.decompress(raw, MAX_INFLATED_READ_BYTES)
            self._pending = self._inflater.unconsumed_tail
            if part:
                return part
            await asyncio.sleep(0)  # input without output must not block the event loop


def as_pairs(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers from `forwarded_headers`, without the content type, in ASGI's form."""
    return [(name.encode(), value.encode()) for name, value in headers if name != "content-type"]
