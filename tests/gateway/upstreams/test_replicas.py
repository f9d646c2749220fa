"""One upstream at several servers: loads, failures, and servers that come and go."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_gateway.upstreams.balance import Load
from toolgate_gateway.upstreams.base import CallContext, ForwardedAnswer, ModelAnswer
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.replicas import Replicas
from toolgate_gateway.upstreams.retries import EJECTION
from toolgate_gateway.upstreams.table import create_provider

from tests.gateway.upstreams.reading import read_bytes
from tests.support.asking import asking
from tests.support.upstream import (
    Reply,
    Request,
    ScriptedUpstream,
    answer,
    chunk,
    completion,
    event,
    scripted,
    stream,
)

BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
HANGING = stream(event(chunk({"content": "a"})), then="hang")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def named(text: str) -> Any:
    """A server that answers with its own name, to a stream with a beginning without an end."""

    def script(request: Request) -> Reply:
        if request.path == "/v1/models":
            return answer({"object": "list", "data": [{"id": "m", "owned_by": text}]})
        return HANGING if request.json.get("stream") else answer(completion({"content": text}))

    return script


@asynccontextmanager
async def servers(*scripts: Any) -> AsyncIterator[list[ScriptedUpstream]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(scripted(script)) for script in scripts]


@asynccontextmanager
async def replicas(*urls: str, clock: Clock | None = None, **options: Any) -> AsyncIterator[Replicas]:
    config = UpstreamConfig(name="m", url="http://pod", connect_timeout_s=1)
    made = Replicas(config, urls, create_provider, clock=clock or Clock(), **options)
    try:
        yield made
    finally:
        await made.aclose()


async def answer_text(made: Replicas, body: JsonObject = BODY) -> str:
    """Ask, and return the answer's text, or the failure's kind."""
    opened = await made.call(asking(body), CallContext(request_id="r", stream=False))
    if isinstance(opened, Failure):
        return opened.kind
    piece = await opened.read()
    await opened.close()
    return piece.kind if isinstance(piece, Failure) else piece.text


async def open_stream(made: Replicas) -> ModelAnswer:
    opened = await made.call(asking({**BODY, "stream": True}), CallContext(request_id="r", stream=True))
    assert not isinstance(opened, Failure)
    return opened


def loads(made: Replicas) -> list[int]:
    return [load.in_flight for load in made.loads()]


async def dead_url() -> str:
    """A URL where no server listens."""
    async with scripted(named("gone")) as gone:
        return gone.url


async def test_requests_go_to_the_server_with_the_fewest_in_flight() -> None:
    async with servers(named("a"), named("b")) as pair, replicas(*(each.url for each in pair)) as made:
        open_streams = [await open_stream(made) for _ in range(4)]
        assert loads(made) == [2, 2]
        await open_streams[0].close()
        busy = loads(made)
        idle = "ab"[busy.index(1)]
        assert [await answer_text(made) for _ in range(3)] == [idle] * 3
        for each in open_streams:
            await each.close()
        assert loads(made) == [0, 0]


async def test_closing_twice_counts_once() -> None:
    async with servers(named("a")) as (only,), replicas(only.url) as made:
        first, second = await open_stream(made), await open_stream(made)
        await first.close()
        await first.close()
        assert loads(made) == [1]
        await second.close()


async def test_a_request_that_is_cancelled_is_not_in_flight_any_more() -> None:
    asked = asyncio.Event()

    def silent(_: Request) -> Reply:
        asked.set()
        return Reply([b"x"], then="silence")

    async with servers(silent) as (only,), replicas(only.url) as made:
        task = asyncio.create_task(answer_text(made))
        await asked.wait()
        assert loads(made) == [1]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert loads(made) == [0]


async def test_an_unreachable_server_is_skipped_ejected_and_tried_again() -> None:
    clock = Clock()
    async with servers(named("a")) as (alive,):
        gone = await dead_url()
        async with replicas(gone, alive.url, clock=clock) as made:
            assert {await answer_text(made) for _ in range(4)} == {"a"}
            assert [load.ready for load in made.loads()] == [False, True]
            clock.now += EJECTION.first_s * 1.3
            assert [load.ready for load in made.loads()] == [True, True]
            assert {await answer_text(made) for _ in range(2)} == {"a"}
            # The second time it is left out for twice as long.
            clock.now += EJECTION.first_s * 1.3
            assert [load.ready for load in made.loads()] == [False, True]


async def test_requests_of_an_overloaded_server_go_to_another() -> None:
    full = answer({"error": {"message": "queue full"}}, status=503)
    async with servers(lambda _: full, named("b")) as pair, replicas(*(each.url for each in pair)) as made:
        assert {await answer_text(made) for _ in range(4)} == {"b"}
        assert [load.ready for load in made.loads()] == [True, True]


async def test_where_all_are_overloaded_each_is_asked_once() -> None:
    full = answer({"error": {"message": "queue full"}}, status=503)
    async with servers(lambda _: full, lambda _: full) as pair, replicas(*(each.url for each in pair)) as made:
        assert await answer_text(made) == "overloaded"
        assert [len(each.requests) for each in pair] == [1, 1]


async def test_what_a_server_refuses_is_not_asked_of_another() -> None:
    wrong = answer({"error": {"message": "no"}}, status=400)
    async with servers(lambda _: wrong, lambda _: wrong) as pair, replicas(*(each.url for each in pair)) as made:
        assert await answer_text(made) == "invalid"
        assert sum(len(each.requests) for each in pair) == 1


async def test_a_single_server_is_asked_again_where_its_connection_broke() -> None:
    broken = [Reply(None), answer(completion({"content": "back"}))]
    async with servers(broken) as (only,), replicas(only.url) as made:
        assert await answer_text(made) == "back"


async def test_a_removed_server_finishes_its_requests_and_gets_no_new_ones() -> None:
    async with servers(named("a"), named("b")) as (a, b), replicas(a.url) as made:
        old = await open_stream(made)
        piece = await old.read()
        made.set_urls([b.url])
        assert [await answer_text(made) for _ in range(3)] == ["b"] * 3
        assert not isinstance(piece, Failure)
        assert piece.text == "a"
        assert a.requests[0].gone.is_set() is False
        await old.close()
        async with asyncio.timeout(5):
            await a.requests[0].gone.wait()


async def test_a_server_that_stays_keeps_its_count_when_others_come() -> None:
    async with servers(named("a"), named("b")) as (a, b), replicas(a.url) as made:
        held = await open_stream(made)
        made.set_urls([a.url, b.url])
        assert made.loads() == [Load(a.url, 1, ready=True), Load(b.url, 0, ready=True)]
        await held.close()


async def test_without_servers_the_client_is_asked_to_retry() -> None:
    async with replicas() as made:
        failure = await made.call(asking(BODY), CallContext(request_id="r", stream=False))
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.origin, failure.code, failure.retry_after_s) == (
            FailureKind.UNAVAILABLE,
            "503",
            "no_replica",
            5,
        )


async def test_the_models_are_those_of_one_server_that_answers() -> None:
    gone = await dead_url()
    async with servers(named("a")) as (alive,), replicas(gone, alive.url) as made:
        listed = [await made.models() for _ in range(2)]
    assert [[card["owned_by"] for card in cards] for cards in listed if isinstance(cards, list)] == [["a"], ["a"]]


async def test_a_forwarded_answer_is_in_flight_until_it_is_closed() -> None:
    async with servers(named("a")) as (only,), replicas(only.url) as made:
        opened = await made.forward(b'{"model":"m","messages":[]}', CallContext(request_id="r", stream=False))
        assert not isinstance(opened, Failure)
        forwarded: ForwardedAnswer = opened
        body = await read_bytes(forwarded)
        assert (loads(made), forwarded.failure(body)) == ([1], None)
        await forwarded.close()
        assert loads(made) == [0]


async def test_prefix_affinity_keeps_a_conversation_on_its_server() -> None:
    conversations = [f"Question {number}" for number in range(24)]
    async with AsyncExitStack() as stack:
        three = await stack.enter_async_context(servers(named("a"), named("b"), named("c")))
        made = await stack.enter_async_context(replicas(*(each.url for each in three), balance="prefix_affinity"))
        turns: list[list[str]] = []
        for _ in range(3):
            turns.append(
                [
                    await answer_text(made, {"model": "m", "messages": [{"role": "user", "content": text}]})
                    for text in conversations
                ]
            )
    assert turns[0] == turns[1] == turns[2]
    assert set(Counter(turns[0])) == {"a", "b", "c"}
