"""How long a request may live: to its deadline, or until its client goes."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Protocol

from toolgate_core.types.errors import ToolgateError


class ClientGoneError(ToolgateError):
    """The client closed its connection before it had its answer."""


class DeadlineError(ToolgateError):
    """The request's time is up."""


class ShutdownError(ToolgateError):
    """The gateway ends and waits for the request no longer."""


WATCH_AFTER_S = 0.02
"""How old a request is when its client begins to be watched; most that could be cancelled live much longer."""


class Receive(Protocol):
    """ASGI's `receive`."""

    async def __call__(self) -> dict[str, object]:
        """Return the next message."""
        ...


class RequestScope:
    """One request's end; every scope that is open when it comes is cancelled and raises which end it was.

    One timer serves all scopes of a request: `asyncio.timeout` would set one up for each. It first goes off when it is
    time to watch the client, which takes a task that a request with a fast answer does not need. `close` stops both.
    """

    __slots__ = ("_aged", "_deadline", "_receive", "_scopes", "_timer", "_watcher", "ended", "loop")

    def __init__(self, seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        now = self.loop.time()
        self._deadline = now + seconds
        self._timer = self.loop.call_at(now + WATCH_AFTER_S, self._on_timer)
        self._aged = False
        self._receive: Receive | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._scopes: set[CancelScope] = set()
        self.ended: type[ClientGoneError | DeadlineError | ShutdownError] | None = None

    @property
    def remaining_s(self) -> float:
        """Seconds that are left, at least one millisecond (a timeout of 0 means none to some libraries)."""
        return max(self._deadline - self.loop.time(), 0.001)

    def cancel_scope(self) -> CancelScope:
        """Return a context that raises what ended the request (the three errors above) when that comes within it."""
        return CancelScope(self)

    def grace_period(self, seconds: float) -> CancelScope:
        """Return a scope in which the client can still be told that its time is up."""
        if self.ended is not ClientGoneError:
            self.ended = None
            self._deadline = self.loop.time() + max(seconds, self.remaining_s)
            if self._aged:
                self._timer.cancel()
                self._timer = self.loop.call_at(self._deadline, self._on_timer)
        return CancelScope(self)

    def watch(self, receive: Receive) -> None:
        """Notice when the client goes; the request's body has been read."""
        self._receive = receive
        if self._aged:
            self._begin_watching()

    def shut_down(self) -> None:
        """End the request now, because the gateway ends."""
        self._end(ShutdownError)

    def close(self) -> None:
        """Stop the clock, and watch no more."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def enter(self, scope: CancelScope) -> None:
        """Open a scope."""
        self._scopes.add(scope)
        if self.ended is not None:
            self.loop.call_soon(scope.cancel)

    def leave(self, scope: CancelScope) -> None:
        """Close a scope."""
        self._scopes.discard(scope)

    def _on_timer(self) -> None:
        if self._aged:
            self._end(DeadlineError)
            return
        self._aged = True
        self._timer = self.loop.call_at(self._deadline, self._on_timer)
        if self._receive is not None:
            self._begin_watching()

    def _begin_watching(self) -> None:
        self._watcher = self.loop.create_task(self._watch())

    async def _watch(self) -> None:
        assert self._receive is not None
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGoneError)

    def _end(self, kind: type[ClientGoneError | DeadlineError | ShutdownError]) -> None:
        self.ended = kind
        for scope in self._scopes:
            scope.cancel()


class CancelScope:
    """A part of a request that its end cancels. Other cancellations pass through it, as through `asyncio.timeout`."""

    __slots__ = ("_before", "_hit", "_scope", "_task")

    def __init__(self, request_scope: RequestScope) -> None:
        self._scope = request_scope
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._hit = False

    def cancel(self) -> None:
        """Cancel what runs within, once."""
        if self._task is not None and not self._hit:
            self._hit = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._scope.loop)
        assert self._task is not None
        self._before = self._task.cancelling()
        self._scope.enter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.leave(self)
        task, self._task = self._task, None
        assert task is not None
        if self._hit and task.uncancel() <= self._before and kind is asyncio.CancelledError:
            ended = self._scope.ended or DeadlineError
            raise ended("the request has ended") from error
