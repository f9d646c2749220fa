"""The answers of an OpenAI-compatible upstream, read from an HTTP response: streamed, whole, or forwarded as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Literal

import aiohttp
from toolgate_core.jsontext import JsonTextError, decode
from toolgate_core.limits import MAX_ANSWER_BYTES, MAX_STREAM_BYTES
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.openai_chat.failures import FailureTable
from toolgate_formats.codecs.openai_chat.joiner import ChunkJoiner
from toolgate_formats.codecs.openai_chat.lenient import decode_answer
from toolgate_formats.codecs.openai_chat.wire import AnswerBody, decode_burst
from toolgate_formats.sse import SseReader, SseTooLongError

from toolgate_gateway.upstreams.base import UpstreamCutError
from toolgate_gateway.upstreams.response import ResponseBody, forwarded_headers

USAGE_WAIT_S = 2.0
"""How long a finished answer is held for the chunk with its usage."""


class StreamedAnswer:
    """An answer that comes as server-sent events. It costs work per read, not per event."""

    def __init__(self, response: aiohttp.ClientResponse, failures: FailureTable) -> None:
        self.headers: Mapping[str, str] = forwarded_headers(response.headers)
        self._body = ResponseBody(response, failures, MAX_STREAM_BYTES)
        self._failures = failures
        self._events = SseReader()
        self._joiner = ChunkJoiner()
        self._ending: Failure | Literal["complete"] | None = None

    async def read(self) -> ResponseChunk | Failure:
        """Return all that has arrived since the last read, joined."""
        joiner = self._joiner
        while self._ending is None:
            await self._fill()
            if self._ending is None and joiner.has_content:
                return joiner.take()
        if isinstance(self._ending, Failure):
            return joiner.take() if joiner.has_content else self._ending
        return joiner.take(final=True)

    async def close(self) -> None:
        """Give the connection up."""
        await self._body.close(complete=self._ending == "complete")

    async def _fill(self) -> None:
        part = await self._next()
        if isinstance(part, Failure):
            self._ending = self._conclude(part)
            return
        try:
            events = self._events.feed(part) if part else self._events.finish()
        except SseTooLongError:
            self._ending = self._failures.plain(FailureKind.ERROR, "The upstream sent an event that is too long.")
            return
        burst = decode_burst(events[:-1]) if len(events) > 1 else []
        done = self._joiner.add_text_burst(burst) if burst else 0
        if self._joiner.over_limit:
            self._ending = self._failures.plain(FailureKind.ERROR, self._joiner.over_limit)
            return
        for place, data in enumerate(events[done:], done):
            self._take(data, burst[place] if place < len(burst) else decode_answer(data), last=not part)
            if self._ending is not None:
                return
        if not part:
            problem = self._failures.plain(FailureKind.CUT, "The upstream ended its answer without a finish reason.")
            self._ending = self._conclude(problem, clean=True)

    async def _next(self) -> bytes | Failure:
        if self._joiner.finish is None or not self._joiner.finish_is_final:
            return await self._body.read()
        try:
            async with asyncio.timeout(USAGE_WAIT_S):
                return await self._body.read()
        except TimeoutError:
            return b""

    def _take(self, data: bytes, answer: AnswerBody | None, *, last: bool) -> None:
        if data.startswith(b"[DONE]"):
            self._ending = self._conclude(None)
        elif answer is None:
            # What the end of the stream broke off is a cut, not bad JSON.
            if data.strip() and not last:
                self._ending = self._failures.plain(FailureKind.ERROR, "The upstream sent a chunk that can't be read.")
        elif answer.is_error:
            self._ending = error_in(data, self._failures)
        else:
            self._joiner.add(answer)
            if self._joiner.usage_followed or self._joiner.abort_reason:
                self._ending = self._conclude(None)
            elif self._joiner.over_limit:
                self._ending = self._failures.plain(FailureKind.ERROR, self._joiner.over_limit)

    def _conclude(self, problem: Failure | None, *, clean: bool = False) -> Failure | Literal["complete"]:
        """Say how the answer ended; a problem after a finish reason is none. `clean`: the server ended the response.

        Where the server gives a reason with every chunk, the last one does not say that the answer is whole.
        """
        joiner = self._joiner
        ended = joiner.finish is not None and (clean or not joiner.contradicted)
        if problem is not None and not ended and joiner.abort_reason is None:
            return problem
        return _broken(self._joiner, self._failures) or "complete"


class WholeAnswer:
    """An answer that comes as one JSON object."""

    def __init__(self, response: aiohttp.ClientResponse, failures: FailureTable) -> None:
        self.headers: Mapping[str, str] = forwarded_headers(response.headers)
        self._body = ResponseBody(response, failures, MAX_ANSWER_BYTES)
        self._failures = failures
        self._complete = False

    async def read(self) -> ResponseChunk | Failure:
        """Return the answer, as one piece."""
        body = await self._body.read_all()
        if isinstance(body, Failure):
            return body
        self._complete = True
        return self._piece(body)

    async def close(self) -> None:
        """Give the connection up."""
        await self._body.close(complete=self._complete)

    def _piece(self, body: bytes) -> ResponseChunk | Failure:
        answer = decode_answer(body)
        if answer is None:
            return self._unreadable(body)
        if answer.is_error:
            return error_in(body, self._failures)
        joiner = ChunkJoiner()
        joiner.add(_numbered(answer))
        return _broken(joiner, self._failures) or joiner.take(final=True)

    def _unreadable(self, body: bytes) -> Failure:
        try:
            value = decode(body)
        except JsonTextError:
            value = None
        if isinstance(value, list):  # Gemini writes an error as a list of one
            return self._failures.from_answer(value)
        return self._failures.plain(FailureKind.ERROR, "The upstream's answer is not a chat completion.")


class ForwardedBytes:
    """An answer that is forwarded as it is."""

    status = 200

    def __init__(self, response: aiohttp.ClientResponse, failures: FailureTable) -> None:
        self.headers: Mapping[str, str] = forwarded_headers(response.headers)
        self._body = ResponseBody(response, failures, MAX_STREAM_BYTES)
        self._failures = failures
        self._complete = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what each read brings; raise `UpstreamCutError` if the answer ends before its end."""
        while True:
            part = await self._body.read()
            if isinstance(part, Failure):
                raise UpstreamCutError(part)
            if part:
                yield part
            if not part or self._body.at_end:
                self._complete = True
                return

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body tells of; some servers send errors with status 200."""
        if b'"choices"' in body or b'"error"' not in body:
            return None
        return error_in(body, self._failures)

    def error(self, data: bytes) -> Failure:
        """Return the failure that an error object means."""
        return error_in(data, self._failures)

    async def close(self, *, complete: bool = False) -> None:
        """Give the connection up."""
        await self._body.close(complete=self._complete or complete)


def error_in(data: bytes, failures: FailureTable) -> Failure:
    """Return the failure that an error object means which came with status 200."""
    try:
        return failures.from_answer(decode(data))
    except JsonTextError:
        return failures.plain(FailureKind.ERROR, "The upstream sent an error that can't be read.")


def _numbered(answer: AnswerBody) -> AnswerBody:
    """Number the only choice 0 and its calls as they stand, whatever the server numbered them."""
    for choice in (answer.choices or [])[:1]:
        choice.index = 0
        for index, call in enumerate((choice.message and choice.message.tool_calls) or []):
            call.index = index
    return answer


def _broken(joiner: ChunkJoiner, failures: FailureTable) -> Failure | None:
    """Return the failure of an answer that ended, but not with an answer."""
    if joiner.over_limit:
        return failures.plain(FailureKind.ERROR, joiner.over_limit)
    if joiner.abort_reason is not None:
        return failures.plain(FailureKind.CUT, "The upstream broke its answer off.")
    if not joiner.started and joiner.finish is None:
        return failures.plain(FailureKind.ERROR, "The upstream's answer holds no choice.")
    return None
