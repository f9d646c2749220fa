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
    """One request's end; every scope that is open when it comes is cancelled and raises which end it was.

    One timer serves all scopes of a request: `asyncio.timeout` would set one up for each. `close` stops it.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._deadline, self._time_up)
        self._scopes: set[LifelineScope] = set()
        self.ended: type[ClientGoneError | DeadlineError] | None = None

    @property
    def remaining_s(self) -> float:
        """Seconds that are left, at least one millisecond (a timeout of 0 means none to some libraries)."""
        return max(self._deadline - self._loop.time(), 0.001)

    def scope(self) -> LifelineScope:
        """Return a context that raises `DeadlineError` or `ClientGoneError` when the end comes within it."""
        return LifelineScope(self)

    def last_words(self, seconds: float) -> LifelineScope:
        """Return a scope in which the client can still be told that its time is up."""
        if self.ended is not ClientGoneError:
            self.ended = None
            self._timer.cancel()
            self._timer = self._loop.call_later(max(seconds, self.remaining_s), self._time_up)
        return LifelineScope(self)

    async def watch(self, receive: Receive) -> None:
        """Wait for the client to go; the request's body has been read."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGoneError)

    def close(self) -> None:
        """Stop the clock."""
        self._timer.cancel()

    def enter(self, scope: LifelineScope) -> None:
        """Open a scope."""
        self._scopes.add(scope)
        if self.ended is not None:
            self._loop.call_soon(scope.cancel)

    def leave(self, scope: LifelineScope) -> None:
        """Close a scope."""
        self._scopes.discard(scope)

    def _time_up(self) -> None:
        self._end(DeadlineError)

    def _end(self, kind: type[ClientGoneError | DeadlineError]) -> None:
        self.ended = kind
        for scope in self._scopes:
            scope.cancel()


class LifelineScope:
    """What `Lifeline.scope` returns. It tells its own cancellation from others' as `asyncio.timeout` does."""

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._hit = False

    def cancel(self) -> None:
        """Cancel what runs within, once."""
        if self._task is not None and not self._hit:
            self._hit = True
            self._task.cancel()

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._before = self._task.cancelling()
        self._lifeline.enter(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lifeline.leave(self)
        task, self._task = self._task, None
        assert task is not None
        if self._hit and task.uncancel() <= self._before and kind is asyncio.CancelledError:
            ended = self._lifeline.ended or DeadlineError
            raise ended("the request has ended") from error
