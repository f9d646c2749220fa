"""A codec: the wire format `pigeon`, whose answers are lines: `say TEXT`, `call NAME ARGUMENTS`, and `done`."""

from __future__ import annotations

from collections.abc import Mapping

from toolgate_core.jsontext import JsonObject, encode
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.messages import text_of
from toolgate_core.types.requests import ModelRequest
from toolgate_core.types.vocabulary import FinishReason
from toolgate_formats.codecs.base import Decoded, UpstreamRequest, upstream_failure
from toolgate_formats.redaction import Redactor


class PigeonDecoder:
    """Reads one answer; a line is a chunk."""

    max_bytes = 1 << 20
    awaits_usage = False

    def __init__(self) -> None:
        self.complete = False
        self._rest = b""
        self._calls = 0

    def feed(self, data: bytes) -> Decoded:
        """Return what the lines say so far."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        text, calls = "", []
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "say":
                text += rest
            elif word == "call":
                name, _, arguments = rest.partition(" ")
                calls.append(CallDelta(self._calls, None, name, arguments))
                self._calls += 1
            self.complete = self.complete or word == "done"
        ended: FinishReason = "tool_calls" if self._calls else "stop"
        finish = ended if self.complete else None
        return (ResponseChunk(text=text, calls=tuple(calls), finish=finish),) if text or calls or finish else ()

    def close(self, failure: Failure | None = None) -> Decoded:
        """Return the failure of an answer that ended early."""
        return (failure or upstream_failure(FailureKind.CUT, "The pigeon did not arrive."),)


class PigeonCodec:
    """The wire format."""

    chat_path = "/v1/pigeon"
    models_path = "/v1/models"

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def request(self, request: ModelRequest, *, stream: bool) -> UpstreamRequest:
        """Write the messages and the names of the tools."""
        said: list[JsonObject] = [{"by": each.role, "text": text_of(each.parts)} for each in request.messages]
        body = {"to": request.model, "said": said, "tools": [tool.name for tool in request.tools]}
        return UpstreamRequest(self.chat_path, encode(body))  # type: ignore[arg-type]

    def decoder(self, content_type: str, *, stream: bool) -> PigeonDecoder:
        """Return a reader of lines; streams and whole answers are the same."""
        return PigeonDecoder()

    def failure(
        self, status: int, body: bytes, headers: Mapping[str, str], *, sent: bytes = b"", now: float = 0.0
    ) -> Failure:
        """Return the failure of any other status."""
        return upstream_failure(FailureKind.ERROR, "The pigeon refused.")

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error inside an answer."""
        return upstream_failure(FailureKind.ERROR, "The pigeon fell.")

    def models(self, body: bytes) -> list[JsonObject] | Failure:
        """Return the one model that a pigeon reaches."""
        return [{"id": "m", "object": "model"}]
