"""The bytes of an upstream's answer are read within bounds, and only harmless headers of it are passed on."""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from toolgate_core.limits import MAX_FORWARDED_HEADER, MAX_FORWARDED_HEADERS, MAX_INFLATED_READ_BYTES
from toolgate_core.types.failures import Failure
from toolgate_gateway.upstreams.base import CallContext
from toolgate_gateway.upstreams.response import ResponseBody, forwarded_headers

from tests.gateway.upstreams.reading import QUESTION, ask, talking
from tests.support.asking import asking
from tests.support.upstream import Reply, answer, chunk, completion, event, scripted, stream


@asynccontextmanager
async def body_of(reply: Reply, limit: int = 1_000_000) -> AsyncIterator[ResponseBody]:
    """The body of a scripted answer, before anything of it is read."""
    async with scripted([reply]) as upstream, aiohttp.ClientSession(auto_decompress=False) as session:
        response = await session.get(upstream.url)
        body = ResponseBody(response, limit)
        yield body
        await body.close(complete=False)


async def everything(reply: Reply, limit: int = 1_000_000) -> bytes | Failure:
    async with body_of(reply, limit) as body:
        return await body.read_all()


def coded(data: bytes, coding: str, *, pieces: int = 1) -> Reply:
    size = max(1, -(-len(data) // pieces))
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return Reply(parts, headers={"content-type": "application/json", "content-encoding": coding}, pause=pieces > 1)


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
async def test_a_body_that_is_compressed_unasked_is_inflated(coding: str, compress: object, pieces: int) -> None:
    text = bytes(range(256)) * 3000
    assert callable(compress)
    assert await everything(coded(compress(text), coding, pieces=pieces)) == text


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
async def test_a_coding_that_is_unknown_or_a_lie_is_a_failure(coding: str) -> None:
    failure = await everything(coded(b"hello hello", coding))
    assert isinstance(failure, Failure)
    assert failure.kind == "error"


async def test_identity_does_not_count_as_a_coding() -> None:
    assert await everything(coded(b"hello", "identity")) == b"hello"


async def test_a_bomb_is_inflated_a_bounded_part_at_a_time_up_to_the_bound() -> None:
    bomb = gzip.compress(b"\0" * 40_000_000)
    async with body_of(coded(bomb, "gzip"), limit=10_000_000) as body:
        total = 0
        while isinstance(part := await body.read(), bytes):
            assert 0 < len(part) <= MAX_INFLATED_READ_BYTES
            total += len(part)
        assert total <= 10_000_000
        assert (part.kind, part.message) == ("error", "The upstream's answer has more than 10000000 bytes.")


async def test_bytes_after_the_end_of_a_compressed_body_are_ignored() -> None:
    assert await everything(coded(gzip.compress(b"hello") + b"trailing", "gzip", pieces=4)) == b"hello"


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_a_body_beyond_the_bound_is_a_failure(size: int, fits: bool) -> None:
    for parts in ([b"x" * size], [b"x"] * size):
        assert isinstance(await everything(Reply(parts), limit=1000), bytes) is fits


async def test_compressed_streams_and_answers_are_read_like_others() -> None:
    whole = gzip.compress(answer(completion({"content": "Hello"})).parts[0])  # type: ignore[index]
    piece, failure = await ask([coded(whole, "gzip", pieces=3)], stream=False)
    assert (piece.text, failure) == ("Hello", None)
    events = b"".join((event(chunk({"content": "Hello"})), event(chunk({}, "stop")), event("[DONE]")))
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    piece, failure = await ask([Reply([gzip.compress(events)], headers=headers)])
    assert (piece.text, failure) == ("Hello", None)


@pytest.mark.parametrize(
    "value", ["ñandú", "a\tb", "a\x07", "\u2028", "x" * (MAX_FORWARDED_HEADER + 1), "\udcff", "a\x7f"]
)
def test_a_header_that_could_not_be_written_again_is_left_out(value: str) -> None:
    headers = {"X-RateLimit-Reset": value, "OpenAI-Version": "2020-10-01", "Set-Cookie": "a=b", "content-type": value}
    assert forwarded_headers(headers) == {"openai-version": "2020-10-01"}


def test_a_bounded_number_of_headers_is_passed_on() -> None:
    assert len(forwarded_headers({f"x-ratelimit-{n}": "1" for n in range(1000)})) == MAX_FORWARDED_HEADERS


async def test_the_headers_of_an_answer_are_known_before_it_is_read() -> None:
    for reply in (
        answer(completion({"content": "Hi"}), x_ratelimit_limit_requests="9", openai_version="v"),
        stream(event(chunk({"content": "Hi"}, "stop"))),
    ):
        async with talking([reply]) as (provider, _):
            opened = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
            assert not isinstance(opened, Failure)
            assert dict(opened.headers) == {
                name: value
                for name, value in reply.headers.items()
                if name.startswith(("openai-", "x-ratelimit-", "content-type"))
            }
            await opened.close()
