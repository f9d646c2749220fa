"""How long a request may live: to its deadline, or until its client goes."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Protocol

from toolgate_core.errors import ToolgateError


class ClientGoneError(ToolgateError):
    """The client closed its connection before it had its answer."""


class DeadlineError(ToolgateError):
    """The request's time is up."""


class Receive(Protocol):
    """ASGI's `receive`."""

    async def __call__(self) -> dict[str, object]:
        """Return the next message."""
        ...


class Lifeline:
    """One request's end; every scope that is open when it comes is cancelled and raises which end it was."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._scopes: set[asyncio.Timeout] = set()
        self.gone = False

    @property
    def remaining_s(self) -> float:
        """Seconds that are left, at least one millisecond (a timeout of 0 means none to some libraries)."""
        return max(self._deadline - self._loop.time(), 0.001)

    def scope(self, *, at_least_s: float = 0.0) -> LifelineScope:
        """Return a context that raises `DeadlineError` or `ClientGoneError` when the end comes within it.

        `at_least_s` is time beyond the deadline in which the client can still be told that it has passed.
        """
        return LifelineScope(self, at_least_s)

    def client_gone(self) -> None:
        """End the request: its client is gone."""
        self.gone = True
        now = self._loop.time()
        for timeout in self._scopes:
            if not timeout.expired():
                timeout.reschedule(now)

    async def watch(self, receive: Receive) -> None:
        """Wait for the client to go; the request's body has been read."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.client_gone()

    def enter(self, at_least_s: float) -> asyncio.Timeout:
        """Open a scope's timeout."""
        now = self._loop.time()
        timeout = asyncio.timeout_at(now if self.gone else max(self._deadline, now + at_least_s))
        self._scopes.add(timeout)
        return timeout

    def leave(self, timeout: asyncio.Timeout) -> None:
        """Forget a scope's timeout."""
        self._scopes.discard(timeout)


class LifelineScope:
    """What `Lifeline.scope` returns."""

    def __init__(self, lifeline: Lifeline, at_least_s: float) -> None:
        self._lifeline = lifeline
        self._at_least_s = at_least_s
        self._timeout: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        self._timeout = self._lifeline.enter(self._at_least_s)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._timeout is not None
        self._lifeline.leave(self._timeout)
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError as end:
            if self._lifeline.gone:
                raise ClientGoneError("the client is gone") from end
            raise DeadlineError("the time is up") from end
