"""Answers that come as one JSON object."""

import asyncio
from typing import Any

import pytest
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import Usage
from toolgate_gateway.upstreams.base import CallContext

from tests.gateway.upstreams.reading import QUESTION, ask, counted, fail, read_pieces, talking
from tests.support.asking import asking
from tests.support.upstream import Reply, answer, chunk, completion, event, stream

CALL = {"id": "call_1", "type": "function", "function": {"name": "ping", "arguments": '{"n":9007199254740993}'}}
PING = CallDelta(0, "call_1", "ping", '{"n":9007199254740993}')

ANSWERS: dict[str, tuple[dict[str, Any], ResponseChunk]] = {
    "text": (completion({"content": "Hello"}), ResponseChunk(text="Hello", finish="stop")),
    "call with null content": (
        completion({"content": None, "tool_calls": [CALL]}, "tool_calls"),
        ResponseChunk(calls=(PING,), finish="tool_calls"),
    ),
    "call without content": (completion({"tool_calls": [CALL]}, "stop"), ResponseChunk(calls=(PING,), finish="stop")),
    "two calls": (
        completion({"content": "", "tool_calls": [CALL, CALL | {"id": "call_2"}]}, "tool_calls"),
        ResponseChunk(calls=(PING, CallDelta(1, "call_2", "ping", PING.arguments)), finish="tool_calls"),
    ),
    "two calls of one name without ids": (
        completion({"tool_calls": [{"function": CALL["function"]}] * 2}, "tool_calls"),
        ResponseChunk(
            calls=(CallDelta(0, None, "ping", PING.arguments), CallDelta(1, None, "ping", PING.arguments)),
            finish="tool_calls",
        ),
    ),
    "two calls of one id and index": (
        completion({"tool_calls": [CALL | {"index": 0}] * 2}, "tool_calls"),
        ResponseChunk(calls=(PING, CallDelta(1, "call_1", "ping", PING.arguments)), finish="tool_calls"),
    ),
    "call without arguments": (
        completion({"tool_calls": [{"id": "call_1", "function": {"name": "ping"}}]}, "tool_calls"),
        ResponseChunk(calls=(CallDelta(0, "call_1", "ping"),), finish="tool_calls"),
    ),
    "content parts": (
        completion(
            {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}, {"type": "image_url"}]}
        ),
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "null content alone": (completion({"content": None}), ResponseChunk(finish="stop")),
    "legacy function_call": (
        completion({"content": None, "function_call": CALL["function"]}, "function_call"),
        ResponseChunk(calls=(CallDelta(0, None, "ping", PING.arguments),), finish="tool_calls"),
    ),
    "reasoning and usage": (
        completion(
            {"content": "Hello", "reasoning": "Hm", "reasoning_content": "Hm"},
            usage={
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        ),
        ResponseChunk(text="Hello", reasoning="Hm", finish="stop", usage=Usage(9, 4, 8, 2)),
    ),
    "vLLM's extra nulls": (
        completion({"content": "Hello", "refusal": None, "annotations": None, "tool_calls": []})
        | {
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
            "prompt_logprobs": None,
        },
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "no finish reason": (completion({"content": "Hello"}, None), ResponseChunk(text="Hello", finish="stop")),
    "error null": (completion({"content": "Hello"}) | {"error": None}, ResponseChunk(text="Hello", finish="stop")),
    "cut by the limit": (completion({"content": "Hel"}, "length"), ResponseChunk(text="Hel", finish="length")),
    "choice numbered 1": (
        {"choices": [{"index": 1, "message": {"content": "Hello"}, "finish_reason": "stop"}]},
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "logprobs": (
        {
            "choices": [
                {"message": {"content": "H"}, "finish_reason": "stop", "logprobs": {"content": [{"token": "H"}]}}
            ]
        },
        ResponseChunk(text="H", finish="stop", logprobs=({"token": "H"},)),
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_is_one_piece(case: str) -> None:
    body, expected = ANSWERS[case]
    async with talking([answer(body)]) as (provider, _):
        reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
        assert not isinstance(reply, Failure)
        pieces, failure = await read_pieces(reply)
        assert ([counted(piece) for piece in pieces], failure) == ([expected], None)
        await reply.close()


HTML = Reply([b"<html>502</html>"], headers={"content-type": "text/html"})
FAILURES: dict[str, tuple[Reply, FailureKind, str]] = {
    "error with status 200": (answer({"error": {"message": "boom", "code": 502}}), FailureKind.ERROR, "502"),
    "error text with status 200": (answer({"error": "boom"}), FailureKind.ERROR, "500"),
    "limit reported with status 200": (
        answer({"error": {"message": "slow down", "code": 429}}),
        FailureKind.LIMITED,
        "429",
    ),
    "flat error": (
        answer({"object": "error", "message": "boom", "type": "x", "code": 400}),
        FailureKind.INVALID,
        "400",
    ),
    "Gemini's list": (
        answer([{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]),
        FailureKind.OVERLOADED,
        "503",
    ),
    "not JSON": (answer(b"hello"), FailureKind.ERROR, "error"),
    "half": (answer(b'{"choices":[{"mess'), FailureKind.ERROR, "error"),
    "HTML": (HTML, FailureKind.ERROR, "error"),
    "empty": (answer(b""), FailureKind.ERROR, "error"),
    "no choices": (answer({"object": "chat.completion", "choices": []}), FailureKind.ERROR, "error"),
    "choices null": (answer({"choices": None}), FailureKind.ERROR, "error"),
    "not an object": (answer("text"), FailureKind.ERROR, "error"),
    "wrong types": (answer({"choices": {"a": 1}}), FailureKind.ERROR, "error"),
    "nested too deeply": (answer(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), FailureKind.ERROR, "error"),
    "finish reason error": (answer(completion({"content": "Hel"}, "error")), FailureKind.CUT, "reset"),
    "cut": (Reply([b'{"choices"'], then="cut", pause=True), FailureKind.CUT, "reset"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_an_answer_that_is_none_is_a_failure(case: str) -> None:
    reply, kind, origin = FAILURES[case]
    failure = await fail([reply], stream=False)
    assert (failure.kind, failure.origin) == (kind, origin)


async def test_a_web_page_in_place_of_a_stream_is_a_failure() -> None:
    assert (await fail([HTML])).kind == "error"


async def test_a_stream_in_place_of_a_whole_answer_is_read_as_one() -> None:
    reply = stream(event(chunk({"content": "Hello"})), event(chunk({}, "stop")), event("[DONE]"))
    assert await ask([reply], stream=False) == (ResponseChunk(text="Hello", finish="stop"), None)


async def test_silence_before_the_answer_is_a_timeout() -> None:
    assert (await fail([Reply([], then="hang")], stream=False, read_timeout_s=0.1)).kind == "timeout"


async def test_closing_before_the_answer_is_read_drops_the_connection() -> None:
    async with talking([Reply([b'{"cho'], then="hang")]) as (provider, upstream):
        reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
        assert not isinstance(reply, Failure)
        await reply.close()
        async with asyncio.timeout(1):
            await upstream.requests[0].gone.wait()


async def test_cancelling_a_call_drops_the_connection() -> None:
    class Silent:
        def __init__(self) -> None:
            self.asked = asyncio.Event()

        def __call__(self, _: object) -> Reply:
            self.asked.set()
            return Reply([], then="hang")

    silent = Silent()
    async with talking(silent) as (provider, upstream):
        task = asyncio.create_task(provider.call(asking(QUESTION), CallContext(request_id="r", stream=False)))
        await silent.asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() or not isinstance(task.result(), Failure)
        if not task.cancelled():
            reply = task.result()
            assert not isinstance(reply, Failure)
            await reply.close()
        async with asyncio.timeout(1):
            await upstream.requests[0].gone.wait()


async def test_connections_are_used_again() -> None:
    async with talking([answer(completion({"content": "Hello"}))]) as (provider, upstream):
        for _ in range(3):
            reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
            assert not isinstance(reply, Failure)
            await reply.read()
            await reply.close()
        assert (len(upstream.requests), upstream.connections) == (3, 1)
