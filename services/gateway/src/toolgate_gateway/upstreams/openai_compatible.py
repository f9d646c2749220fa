"""The provider for upstreams that speak OpenAI's chat completions: vLLM, SGLang, llama.cpp, OpenAI, and many more."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Mapping
from typing import Final

import aiohttp
from toolgate_core.jsontext import JsonObject, JsonTextError, decode
from toolgate_core.limits import MAX_ERROR_BYTES, MAX_ERROR_CODE, MAX_MODEL_LIST_BYTES
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_formats.codecs.openai_chat.failures import RESET, FailureTable
from toolgate_formats.codecs.openai_chat.wire import request_bytes
from toolgate_formats.profiles import VERSION_KEY, VLLM

from toolgate_gateway.upstreams.answers import ForwardedBytes, StreamedAnswer, WholeAnswer
from toolgate_gateway.upstreams.base import CHAT_PATH, JSON_TYPE, NO_TEXTS, ForwardedAnswer, ModelAnswer
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.response import ResponseBody, is_header_value

READ_BUFFER_BYTES: Final = 16 * 1024
"""Below this mark aiohttp tries to resume the transport for every chunk that is taken out, which burdens bursts."""
MODELS_TIMEOUT_S: Final = 10.0
VERSION_TIMEOUT_S: Final = 2.0
RESEND_WITHIN_S: Final = 2.0
"""A connection that breaks later than this broke on the request, not in the pool: it is not sent again."""
RECONNECT_PAUSE_S: Final = 0.05
_SLOW_TO_COPY_BYTES: Final = 1024 * 1024


class OpenAICompatible:
    """One OpenAI-compatible upstream. Its pool of connections opens with the first request, in the running loop."""

    def __init__(self, config: UpstreamConfig) -> None:
        self.name = config.name
        self._config = config
        self._chat_url = config.chat_url
        self._models_url = config.models_url
        self._failures = FailureTable((config.api_key or "", config.host))
        self._headers = _headers(config)
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self, body: JsonObject, *, stream: bool, request_id: str, texts: Mapping[str, bytes] = NO_TEXTS
    ) -> ModelAnswer | Failure:
        """Send a chat request and await the answer's head."""
        try:
            data = request_bytes(body, texts, stream=stream)
        except JsonTextError as error:
            message = f"The request cannot be written as JSON: {error}."
            return Failure(kind=FailureKind.INVALID, message=message, refused=RefusedPart.REQUEST, origin="400")
        # The ladder goes on to another attempt by itself: a second one of the same kind would multiply its own.
        response = await self._post(data, request_id, error_retries=0)
        if isinstance(response, Failure):
            return response
        # A server may answer in the other form than asked; where it says nothing, it did as asked.
        kind = response.content_type
        streamed = kind == "text/event-stream" or (stream and kind != "application/json")
        if not streamed:
            return WholeAnswer(response, self._failures)
        if kind == "text/html":
            await ResponseBody(response, self._failures, 0).close(complete=False)
            return self._failures.plain(FailureKind.ERROR, "The upstream answered with a web page.")
        return StreamedAnswer(response, self._failures)

    async def forward(
        self,
        body: bytes,
        *,
        stream: bool,  # noqa: ARG002 - the body already says whether to stream
        request_id: str,
        path: str = CHAT_PATH,
        content_type: str = JSON_TYPE,
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched."""
        url = self._chat_url if path == CHAT_PATH else self._config.url_of(path)
        response = await self._post(body, request_id, url, content_type, error_retries=self._config.error_retries)
        return response if isinstance(response, Failure) else ForwardedBytes(response, self._failures)

    async def models(self) -> list[JsonObject] | Failure:
        """Return the upstream's models, in the form of OpenAI's model objects."""
        try:
            async with asyncio.timeout(MODELS_TIMEOUT_S):
                response = await self._send("GET", self._models_url, None, None)
                if isinstance(response, Failure):
                    return response
                listing = ResponseBody(response, self._failures, MAX_MODEL_LIST_BYTES)
                body = await listing.read_all()
                await listing.close(complete=True)
        except TimeoutError:
            return self._failures.plain(FailureKind.TIMEOUT, "The upstream did not list its models in time.")
        if isinstance(body, Failure):
            return body
        cards = self._model_list(body)
        if not isinstance(cards, Failure) and any(card.get("owned_by") == VLLM for card in cards):
            version = await self._server_version()
            cards = [{**card, VERSION_KEY: version} for card in cards]
        return cards

    async def _server_version(self) -> str:
        """Return the version that vLLM tells at /version; empty where it tells none."""
        try:
            async with asyncio.timeout(VERSION_TIMEOUT_S):
                response = await self._send("GET", self._config.url_of("/version"), None, None)
                if isinstance(response, Failure):
                    return ""
                answer = ResponseBody(response, self._failures, MAX_ERROR_BYTES)
                body = await answer.read_all()
                await answer.close(complete=True)
            told = b"" if isinstance(body, Failure) else body
            value = decode(told)
        except (TimeoutError, JsonTextError):
            return ""
        version = value.get("version") if isinstance(value, dict) else None
        return version[:MAX_ERROR_CODE] if isinstance(version, str) else ""

    async def aclose(self) -> None:
        """Close every pooled connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _post(
        self,
        data: bytes,
        request_id: str,
        url: str | None = None,
        content_type: str = JSON_TYPE,
        *,
        error_retries: int = 0,
    ) -> Coroutine[None, None, aiohttp.ClientResponse | Failure]:
        headers = {"X-Request-Id": request_id} if is_header_value(request_id) else {}
        if content_type != JSON_TYPE and is_header_value(content_type):
            headers["Content-Type"] = content_type
        return self._send("POST", url or self._chat_url, data, headers or None, error_retries=error_retries)

    async def _send(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str] | None, *, error_retries: int = 0
    ) -> aiohttp.ClientResponse | Failure:
        """Send a request, again where that is safe and may help, and return a response with status 200."""
        resends, errors = self._config.retries, error_retries
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            # aiohttp wants long bodies as a file, which it sends in parts.
            payload = io.BytesIO(data) if data is not None and len(data) > _SLOW_TO_COPY_BYTES else data
            try:
                response = await self._pool().request(method, url, data=payload, headers=headers, allow_redirects=False)
            except (TimeoutError, OSError, aiohttp.ClientError) as error:
                outcome, status = self._broken(error), 0
            else:
                if response.status == 200:
                    return response
                outcome, status = await self._refused(response, data or b""), response.status
            if outcome.kind is FailureKind.UNREACHABLE and resends:
                if loop.time() - began > RESEND_WITHIN_S:
                    return outcome
                # Once for a pooled connection that was stale; a request that ends a server must not end it again.
                resends = 0 if outcome.code == RESET else resends - 1
                await asyncio.sleep(RECONNECT_PAUSE_S)
            elif (
                outcome.kind is FailureKind.ERROR
                and status in (500, 502)
                and errors
                and outcome.should_retry is not False
            ):
                errors -= 1
            else:
                return outcome

    def _broken(self, error: TimeoutError | OSError | aiohttp.ClientError) -> Failure:
        match error:
            case aiohttp.ConnectionTimeoutError():
                return self._failures.plain(FailureKind.UNREACHABLE, "No connection to the upstream in time.")
            case TimeoutError():
                return self._failures.plain(FailureKind.TIMEOUT, "The upstream did not answer in time.")
            case aiohttp.ClientHttpProxyError():
                return self._failures.plain(FailureKind.UNREACHABLE, "The proxy does not connect to the upstream.")
            case aiohttp.ClientConnectorError():
                return self._failures.plain(FailureKind.UNREACHABLE, "No connection to the upstream.")
            case OSError() | aiohttp.ServerDisconnectedError():
                message = "The upstream closed the connection before it answered."
                return self._failures.plain(FailureKind.UNREACHABLE, message, code=RESET)
            case _:
                return self._failures.plain(FailureKind.ERROR, "The upstream's answer is not HTTP.")

    async def _refused(self, response: aiohttp.ClientResponse, sent: bytes) -> Failure:
        refusal = ResponseBody(response, self._failures, MAX_ERROR_BYTES)
        body = await refusal.read_all()
        await refusal.close(complete=False)
        text = b"" if isinstance(body, Failure) else body
        return self._failures.from_status(response.status, text, response.headers, sent)

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            config = self._config
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=config.max_connections, keepalive_timeout=config.keepalive_s, ttl_dns_cache=30
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=config.connect_timeout_s, sock_read=config.read_timeout_s
                ),
                read_bufsize=READ_BUFFER_BYTES,
                auto_decompress=False,
                # Not `trust_env`, which would also send the passwords of ~/.netrc.
                proxy=config.proxy_url,
            )
        return self._session

    def _model_list(self, body: bytes) -> list[JsonObject] | Failure:
        try:
            value = decode(body)
        except JsonTextError:
            value = None
        entries = value.get("data") if isinstance(value, dict) else value
        if not isinstance(entries, list):
            return self._failures.plain(FailureKind.ERROR, "The upstream's list of models can't be read.")
        return [_model(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")]


def _headers(config: UpstreamConfig) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",  # forwarded bytes are the upstream's own, and a stream is not held up
        "User-Agent": "toolgate",
    }
    if config.api_key:
        headers["Authorization"] = f"Bearer {config.api_key}"
    return {**headers, **config.headers}


def _model(entry: JsonObject) -> JsonObject:
    """Fill in what OpenAI's model object always has, but the owner, which tells the kind of server."""
    created = entry.get("created")
    return {
        **entry,
        "id": str(entry["id"]),
        "object": "model",
        "created": created if isinstance(created, int) else 0,
    }
