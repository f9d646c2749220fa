"""Send the requests of checks: one at a time, each with a time limit and a bound on its answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from msgspec import json as msgspec_json
from msgspec import structs

from toolgate_cli.doctor.reading import Raw, read_answer, read_models, shown
from toolgate_cli.doctor.seen import Seen
from toolgate_cli.failure import CommandError

GATEWAY: Final = "toolgate-gateway"
MAX_ANSWER_BYTES: Final = 4 << 20
"""Bytes of an answer that are read; a server that sends more does not end."""
_PROBE_S: Final = 5.0
_CONNECT_S: Final = 10.0
_WAIT: Final = httpx.Timeout(None, connect=_CONNECT_S)
"""The time limit covers the whole request, so that slow bytes do not extend it."""
_ENDINGS: Final = ("/chat/completions", "/models", "/v1")


class Server:
    """A gateway, or a server that speaks OpenAI's API, at a URL with or without `/v1`."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        """Raise `CommandError` for an invalid URL."""
        self.base = _base_of(url)
        self._headers = {"authorization": f"Bearer {key or 'none'}", "user-agent": "toolgate-doctor"}
        self._timeout_s = timeout_s
        # Proxies of the environment are not for local servers.
        self._far = urlsplit(self.base).hostname not in ("localhost", "127.0.0.1", "::1")
        self.is_gateway = False
        self.vllm = ""
        self.services: dict[str, str] = {}

    async def find(self) -> None:
        """Detect the kind of server. Both probes can fail: any server of OpenAI's API is fine."""
        health, version = await asyncio.gather(self._probe("/health"), self._probe("/version"))
        self.is_gateway = health.get("service") == GATEWAY
        services = health.get("services")
        if self.is_gateway and isinstance(services, dict):
            self.services = {shown(name): shown(state) for name, state in services.items()}
        self.vllm = shown(version.get("version", "")) if isinstance(version.get("version"), str) else ""

    async def models(self) -> tuple[Seen, list[tuple[str, str]]]:
        """Return the observation of the model list, and the models with their owners."""
        raw = await self._send("GET", "/v1/models", None, self._timeout_s)
        if isinstance(raw, Seen) and raw.odd == "reset":
            raw = await self._peek() or raw
        return (raw, []) if isinstance(raw, Seen) else read_models(raw)

    async def ask(self, fields: Mapping[str, Any], *, stream: bool, path: str = "") -> Seen:
        """Send one request; failures are observations, too. `path` chooses one of the gateway's modes."""
        began = time.monotonic()
        body = {**fields, "stream": True} if stream else fields
        raw = await self._send("POST", f"{path}/v1/chat/completions", body, self._timeout_s)
        seen = raw if isinstance(raw, Seen) else read_answer(raw, stream=stream)
        return structs.replace(seen, seconds=round(time.monotonic() - began, 2))

    async def _probe(self, path: str) -> dict[str, Any]:
        raw = await self._send("GET", path, None, _PROBE_S)
        if isinstance(raw, Seen) or raw.status != 200:
            return {}
        try:
            value = msgspec_json.decode(raw.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    async def _peek(self) -> Seen | None:
        """Return what a server that closes the connection sends instead of HTTP; None for nothing."""
        parts = urlsplit(self.base)
        writer = None
        try:
            async with asyncio.timeout(_PROBE_S):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                first = await reader.read(64)
        except (OSError, TimeoutError):
            return None
        finally:
            if writer is not None:
                writer.close()
        if parts.scheme == "https" or not first or first.startswith(b"HTTP/"):
            return None
        return Seen(status=0, odd="not_http", detail=shown(first.decode("latin-1")))

    async def _send(self, method: str, path: str, body: object, limit_s: float) -> Raw | Seen:
        """Return the answer, or the observation of a failure."""
        try:
            async with asyncio.timeout(limit_s), httpx.AsyncClient(timeout=_WAIT, trust_env=self._far) as client:
                content = None if body is None else msgspec_json.encode(body)
                headers = {**self._headers, **({"content-type": "application/json"} if content else {})}
                request = client.build_request(method, self.base + path, content=content, headers=headers)
                return await _read(client, request)
        except TimeoutError:
            return Seen(status=0, odd="own_timeout", detail=f"{limit_s:g}")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return _from_error(error)


async def _read(client: httpx.AsyncClient, request: httpx.Request) -> Raw | Seen:
    response = await client.send(request, stream=True)
    parts: list[bytes] = []
    size = 0
    cut = False
    try:
        # A body with invalid compression is reported like any other cut body.
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                return Seen(status=response.status_code, odd="too_large", detail=f"{MAX_ANSWER_BYTES >> 20} MiB")
    except (httpx.TransportError, httpx.DecodingError):
        cut = True
    finally:
        await response.aclose()
    return Raw(status=response.status_code, headers=dict(response.headers), body=b"".join(parts), cut=cut)


def _from_error(error: Exception) -> Seen:
    """Return the observation for a failed connection; the reason is in the chained exceptions."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 10:
        causes.append(cause)
    text = shown(next((str(each) for each in causes if str(each)), type(error).__name__))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return Seen(status=0, odd="certificate", detail=shown(each.verify_message))
        if isinstance(each, ssl.SSLError):
            return Seen(status=0, odd="tls", detail=text)
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Seen(status=0, odd="address", detail=text)
    if isinstance(error, httpx.ConnectTimeout):
        return Seen(status=0, odd="refused", detail=f"no connection within {_CONNECT_S:g} s")
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return Seen(status=0, odd="refused", detail=text)
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in text:
        return Seen(status=0, odd="not_http", detail=text)
    # A connection that is closed silently gives no better reason.
    return Seen(status=0, odd="reset", detail=text)


def _base_of(url: str) -> str:
    """Return the address before `/v1`; a bare `host:port` is taken as http."""
    text = url.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in text):
        raise CommandError(f"{shown(url)!r} is not a server's URL; write it like http://127.0.0.1:8000/v1")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    for ending in _ENDINGS:
        base = base.removesuffix(ending)
    return base
