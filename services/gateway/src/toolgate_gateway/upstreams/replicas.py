"""The provider for a model that several servers serve: each request goes to one of them, and past those that fail."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.openai_chat.failures import MAX_RESETS, RESET

from toolgate_gateway.upstreams.balance import Balance, Load, key_of, key_of_text, pick
from toolgate_gateway.upstreams.base import (
    CHAT_PATH,
    JSON_TYPE,
    NO_TEXTS,
    ForwardedAnswer,
    ModelAnswer,
    Provider,
)
from toolgate_gateway.upstreams.config import UpstreamConfig

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""A replica that fails is left out for a second, then twice as long each time, and tried again by a request."""
RESEND_WITHIN_S: Final = 5.0
"""A connection that breaks later than this broke on the request, which must not take the other replicas down too."""
RETRY_PAUSE_S: Final = 0.05

_ELSEWHERE: Final = frozenset({FailureKind.UNREACHABLE, FailureKind.OVERLOADED})
"""After these nothing of the request has been done: another replica may do it."""


class Replicas:
    """One upstream, served at several URLs, which may change while requests are under way."""

    def __init__(
        self,
        config: UpstreamConfig,
        urls: Iterable[str],
        create: Callable[[UpstreamConfig], Provider],
        *,
        balance: Balance = "least_in_flight",
        clock: Callable[[], float],
    ) -> None:
        """Serve at `urls`; `create` makes the provider of one URL. Raises `ValueError` for a URL that can't be used."""
        self.name = config.name
        self._config = config
        self._create = create
        self._balance = balance
        self._clock = clock
        self._replicas: dict[str, _Replica] = {}
        self._turn = 0
        self._closing: set[asyncio.Task[None]] = set()
        self.set_urls(urls)

    def set_urls(self, urls: Iterable[str]) -> None:
        """Serve at exactly these URLs from now on. Replicas that go finish what they have begun."""
        wanted = dict.fromkeys(urls)
        for url in wanted:
            if url not in self._replicas:
                # Which replica is asked next is decided here, where the others are known: none asks itself again.
                self._replicas[url] = _Replica(self._create(msgspec.structs.replace(self._config, url=url, retries=0)))
        for url in [url for url in self._replicas if url not in wanted]:
            self._retire(self._replicas.pop(url))

    def loads(self) -> list[Load]:
        """Return the replicas as they are now."""
        now = self._clock()
        return [Load(url, replica.in_flight, now >= replica.ejected_until) for url, replica in self._replicas.items()]

    def count(self, *, ready: bool) -> int:
        """Return how many replicas are ready, or left out."""
        return sum(load.ready is ready for load in self.loads())

    async def call(
        self, body: JsonObject, *, stream: bool, request_id: str, texts: Mapping[str, bytes] = NO_TEXTS
    ) -> ModelAnswer | Failure:
        """Send a chat request to one replica and await the answer's head."""

        def ask(provider: Provider) -> Coroutine[Any, Any, ModelAnswer | Failure]:
            return provider.call(body, stream=stream, request_id=request_id, texts=texts)

        opened = await self._open(ask, key_of(body) if self._by_key() else b"")
        return opened if isinstance(opened, Failure) else _CountedAnswer(*opened)

    async def forward(
        self, body: bytes, *, stream: bool, request_id: str, path: str = CHAT_PATH, content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched to one replica."""

        def ask(provider: Provider) -> Coroutine[Any, Any, ForwardedAnswer | Failure]:
            return provider.forward(body, stream=stream, request_id=request_id, path=path, content_type=content_type)

        opened = await self._open(ask, key_of_text(body) if self._by_key() else b"")
        return opened if isinstance(opened, Failure) else _CountedBytes(*opened)

    async def models(self) -> list[JsonObject] | Failure:
        """Return what one replica lists: all serve the same."""
        opened = await self._open(_listing, b"")
        if isinstance(opened, Failure):
            return opened
        listing, done = opened
        done()
        return listing.cards

    async def aclose(self) -> None:
        """Close every pooled connection."""
        replicas, self._replicas = list(self._replicas.values()), {}
        await asyncio.gather(*(replica.provider.aclose() for replica in replicas), *self._closing)

    def _by_key(self) -> bool:
        return self._balance == "prefix_affinity" and len(self._replicas) > 1

    async def _open(
        self, ask: Callable[[Provider], Awaitable[_Answer | Failure]], key: bytes
    ) -> tuple[_Answer, Callable[[], None]] | Failure:
        """Ask replicas in turn until one answers; return its answer, and what to call when that has ended."""
        failure = _no_replica()
        tried: set[str] = set()
        resets = 0
        for _ in range(max(1 + self._config.retries, len(self._replicas))):
            replica = self._choose(tried, key)
            if replica is None:
                break
            began = self._clock()
            answer = await self._ask(replica, ask)
            if not isinstance(answer, Failure):
                return answer, self._ender(replica)
            failure = answer
            resets += failure.code == RESET
            late = self._clock() - began > RESEND_WITHIN_S
            if failure.kind not in _ELSEWHERE or late or resets >= MAX_RESETS:
                break
            if len(tried) >= len(self._replicas):
                if failure.kind is FailureKind.OVERLOADED:
                    break
                await asyncio.sleep(RETRY_PAUSE_S)
        return failure

    async def _ask(
        self, replica: _Replica, ask: Callable[[Provider], Awaitable[_Answer | Failure]]
    ) -> _Answer | Failure:
        replica.in_flight += 1
        counted = False
        try:
            answer = await ask(replica.provider)
            counted = not isinstance(answer, Failure)
        finally:
            # An answer stays counted until its end; a failure, and a request that was cancelled, are over.
            if not counted:
                self._ended(replica)
        if isinstance(answer, Failure) and answer.kind is FailureKind.UNREACHABLE:
            replica.eject(self._clock())
        else:
            replica.failures, replica.ejected_until = 0, 0.0
        return answer

    def _choose(self, tried: set[str], key: bytes) -> _Replica | None:
        """Return the replica to ask next, one that was not tried where there is one; note it in `tried`."""
        loads = self.loads()
        fresh = [load for load in loads if load.url not in tried] or loads
        if not fresh:
            return None
        self._turn += 1
        url = pick(fresh, turn=self._turn, key=key)
        tried.add(url)
        return self._replicas[url]

    def _ender(self, replica: _Replica) -> Callable[[], None]:
        over = False

        def end() -> None:
            nonlocal over
            if not over:
                over = True
                self._ended(replica)

        return end

    def _ended(self, replica: _Replica) -> None:
        replica.in_flight -= 1
        if replica.retired and not replica.in_flight:
            self._close(replica)

    def _retire(self, replica: _Replica) -> None:
        replica.retired = True
        if not replica.in_flight:
            self._close(replica)

    def _close(self, replica: _Replica) -> None:
        task = asyncio.get_running_loop().create_task(replica.provider.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Replica:
    """One URL's provider and what is known of it."""

    __slots__ = ("ejected_until", "failures", "in_flight", "provider", "retired")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.in_flight = 0
        self.failures = 0
        self.ejected_until = 0.0
        self.retired = False

    def eject(self, now: float) -> None:
        """Leave it out for a while, longer each time; not exactly so long that all gateways come back at once."""
        pause_s = min(FIRST_PAUSE_S * 2**self.failures, LONGEST_PAUSE_S)
        self.failures += 1
        self.ejected_until = now + pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreading, not secrecy


class _CountedAnswer:
    """An answer, counted as in flight until it is closed."""

    def __init__(self, answer: ModelAnswer, end: Callable[[], None]) -> None:
        self._answer = answer
        self._end = end
        self.headers = answer.headers

    def read(self) -> Coroutine[Any, Any, ResponseChunk | Failure]:
        """Return all that has arrived since the last read, joined."""
        return self._answer.read()

    async def close(self) -> None:
        """Give the connection up."""
        try:
            await self._answer.close()
        finally:
            self._end()


class _CountedBytes:
    """A forwarded answer, counted as in flight until it is closed."""

    def __init__(self, answer: ForwardedAnswer, end: Callable[[], None]) -> None:
        self._answer = answer
        self._end = end
        self.status = answer.status
        self.headers = answer.headers

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        return self._answer.chunks()

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body tells of in spite of its status."""
        return self._answer.failure(body)

    def error(self, data: bytes) -> Failure:
        """Return the failure that an error object means."""
        return self._answer.error(data)

    async def close(self, *, complete: bool = False) -> None:
        """Give the connection up."""
        try:
            await self._answer.close(complete=complete)
        finally:
            self._end()


class _Listing(msgspec.Struct):
    cards: list[JsonObject]


async def _listing(provider: Provider) -> _Listing | Failure:
    answer = await provider.models()
    return answer if isinstance(answer, Failure) else _Listing(answer)


def _no_replica() -> Failure:
    return Failure(
        kind=FailureKind.UNAVAILABLE,
        message="No server of this model is ready.",
        code="no_replica",
        origin="503",
        retry_after_s=5,
    )


_Answer = TypeVar("_Answer", ModelAnswer, ForwardedAnswer, _Listing)
