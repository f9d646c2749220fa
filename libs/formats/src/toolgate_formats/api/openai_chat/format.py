"""OpenAI's chat completions as an API format."""

from __future__ import annotations

import msgspec
from toolgate_core.jsontext import DECODE_ERRORS
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest

from toolgate_formats.api.base import ErrorResponse, FormatOptions, Head, Identity
from toolgate_formats.api.openai_chat import errors
from toolgate_formats.api.openai_chat.normal import ChatNormalForm
from toolgate_formats.api.openai_chat.parsing import parse_request
from toolgate_formats.api.openai_chat.writer import ChatWriter
from toolgate_formats.codecs.openai_chat.event_blocks import ErrorWatch

_head = msgspec.json.Decoder(Head)


class OpenAIChat:
    """The format of `POST /v1/chat/completions`."""

    name = "openai_chat"
    path = "/v1/chat/completions"
    normal = ChatNormalForm()

    def parse(self, body: bytes) -> ChatRequest:
        """Return the request; raise `RequestError` for the first thing that is wrong with it."""
        return parse_request(body)

    def head(self, body: bytes) -> Head:
        """Return what routes a request that is forwarded untouched; raise `RequestError`."""
        try:
            return _head.decode(body)
        except DECODE_ERRORS as error:
            text = str(error)
            param = next((name for name in ("model", "stream") if f"`{name}`" in text or f"$.{name}" in text), None)
            raise RequestError(f"The body cannot be read: {text}.", param=param) from error

    def watch(self) -> ErrorWatch:
        """Return a watch for one forwarded stream."""
        return ErrorWatch()

    def writer(self, request: ChatRequest, identity: Identity, options: FormatOptions) -> ChatWriter:
        """Return a writer for one answer."""
        return ChatWriter(request, identity, options)

    def error(self, failure: Failure) -> ErrorResponse:
        """Return the HTTP response to a request that failed before its answer began."""
        return errors.error(failure)

    def error_event(self, failure: Failure) -> bytes:
        """Return the event that ends a forwarded stream which failed."""
        return errors.error_event(failure)
