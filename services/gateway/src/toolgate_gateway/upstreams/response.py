"""The body of an upstream's HTTP response, read within bounds, and the headers of it that may go on to a client."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
from toolgate_core.limits import MAX_FORWARDED_HEADER, MAX_FORWARDED_HEADERS, MAX_INFLATED_READ_BYTES
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.openai_chat.failures import FailureTable

DRAIN_WAIT_S: Final = 0.05
"""How long the end of a finished response is waited for, so that its connection can be used again."""

FORWARDED_HEADERS: Final = ("content-type", "openai-", "x-ratelimit-")
"""How the names of the headers begin that are forwarded; all others are between the gateway and the upstream."""

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_INFLATABLE: Final = frozenset({"gzip", "x-gzip", "deflate"})


def forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be passed on, names in lower case.

    A value that is not printable ASCII can't be written again (some servers send UTF-8), and is left out.
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
    """Whether `value` may be written as a header's value, as it is."""
    return len(value) <= MAX_FORWARDED_HEADER and value.isascii() and value.isprintable()


class ResponseBody:
    """The body of one response, read part by part.

    The upstream is asked not to compress. One that does so all the same is inflated here, a bounded part at a time:
    aiohttp would inflate all that has arrived at once.
    """

    __slots__ = ("_coding", "_failures", "_inflater", "_limit", "_pending", "_response", "_size")

    def __init__(self, response: aiohttp.ClientResponse, failures: FailureTable, limit: int) -> None:
        """`limit`: the bytes of the whole body, inflated, beyond which a read fails."""
        self._response = response
        self._failures = failures
        self._limit = limit
        self._size = 0
        coding = response.headers.get("content-encoding", "").strip().lower()
        self._coding = "" if coding == "identity" else coding
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB) if coding in _INFLATABLE else None
        self._pending = b""

    @property
    def at_end(self) -> bool:
        """Whether all of the body has been read; False also where that is not known yet."""
        return not self._pending and self._response.content.at_eof()

    async def read(self) -> bytes | Failure:
        """Return what has arrived, empty at the end; wait for the first byte of it."""
        try:
            part = await (self._inflated() if self._coding else self._response.content.readany())
        except TimeoutError:
            return self._failures.plain(FailureKind.TIMEOUT, "The upstream fell silent.")
        except (aiohttp.ClientError, OSError):
            return self._failures.plain(
                FailureKind.CUT, "The upstream closed the connection before its answer was complete."
            )
        except zlib.error:
            return self._failures.plain(
                FailureKind.ERROR, "The upstream's answer is compressed in a way that can't be read."
            )
        self._size += len(part)
        if self._size > self._limit:
            return self._failures.plain(FailureKind.ERROR, f"The upstream's answer has more than {self._limit} bytes.")
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
        """Give the connection up: back to the pool if it was read to its end, else closed, which cancels it."""
        response = self._response
        if response.closed:
            return  # read to its end, it has gone back to the pool by itself
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
            await asyncio.sleep(0)  # bytes that bring nothing must not hold up everybody else


def as_pairs(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers that have passed `forwarded_headers`, the content's type aside, as ASGI wants them."""
    return [(name.encode(), value.encode()) for name, value in headers if name != "content-type"]
