"""The provider of one server: a codec, the HTTP transport, and the profile of the server where it is recognised."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import aiohttp
from toolgate_core.jsontext import JsonObject, JsonTextError, decode
from toolgate_core.limits import MAX_ERROR_BYTES, MAX_ERROR_CODE, MAX_MODEL_LIST_BYTES
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ModelRequest
from toolgate_formats.codecs.base import Codec, upstream_failure
from toolgate_formats.profiles.base import VERSION_KEY, find_profile
from toolgate_formats.profiles.table import PROFILES

from toolgate_gateway.upstreams.answers import DecodedAnswer, ForwardedBytes
from toolgate_gateway.upstreams.base import JSON_TYPE, CallContext, ForwardedAnswer, ModelAnswer
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.response import ResponseBody, is_header_value
from toolgate_gateway.upstreams.transport import HttpTransport

MODELS_TIMEOUT_S: Final = 10.0
VERSION_TIMEOUT_S: Final = 2.0


class HttpProvider:
    """One server."""

    def __init__(self, config: UpstreamConfig, codec: Codec, transport: HttpTransport) -> None:
        self.name = config.name
        self._config = config
        self._codec = codec
        self._transport = transport
        self._chat_url = config.url_of(codec.chat_path)

    async def call(self, request: ModelRequest, context: CallContext) -> ModelAnswer | Failure:
        """Send a chat request and await the head of its answer."""
        try:
            written = self._codec.request(request, stream=context.stream)
        except FailureError as error:
            return error.failure
        # The ladder's next attempt is the retry of a server error: one here would multiply the two.
        response = await self._post(self._url(written.path), written.body, context, written.headers)
        if isinstance(response, Failure):
            return response
        decoder = self._codec.decoder(response.content_type, stream=context.stream)
        if isinstance(decoder, Failure):
            await ResponseBody(response, 0).close(complete=False)
            return decoder
        return DecodedAnswer(response, decoder)

    async def forward(
        self, body: bytes, context: CallContext, *, path: str = "", content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched; without a `path`, to the chat completions."""
        headers = {"Content-Type": content_type} if content_type != JSON_TYPE and is_header_value(content_type) else {}
        url = self._url(path) if path else self._chat_url
        response = await self._post(url, body, context, headers, error_retries=self._config.error_retries)
        return response if isinstance(response, Failure) else ForwardedBytes(response, self._codec)

    async def models(self) -> list[JsonObject] | Failure:
        """Return the upstream's models, each with the server's version where the server is known to report one."""
        try:
            async with asyncio.timeout(MODELS_TIMEOUT_S):
                body = await self._transport.get(self._url(self._codec.models_path), MAX_MODEL_LIST_BYTES)
        except TimeoutError:
            return upstream_failure(FailureKind.TIMEOUT, "The upstream did not list its models in time.")
        cards = body if isinstance(body, Failure) else self._codec.models(body)
        if isinstance(cards, Failure):
            return cards
        profile = next(filter(None, (find_profile(card, PROFILES) for card in cards)), None)
        if profile is None or not profile.version_path:
            return cards
        version = await self._server_version(profile.version_path)
        return [{**card, VERSION_KEY: version} for card in cards]

    async def aclose(self) -> None:
        """Close every pooled connection."""
        await self._transport.aclose()

    def _url(self, path: str) -> str:
        return self._chat_url if path == self._codec.chat_path else self._config.url_of(path)

    def _post(
        self, url: str, data: bytes, context: CallContext, headers: Mapping[str, str], *, error_retries: int = 0
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse | Failure]:
        if is_header_value(context.request_id):
            headers = {**headers, "X-Request-Id": context.request_id}
        return self._transport.send("POST", url, data, headers or None, error_retries=error_retries)

    async def _server_version(self, path: str) -> str:
        """Return the version that the server reports at `path`; empty where it reports none in time."""
        try:
            async with asyncio.timeout(VERSION_TIMEOUT_S):
                body = await self._transport.get(self._config.url_of(path), MAX_ERROR_BYTES)
            value = decode(b"" if isinstance(body, Failure) else body)
        except (TimeoutError, JsonTextError):
            return ""
        version = value.get("version") if isinstance(value, dict) else None
        return version[:MAX_ERROR_CODE] if isinstance(version, str) else ""
