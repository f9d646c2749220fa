"""Streams as servers really write them come out as one normal form."""

import asyncio
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolgate_core.limits import MAX_ANSWER_CHARS, MAX_CALLS, MAX_FIELDS_BYTES
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import Usage
from toolgate_formats.codecs.openai_chat.joiner import ChunkJoiner
from toolgate_formats.codecs.openai_chat.lenient import decode_answer
from toolgate_gateway.upstreams.base import CallContext

from tests.gateway.upstreams.reading import QUESTION, ask, joined, read_pieces, talking
from tests.gateway.upstreams.stream_cases import CALLS, FINISH, STOP, TEXT, TEXTS, TIME, USAGE_CHUNK, WEATHER, call
from tests.support.asking import asking
from tests.support.upstream import answer, chunk, completion, event, stream


@pytest.mark.parametrize("pause", [False, True], ids=["in one read", "read by read"])
@pytest.mark.parametrize("case", CALLS)
async def test_calls_of_every_known_form_come_out_alike(case: str, pause: bool) -> None:
    deltas, expected = CALLS[case]
    events = [event(chunk(delta)) for delta in deltas] + [event(FINISH), event("[DONE]")]
    assert await ask([stream(*events, pause=pause)]) == (ResponseChunk(calls=expected, finish="tool_calls"), None)


@pytest.mark.parametrize("done", [True, False], ids=["with DONE", "without DONE"])
@pytest.mark.parametrize("case", TEXTS)
async def test_streams_of_every_known_form_come_out_alike(case: str, done: bool) -> None:
    events, expected = TEXTS[case]
    assert await ask([stream(*events, *([event("[DONE]")] if done else []))]) == (expected, None)


async def test_done_without_a_finish_reason_means_that_the_model_stopped() -> None:
    done = event("[DONE]")
    assert await ask([stream(event(TEXT), done)]) == (ResponseChunk(text="Hello", finish="stop"), None)
    called = event(chunk(call(0, "call_1", "ping", "{}")))
    expected = ResponseChunk(calls=(CallDelta(0, "call_1", "ping", "{}"),), finish="tool_calls")
    assert await ask([stream(called, done)]) == (expected, None)


async def test_the_end_of_a_connection_ends_a_stream_that_has_its_finish_reason() -> None:
    for then, framing in (("end", "close"), ("cut", "chunked")):
        reply = stream(event(TEXT), event(STOP), then=then, framing=framing, pause=True)
        assert await ask([reply]) == (ResponseChunk(text="Hello", finish="stop"), None)


async def test_a_last_event_without_its_blank_line_counts() -> None:
    reply = stream(event(TEXT), event(STOP).rstrip(b"\n"), framing="close")
    assert await ask([reply]) == (ResponseChunk(text="Hello", finish="stop"), None)


FAILURES: dict[str, tuple[list[bytes], str, str]] = {
    "clean end without finish": ([event(TEXT)], "Hello", "cut"),
    "half a chunk at the end": ([event(TEXT), event(TEXT)[:20]], "Hello", "cut"),
    "nothing at all": ([], "", "cut"),
    "DONE at once": ([event("[DONE]")], "", "error"),
    "broken JSON": ([event(TEXT), b"data: {nope}\n\n"], "Hello", "error"),
    "not UTF-8": ([event(TEXT), b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'], "Hello", "error"),
    "error object": (
        [event(TEXT), event({"error": {"message": "boom", "type": "InternalServerError", "param": None, "code": 500}})],
        "Hello",
        "error",
    ),
    "error text": ([event(TEXT), event({"error": "boom"})], "Hello", "error"),
    "flat error": (
        [event(TEXT), b"event: error\n" + event({"object": "error", "message": "boom", "code": 500})],
        "Hello",
        "error",
    ),
    "overloaded": ([event({"error": {"message": "busy", "code": 503}})], "", "overloaded"),
    "constraint, reported late": (
        [event({"error": {"message": "Failed to compile grammar", "type": "BadRequestError", "code": 400}})],
        "",
        "schema",
    ),
    "finish reason error": ([event(TEXT), event(chunk({}, "error"))], "Hello", "cut"),
    "vLLM aborted": ([event(TEXT), event(chunk({}, "abort")), event("[DONE]")], "Hello", "cut"),
}


@pytest.mark.parametrize("pause", [False, True], ids=["in one read", "read by read"])
@pytest.mark.parametrize("case", FAILURES)
async def test_a_stream_that_breaks_is_a_failure_after_its_text(case: str, pause: bool) -> None:
    events, text, kind = FAILURES[case]
    piece, failure = await ask([stream(*events, pause=pause)])
    assert failure is not None
    assert (piece.text, piece.finish, failure.refused or failure.kind) == (text, None, kind)


async def test_a_dropped_connection_is_a_cut() -> None:
    piece, failure = await ask([stream(event(TEXT), then="cut", pause=True)])
    assert (piece, failure and failure.kind) == (ResponseChunk(text="Hello"), "cut")


async def test_silence_is_a_timeout() -> None:
    piece, failure = await ask([stream(event(TEXT), then="hang", pause=True)], read_timeout_s=0.1)
    assert (piece, failure and failure.kind) == (ResponseChunk(text="Hello"), "timeout")


async def test_silence_after_the_finish_reason_ends_the_answer() -> None:
    piece, failure = await ask([stream(event(TEXT), event(STOP), then="hang", pause=True)], read_timeout_s=0.1)
    assert (piece, failure) == (ResponseChunk(text="Hello", finish="stop"), None)


async def test_an_event_beyond_the_bound_is_a_failure() -> None:
    flood = [b"data: "] + [b"x" * (1 << 20)] * 17
    piece, failure = await ask([stream(*flood)])
    assert (piece, failure and failure.kind) == (ResponseChunk(), "error")


async def test_what_one_read_brings_is_one_piece() -> None:
    events = b"".join(event(chunk({"content": str(digit)})) for digit in range(10)) + event(STOP) + event("[DONE]")
    async with talking([stream(events)]) as (provider, _):
        answer = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=True))
        assert not isinstance(answer, Failure)
        assert await read_pieces(answer) == ([ResponseChunk(text="0123456789", finish="stop")], None)
        await answer.close()


async def test_text_is_handed_on_while_the_answer_goes_on() -> None:
    async with talking([stream(event(TEXT), then="hang")]) as (provider, _):
        answer = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=True))
        assert not isinstance(answer, Failure)
        assert await answer.read() == ResponseChunk(text="Hello")
        await answer.close()


async def test_closing_an_unfinished_answer_drops_the_connection_at_once() -> None:
    async with talking([stream(event(TEXT), then="hang")]) as (provider, upstream):
        answer = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=True))
        assert not isinstance(answer, Failure)
        await answer.read()
        await answer.close()
        await answer.close()
        async with asyncio.timeout(1):
            await upstream.requests[0].gone.wait()


async def test_a_finished_stream_gives_its_connection_back() -> None:
    async with talking([stream(event(TEXT), event(STOP), event("[DONE]"), pause=True)]) as (provider, upstream):
        for _ in range(3):
            answer = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=True))
            assert not isinstance(answer, Failure)
            await read_pieces(answer)
            await answer.close()
        assert (len(upstream.requests), upstream.connections) == (3, 1)


LONG = b"".join(
    [
        b"\xef\xbb\xbf: hi\r\n\r\n",
        event(chunk({"role": "assistant", "content": "서울은 "})).replace(b"\n", b"\r\n"),
        event(chunk({"content": "🌦️ und 5 °C", "reasoning": "Ähm"})),
        b"data: " + json.dumps(chunk({"content": " ja"}), indent=2).encode().replace(b"\n", b"\ndata: ") + b"\n\n",
        *(event(chunk(delta)) for delta in CALLS["index from 1 with a gap"][0]),
        event(FINISH),
        event(USAGE_CHUNK),
        event("[DONE]"),
    ]
)
WHOLE = ResponseChunk(
    text="서울은 🌦️ und 5 °C ja", reasoning="Ähm", calls=(WEATHER, TIME), finish="tool_calls", usage=Usage(9, 4)
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, len(LONG) - 1), max_size=30))
async def test_any_split_of_the_bytes_gives_the_same_answer(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(LONG)]
    parts = [LONG[start:end] for start, end in itertools.pairwise(edges)]
    assert await ask([stream(*parts, pause=True)]) == (WHOLE, None)


async def test_one_byte_a_read_gives_the_same_answer() -> None:
    assert await ask([stream(*(bytes([byte]) for byte in LONG), pause=True)]) == (WHOLE, None)


async def test_a_server_that_answers_a_stream_whole_is_understood() -> None:
    assert await ask([answer(completion({"content": "Hello"}))]) == (ResponseChunk(text="Hello", finish="stop"), None)
    assert joined([]) == ResponseChunk()


REASONED = [event(chunk({"content": "Hel"}, "stop")), event(chunk({"content": "lo"}, "stop"))]


@pytest.mark.parametrize(("then", "kind"), [("cut", "cut"), ("hang", "timeout")])
async def test_a_reason_with_every_chunk_does_not_say_that_the_answer_is_whole(then: str, kind: str) -> None:
    piece, failure = await ask([stream(*REASONED, then=then, pause=True)], read_timeout_s=0.1)
    assert (piece.text, piece.finish, failure and failure.kind) == ("Hello", None, kind)


async def test_a_reason_with_the_only_chunk_is_believed() -> None:
    reply = stream(event(chunk({"content": "Hello"}, "stop")), then="hang", pause=True)
    assert await ask([reply], read_timeout_s=0.1) == (ResponseChunk(text="Hello", finish="stop"), None)


@pytest.mark.parametrize("pause", [False, True], ids=["in one read", "read by read"])
async def test_calls_without_end_are_a_failure(pause: bool) -> None:
    calls = [event(chunk(call(index, f"call_{index}", "ping", "{}"))) for index in range(MAX_CALLS)]
    piece, failure = await ask([stream(*calls, event(FINISH), pause=pause)])
    assert (len(piece.calls), failure) == (MAX_CALLS, None)
    one_more = event(chunk(call(MAX_CALLS, "call_x", "ping", "{}")))
    _, failure = await ask([stream(*calls, one_more, event(FINISH), pause=pause)])
    assert failure is not None
    assert (failure.kind, failure.message) == ("error", f"The upstream's answer has more than {MAX_CALLS} calls.")


async def test_six_thousand_calls_at_once_are_a_failure() -> None:
    calls = [
        {"index": index, "id": f"call_{index}", "function": {"name": "ping", "arguments": "{}"}}
        for index in range(6000)
    ]
    for reply, streamed in (
        (answer(completion({"tool_calls": calls}, "tool_calls")), False),
        (stream(event(chunk({"tool_calls": calls}))), True),
        (stream(*(event(chunk({"tool_calls": [each]})) for each in calls)), True),
    ):
        _, failure = await ask([reply], stream=streamed)
        assert failure is not None
        assert failure.message == f"The upstream's answer has more than {MAX_CALLS} calls."


@pytest.mark.parametrize("key", ["content", "reasoning", "arguments"])
def test_text_without_end_is_too_much(key: str) -> None:
    joiner = ChunkJoiner()
    text = "x" * (MAX_ANSWER_CHARS // 4)
    delta = call(0, "call_1", "f", text) if key == "arguments" else {key: text}
    body = decode_answer(json.dumps(chunk(delta)).encode())
    assert body is not None
    for _ in range(3):
        joiner.add(body)
        joiner.take()
    assert joiner.over_limit == ""
    joiner.add(body)
    joiner.add(body)
    assert joiner.over_limit == f"The upstream's answer has more than {MAX_ANSWER_CHARS} characters."


def test_fields_without_end_are_too_much() -> None:
    joiner = ChunkJoiner()
    body = decode_answer(json.dumps(chunk({"images": ["x" * (MAX_FIELDS_BYTES // 2)]})).encode())
    assert body is not None
    joiner.add(body)
    joiner.add(body)
    assert joiner.over_limit.startswith(f"The upstream's answer has more than {MAX_FIELDS_BYTES} bytes of fields")
