"""The codec of OpenAI's chat completions: vLLM, SGLang, llama.cpp, OpenAI, Mistral and many more."""

from __future__ import annotations

from collections.abc import Mapping

from toolgate_core.jsontext import JsonObject, JsonTextError, decode
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_core.types.requests import ModelRequest

from toolgate_formats.codecs.base import Decoder, UpstreamRequest, upstream_failure
from toolgate_formats.codecs.openai_chat.decoder import StreamDecoder, WholeDecoder
from toolgate_formats.codecs.openai_chat.failures import FailureTable
from toolgate_formats.codecs.openai_chat.request import request_body
from toolgate_formats.redaction import Redactor


class OpenAIChatCodec:
    """OpenAI's chat completions at one upstream."""

    chat_path = "/v1/chat/completions"
    models_path = "/v1/models"

    def __init__(self, redactor: Redactor) -> None:
        self._failures = FailureTable(redactor)

    def request(self, request: ModelRequest, *, stream: bool) -> UpstreamRequest:
        """Return a chat request as it goes over the wire; raise `FailureError` where JSON cannot hold it."""
        try:
            return UpstreamRequest(self.chat_path, request_body(request, stream=stream))
        except JsonTextError as error:
            message = f"The request cannot be written as JSON: {error}."
            raise FailureError(
                Failure(kind=FailureKind.INVALID, message=message, refused=RefusedPart.REQUEST, origin="400")
            ) from error

    def decoder(self, content_type: str, *, stream: bool) -> Decoder | Failure:
        """Return a reader for an answer with status 200; a failure for a web page.

        A server may answer in the other form than asked; where its content type says nothing, it did as asked.
        """
        if content_type == "text/event-stream":
            return StreamDecoder(self._failures)
        if not stream or content_type == "application/json":
            return WholeDecoder(self._failures)
        if content_type == "text/html":
            return upstream_failure(FailureKind.ERROR, "The upstream answered with a web page.")
        return StreamDecoder(self._failures)

    def failure(
        self, status: int, body: bytes, headers: Mapping[str, str], *, sent: bytes = b"", now: float = 0.0
    ) -> Failure:
        """Return the failure of a response with another status than 200; `now`: Unix seconds, for dates."""
        return self._failures.from_status(status, body, headers, sent, now=now)

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object that came with status 200."""
        return self._failures.from_body(data)

    def models(self, body: bytes) -> list[JsonObject] | Failure:
        """Return the entries of `{"data": […]}`, or of a bare list, that have an id."""
        try:
            value = decode(body)
        except JsonTextError:
            value = None
        entries = value.get("data") if isinstance(value, dict) else value
        if not isinstance(entries, list):
            return upstream_failure(FailureKind.ERROR, "The upstream's list of models cannot be read.")
        return [_model(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")]


def _model(entry: JsonObject) -> JsonObject:
    """Add what OpenAI's model object always has, except for the owner, which identifies the kind of server."""
    created = entry.get("created")
    return {
        **entry,
        "id": str(entry["id"]),
        "object": "model",
        "created": created if isinstance(created, int) else 0,
    }
