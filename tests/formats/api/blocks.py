"""A second API format for tests, as unlike OpenAI's as Anthropic's Messages are.

Its streams are named events around indexed blocks, which open and close by kind; they end with `stop`, not `[DONE]`. Its
errors have another shape, its ids another prefix, and it has one choice. It forwards nothing in a normal form.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from toolgate_core.jsontext import JsonObject, decode
from toolgate_core.ladder import Answer
from toolgate_core.types.errors import RequestError
from toolgate_core.types.events import (
    AnswerEvent,
    ArgumentsDelta,
    CallStart,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import ChatRequest
from toolgate_formats.api.base import ErrorResponse, FormatOptions, Head, Identity
from toolgate_formats.api.failures import FAILURES, code_of, retry_headers
from toolgate_formats.api.openai_chat.parsing import parse_request

KINDS: dict[type[Any], str] = {TextDelta: "text", ReasoningDelta: "thinking", RefusalDelta: "refusal"}


def named(kind: str, /, **data: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps({"type": kind, **data}).encode())


class BlockWriter:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._began = False
        self._index = -1
        self._kind = ""

    def events(self, choice: int, events: Sequence[AnswerEvent]) -> bytes:
        parts: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                    parts += [self._block(KINDS[type(event)]), named("delta", index=self._index, text=text)]
                case CallStart():
                    parts.append(self._block(f"call {event.index}", id=event.id, name=event.name, fields=event.fields))
                case ArgumentsDelta(_, text):
                    parts.append(named("delta", index=self._index, text=text))
                case MessageFields(fields):
                    parts += [self._block("fields"), named("delta", index=self._index, fields=fields)]
                case _:
                    pass
        return self._begin() + b"".join(parts) if parts else b""

    def finish(self, choice: int, answer: Answer) -> bytes:
        raise AssertionError("there is one choice")

    def end(self, choice: int, answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        (answer,) = answers
        return self._begin() + self._close() + named("stop", **_summary(answer, metadata))

    def failure(self, failure: Failure, metadata: JsonObject) -> bytes:
        return named("error", **_error(failure), toolgate=metadata)

    def whole(self, events: Sequence[Sequence[AnswerEvent]], answers: Sequence[Answer], metadata: JsonObject) -> bytes:
        (said,), (answer,) = events, answers
        stream = BlockWriter(self._identity).events(0, said).decode()
        body = {"id": f"msg_{self._identity.id}", "model": self._identity.model, **_summary(answer, metadata)}
        return json.dumps({**body, "events": [json.loads(line[6:]) for line in stream.splitlines()[1::3]]}).encode()

    def _begin(self) -> bytes:
        began, self._began = self._began, True
        return b"" if began else named("start", id=f"msg_{self._identity.id}", model=self._identity.model)

    def _block(self, kind: str, **head: Any) -> bytes:
        if kind == self._kind:
            return b""
        closed = self._close()
        self._kind, self._index = kind, self._index + 1
        return closed + named("block", index=self._index, block=kind.split(maxsplit=1)[0], **head)

    def _close(self) -> bytes:
        kind, self._kind = self._kind, ""
        return named("block_stop", index=self._index) if kind else b""


def _summary(answer: Answer, metadata: JsonObject) -> dict[str, Any]:
    usage = answer.usage and [answer.usage.prompt_tokens, answer.usage.completion_tokens]
    fields = {**answer.choice_fields, **answer.answer_fields}
    return {"reason": answer.finish_reason, "usage": usage, "toolgate": metadata, "fields": fields}


def _error(failure: Failure) -> dict[str, Any]:
    return {"error": {"kind": failure.kind, "text": failure.message, "code": code_of(failure)}}


class Watch:
    error: bytes | None = None

    def feed(self, block: bytes) -> bytes:
        good, found, bad = block.partition(b"event: error\n")
        if found:
            self.error = bad.removeprefix(b"data: ").strip()
        return good


class Blocks:
    """The format; its requests are OpenAI's, at another path."""

    name = "blocks"
    path = "/v1/blocks"
    normal = None

    def parse(self, body: bytes) -> ChatRequest:
        request = parse_request(body)
        if request.n > 1:
            raise RequestError("n is not known here.", param="n")
        return request

    def head(self, body: bytes) -> Head:
        request = decode(body) if body.startswith(b"{") and body.endswith(b"}") else None
        if not isinstance(request, dict) or not isinstance(request.get("model"), str):
            raise RequestError("There is no model.", param="model")
        return Head(str(request["model"]), request.get("stream") is True)

    def watch(self) -> Watch:
        return Watch()

    def writer(self, request: ChatRequest, identity: Identity, options: FormatOptions) -> BlockWriter:
        return BlockWriter(identity)

    def error(self, failure: Failure) -> ErrorResponse:
        body = json.dumps({"type": "error", **_error(failure)}).encode()
        return ErrorResponse(FAILURES[failure.kind].status, retry_headers(failure), body)

    def error_event(self, failure: Failure) -> bytes:
        return named("error", **_error(failure))
