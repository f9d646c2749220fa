"""Requests without tools whose client and upstream both speak OpenAI's chat format."""

from __future__ import annotations

import re

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_core.types.requests import ChatRequest

from toolgate_formats.api.openai_chat.writer import ID_PREFIX
from toolgate_formats.codecs.openai_chat.normal import LearnedIdentity, whole_answer
from toolgate_formats.codecs.openai_chat.normal_stream import NormalStream, Options, as_chunk, as_whole
from toolgate_formats.codecs.openai_chat.request import chat_body
from toolgate_formats.normal import AnswerFault, Identity
from toolgate_formats.sse import SseReader

# Where one of these is in a body, the upstream may stumble over a null or an empty list that means nothing.
_SUSPECTS = (b"null", b'"tools"', b'"functions"', b'"tool_choice"', b'"function_call"')
_EMPTY_CALLS = re.compile(rb'"tool_calls"\s*:\s*\[\s*\]')


class ChatNormalForm:
    """Forwards bytes as far as they can be, and changes what official clients or servers refuse."""

    def request(self, request: ChatRequest, body: bytes) -> bytes:
        """Return the body of a request without tools: the client's bytes, unless something in it would be refused.

        Refused would be: nulls and empty lists that mean nothing, earlier calls whose arguments are not a JSON object.
        """
        if any(suspect in body for suspect in _SUSPECTS) or _EMPTY_CALLS.search(body):
            return chat_body(request)
        calls = b'"tool_calls"' in body or b'"function_call"' in body
        return chat_body(request) if calls and request.source.texts["messages"] not in body else body

    def stream(self, request: ChatRequest, identity: Identity) -> NormalStream:
        """Return what writes the stream of a streamed answer."""
        return NormalStream(_learned(identity), _options(request))

    def streamed_whole(self, request: ChatRequest, identity: Identity, body: bytes) -> bytes | AnswerFault:
        """Return the stream that the client asked for, of a whole answer."""
        options = _options(request)
        whole = whole_answer(_decoded(body), _learned(identity), choices=options.choices)
        if isinstance(whole, AnswerFault):
            return _with_error(whole, body)
        stream = NormalStream(_learned(identity), options)
        return stream.chunk(as_chunk(whole)) + stream.conclude()

    def whole(self, request: ChatRequest, identity: Identity, body: bytes, *, streamed: bool) -> bytes | AnswerFault:
        """Return the whole answer in normal form, the same bytes where they are in it; raise `SseTooLongError`."""
        choices = _options(request).choices
        given = _from_events(body, _learned(identity), choices) if streamed else _decoded(body)
        if isinstance(given, AnswerFault):
            return given
        normal = whole_answer(given, _learned(identity), choices=choices)
        if isinstance(normal, AnswerFault):
            return _with_error(normal, body)
        return body if normal is given and not streamed else encode(normal)


def _from_events(body: bytes, identity: LearnedIdentity, choices: int) -> JsonObject | AnswerFault:
    """Return the whole answer of a body that is a stream, which some servers send unasked."""
    stream = NormalStream(identity, Options(choices=choices, include_usage=True))
    out = stream.feed(body if body.endswith(b"\n\n") else body + b"\n\n")
    if stream.fault is None and not stream.done:
        out += stream.end()
    if stream.fault is not None:
        return stream.fault
    events = [decode(data) for data in SseReader().feed(out) if data != b"[DONE]"]
    return as_whole([event for event in events if isinstance(event, dict)])


def _options(request: ChatRequest) -> Options:
    """Return what a client asked of its answer."""
    every = request.include_usage and request.continuous_usage
    return Options(choices=request.n, include_usage=request.include_usage, every_usage=every)


def _learned(identity: Identity) -> LearnedIdentity:
    return LearnedIdentity(ID_PREFIX + identity.id, identity.created, identity.model)


def _with_error(fault: AnswerFault, body: bytes) -> AnswerFault:
    return AnswerFault(fault.kind, fault.message, body) if fault.kind == "error" else fault


def _decoded(body: bytes) -> JsonValue:
    try:
        return decode(body)
    except JsonTextError:
        return None
