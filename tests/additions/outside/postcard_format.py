"""An API format: `postcard`, whose requests are lines of text and whose answers are, too."""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.jsontext import JsonObject, encode
from toolgate_core.ladder.outcome import Answer
from toolgate_core.types.errors import RequestError
from toolgate_core.types.events import AnswerEvent, ArgumentsDelta, CallStart, TextDelta
from toolgate_core.types.failures import Failure
from toolgate_core.types.messages import text_message
from toolgate_core.types.requests import ChatRequest, ToolChoice, ToolDefinition
from toolgate_formats.api.base import ErrorResponse, FormatOptions, Head, Identity
from toolgate_formats.api.failures import FAILURES


class PostcardWriter:
    """Writes an answer: `CALL name arguments`, or the text."""

    def events(self, choice: int, events: Sequence[AnswerEvent]) -> bytes:
        """Return the texts of the events."""
        out = []
        for event in events:
            if isinstance(event, TextDelta):
                out.append(event.text)
            elif isinstance(event, CallStart):
                out.append(f"CALL {event.name} ")
            elif isinstance(event, ArgumentsDelta):
                out.append(event.json)
        return "".join(out).encode()

    def finish(self, choice: int, answer: Answer) -> bytes:
        """Return nothing: a postcard has one answer."""
        return b""

    def end(self, choice: int, answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the last line."""
        return b"\nYours\n"

    def failure(self, failure: Failure, metadata: JsonObject) -> bytes:
        """Return the line of a stream that failed."""
        return f"\nLOST {failure.kind.value}\n".encode()

    def whole(self, events: Sequence[Sequence[AnswerEvent]], answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        """Return the whole card."""
        return self.events(0, events[0]) + self.end(0, answers, metadata)


class PostcardFormat:
    """`POST /v1/postcards`: the model on the first line, a tool's name on the second, the question below."""

    name = "postcard"
    path = "/v1/postcards"
    normal = None

    def parse(self, body: bytes) -> ChatRequest:
        """Return the request of a card."""
        lines = body.decode().split("\n")
        if len(lines) < 3:
            raise RequestError("A postcard has at least three lines.", param="lines")
        tool = ToolDefinition(lines[1], "", {"type": "object", "properties": {"city": {"type": "string"}}})
        function: JsonObject = {"name": tool.name, "parameters": tool.parameters}
        return ChatRequest(
            model=lines[0],
            messages=(text_message("user", "\n".join(lines[2:])),),
            tools=(tool,),
            tools_json=encode([{"type": "function", "function": function}]),
            tool_choice=ToolChoice("auto"),
        )

    def head(self, body: bytes) -> Head:
        """Return the model of a card that is forwarded."""
        return Head(body.decode().split("\n")[0])

    def watch(self) -> PostcardWatch:
        """Return a watch that finds nothing."""
        return PostcardWatch()

    def writer(self, request: ChatRequest, identity: Identity, options: FormatOptions) -> PostcardWriter:
        """Return a writer."""
        return PostcardWriter()

    def error(self, failure: Failure) -> ErrorResponse:
        """Return a line, with the status that all formats share."""
        return ErrorResponse(FAILURES[failure.kind].status, (), f"LOST {failure.kind.value}".encode())

    def error_event(self, failure: Failure) -> bytes:
        """Return the same line inside a stream."""
        return f"LOST {failure.kind.value}\n".encode()


class PostcardWatch:
    """Watches nothing."""

    error: bytes | None = None

    def feed(self, block: bytes) -> bytes:
        """Return the block."""
        return block
