"""Replicas: a provider that spreads requests over several servers, and routes around those that fail.

A replica that cannot be reached is ejected: for a while it gets no requests while others are ready. Ejection is
passive: there are no health checks, and after the pause a request is the probe.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ModelRequest

from toolgate_gateway.upstreams.balance import Balance, Load, key_of, key_of_text, pick
from toolgate_gateway.upstreams.base import (
    CHAT_PATH,
    JSON_TYPE,
    CallContext,
    ForwardedAnswer,
    ModelAnswer,
    Provider,
)
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.retries import EJECTION, REPLICA_RETRIES, Retries, RetryPolicy


class Replicas:
    """One upstream at several URLs, which can change while requests are in flight."""

    def __init__(
        self,
        config: UpstreamConfig,
        urls: Iterable[str],
        create: Callable[[UpstreamConfig], Provider],
        *,
        balance: Balance = "least_in_flight",
        clock: Callable[[], float],
    ) -> None:
        """Use `urls`; `create` makes the provider of one URL. Raises `ValueError` for a URL that cannot be used.

        `clock`: monotonic, in seconds.
        """
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
        """Use exactly these URLs from now on. Removed replicas finish their requests."""
        wanted = dict.fromkeys(urls)
        for url in wanted:
            if url not in self._replicas:
                # The retry is made here, where the other replicas are known.
                self._replicas[url] = _Replica(self._create(replace(self._config, url=url, retries=0)))
        for url in [url for url in self._replicas if url not in wanted]:
            self._retire(self._replicas.pop(url))

    def loads(self) -> list[Load]:
        """Return the current load of each replica."""
        now = self._clock()
        return [Load(url, replica.in_flight, now >= replica.ejected_until) for url, replica in self._replicas.items()]

    def count(self, *, ready: bool) -> int:
        """Return the number of replicas that are ready, or ejected."""
        return sum(load.ready is ready for load in self.loads())

    async def call(self, request: ModelRequest, context: CallContext) -> ModelAnswer | Failure:
        """Send a chat request to one replica and await the head of its answer."""

        def ask(provider: Provider) -> Coroutine[Any, Any, ModelAnswer | Failure]:
            return provider.call(request, context)

        opened = await self._open(ask, key_of(request) if self._by_key() else b"")
        return opened if isinstance(opened, Failure) else _CountedAnswer(*opened)

    async def forward(
        self, body: bytes, context: CallContext, *, path: str = CHAT_PATH, content_type: str = JSON_TYPE
    ) -> ForwardedAnswer | Failure:
        """Send a request's bytes untouched to one replica."""

        def ask(provider: Provider) -> Coroutine[Any, Any, ForwardedAnswer | Failure]:
            return provider.forward(body, context, path=path, content_type=content_type)

        opened = await self._open(ask, key_of_text(body) if self._by_key() else b"")
        return opened if isinstance(opened, Failure) else _CountedBytes(*opened)

    async def models(self) -> list[JsonObject] | Failure:
        """Return the models of one replica: all serve the same."""
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
        retries: Retries | None = None
        while (replica := self._choose(tried, key)) is not None:
            began = self._clock()
            answer = await self._ask(replica, ask)
            if not isinstance(answer, Failure):
                return answer, self._ender(replica)
            failure = answer
            retries = retries or Retries(self._retry_policy())
            pause_s = retries.pause_s(failure, self._clock() - began, untried=len(self._replicas.keys() - tried))
            if pause_s is None:
                break
            if pause_s:
                await asyncio.sleep(pause_s)
        return failure

    def _retry_policy(self) -> RetryPolicy:
        """Return a policy that lets every replica be asked once."""
        return replace(REPLICA_RETRIES, connects=max(self._config.retries, len(self._replicas) - 1))

    async def _ask(
        self, replica: _Replica, ask: Callable[[Provider], Awaitable[_Answer | Failure]]
    ) -> _Answer | Failure:
        replica.in_flight += 1
        counted = False
        try:
            answer = await ask(replica.provider)
            counted = not isinstance(answer, Failure)
        finally:
            # An answer stays counted until its end; a failure or a cancelled request is over.
            if not counted:
                self._ended(replica)
        # Only a server that cannot be reached is ejected: any other failure can be the request's. Any answer, an error
        # too, shows that the server is there again.
        if isinstance(answer, Failure) and answer.kind is FailureKind.UNREACHABLE:
            replica.eject(self._clock())
        else:
            replica.failures, replica.ejected_until = 0, 0.0
        return answer

    def _choose(self, tried: set[str], key: bytes) -> _Replica | None:
        """Return the next replica, one that was not tried if possible; add it to `tried`."""
        loads = self.loads()
        # With all of them tried, the retry policy decides whether one is asked again.
        fresh = [load for load in loads if load.url not in tried] or loads
        if not fresh:
            return None
        # The turn decides between equal loads; without it an idle model's first replica would get every request.
        self._turn += 1
        url = pick(fresh, turn=self._turn, key=key)
        tried.add(url)
        return self._replicas[url]

    def _ender(self, replica: _Replica) -> Callable[[], None]:
        # An answer can be closed twice, and ends once.
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
        # Its requests go on; the last one that ends closes the pool.
        replica.retired = True
        if not replica.in_flight:
            self._close(replica)

    def _close(self, replica: _Replica) -> None:
        task = asyncio.get_running_loop().create_task(replica.provider.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Replica:
    """The provider of one URL, and its state."""

    __slots__ = ("ejected_until", "failures", "in_flight", "provider", "retired")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.in_flight = 0
        self.failures = 0
        self.ejected_until = 0.0
        self.retired = False

    def eject(self, now: float) -> None:
        """Leave it out for a while, longer after each failure in a row. Jitter spreads the gateways that return."""
        self.ejected_until = now + EJECTION.pause_s(self.failures, random.random())  # noqa: S311 - not secrecy
        self.failures += 1


class _CountedAnswer:
    """An answer, counted as in flight until it is closed."""

    def __init__(self, answer: ModelAnswer, end: Callable[[], None]) -> None:
        self._answer = answer
        self._end = end
        self.headers = answer.headers

    def read(self) -> Awaitable[ResponseChunk | Failure]:
        """Return all that has arrived since the last read, joined."""
        return self._answer.read()

    async def close(self) -> None:
        """Release the connection."""
        try:
            await self._answer.close()
        finally:
            self._end()


class _CountedBytes:
    """A forwarded answer, counted as in flight until it is closed."""

    def __init__(self, answer: ForwardedAnswer, end: Callable[[], None]) -> None:
        self._answer = answer
        self._end = end
        self.headers = answer.headers

    def read(self) -> Awaitable[bytes | Failure]:
        """Return the bytes that have arrived, empty at the end."""
        return self._answer.read()

    @property
    def at_end(self) -> bool:
        """Whether all bytes have been read; False also while that is unknown."""
        return self._answer.at_end

    def failure(self, body: bytes) -> Failure | None:
        """Return the failure that a whole body reports in spite of its status."""
        return self._answer.failure(body)

    def error(self, data: bytes) -> Failure:
        """Return the failure of an error object."""
        return self._answer.error(data)

    def end(self, origin: str = "200") -> None:
        """State how the answer ended."""
        self._answer.end(origin)

    async def close(self, *, complete: bool = False) -> None:
        """Release the connection."""
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
