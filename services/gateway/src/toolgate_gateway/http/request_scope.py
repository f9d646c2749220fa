"""The life of one request: a cancel scope that its deadline, its client or a shutdown ends.

Three things can end a request early: its time limit passes, its client closes the connection, or the gateway shuts
down. Each becomes an exception (`DeadlineError`, `ClientGoneError`, `ShutdownError`) that is raised inside the code
that serves the request, at its current `await`. `RequestScope` holds the state of one request; a `CancelScope` marks a
block of code that may be cancelled. Code outside any cancel scope is never interrupted, so cleanup always completes.

How it works. A scope cancels the task that runs in it with `Task.cancel`. When the block exits, it takes that
cancellation back with `Task.uncancel` and raises the exception instead. A cancellation from elsewhere (the server
gives up, a sibling choice failed) raises the count of `Task.cancelling` above the value at entry, so it passes through
as `CancelledError`. `asyncio.timeout` follows the same rule.

Costs. A request with a fast response must not pay for what it does not need. `asyncio.timeout` sets one timer per
block; here one timer serves the whole request. Noticing that a client is gone takes a task that waits in ASGI's
`receive`, so that task starts only when the request is `WATCH_AFTER_S` old: the timer fires then first, and
is set again for the deadline.

After the end. The client must still be able to read the error, so `grace_period` opens one more scope with a new, short
deadline. It does so for a deadline and a shutdown, but not for a client that is gone.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Protocol, TypeAlias

from toolgate_core.types.errors import ToolgateError


class ClientGoneError(ToolgateError):
    """The client closed its connection before the response was complete."""


class DeadlineError(ToolgateError):
    """The request exceeded its time limit."""


class ShutdownError(ToolgateError):
    """The gateway shuts down and does not wait for the request any longer."""


EndReason: TypeAlias = type[ClientGoneError | DeadlineError | ShutdownError]

WATCH_AFTER_S: Final = 0.02
"""Age of a request at which the gateway starts to watch its client. Requests worth cancelling live much longer."""

GRACE_PERIOD_S: Final = 5.0
"""Time that a client has, beyond the deadline, to read the end of a response or an error."""


class Receive(Protocol):
    """ASGI's `receive`."""

    async def __call__(self) -> dict[str, object]:
        """Return the next message."""
        ...


class RequestScope:
    """The cancel scopes, the deadline and the client watch of one request; `close` releases them.

    `ended` is the reason why the request ended early, or None. Create it inside the running event loop.
    """

    __slots__ = ("_deadline", "_receive", "_scopes", "_timer", "_watch_due", "_watcher", "ended", "loop")

    def __init__(self, seconds: float) -> None:
        """Start the clock; the request ends with `DeadlineError` after `seconds`."""
        self.loop = asyncio.get_running_loop()
        now = self.loop.time()
        self._deadline = now + seconds
        self._timer = self.loop.call_at(now + WATCH_AFTER_S, self._on_timer)
        self._watch_due = False
        self._receive: Receive | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._scopes: set[CancelScope] = set()
        self.ended: EndReason | None = None

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, at least one millisecond: some libraries read a timeout of 0 as "no timeout"."""
        return max(self._deadline - self.loop.time(), 0.001)

    def cancel_scope(self) -> CancelScope:
        """Return a context manager that raises one of the three errors when the request ends within it."""
        return CancelScope(self)

    def grace_period(self, seconds: float) -> CancelScope:
        """Return a cancel scope for the last write to the client, with at least `seconds` from now."""
        if self.ended is not ClientGoneError:
            self.ended = None
            self._deadline = self.loop.time() + max(seconds, self.remaining_s)
            # Before the first firing, the timer is set for the new deadline anyway.
            if self._watch_due:
                self._timer.cancel()
                self._timer = self.loop.call_at(self._deadline, self._on_timer)
        return CancelScope(self)

    def watch(self, receive: Receive) -> None:
        """Watch for the client's disconnect; call it once the request's body has been read."""
        self._receive = receive
        if self._watch_due:
            self._start_watching()

    def shut_down(self) -> None:
        """End the request with `ShutdownError`."""
        self._end(ShutdownError)

    def close(self) -> None:
        """Cancel the timer and the client watch."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def enter(self, scope: CancelScope) -> None:
        """Register an open cancel scope."""
        self._scopes.add(scope)
        # The request ended between two scopes. The cancellation waits for the next loop iteration, because a task that
        # cancels itself now would be interrupted at any later await, perhaps outside the scope.
        if self.ended is not None:
            self.loop.call_soon(scope.cancel)

    def leave(self, scope: CancelScope) -> None:
        """Forget a cancel scope that has been exited."""
        self._scopes.discard(scope)

    def _on_timer(self) -> None:
        if self._watch_due:
            self._end(DeadlineError)
            return
        self._watch_due = True
        self._timer = self.loop.call_at(self._deadline, self._on_timer)
        if self._receive is not None:
            self._start_watching()

    def _start_watching(self) -> None:
        self._watcher = self.loop.create_task(self._watch())

    async def _watch(self) -> None:
        assert self._receive is not None
        # After the body ASGI's `receive` waits for the client's disconnect.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGoneError)

    def _end(self, reason: EndReason) -> None:
        self.ended = reason
        # Choices run in separate tasks, each with its scope, and end together.
        for scope in self._scopes:
            scope.cancel()


class CancelScope:
    """A block of a request's code that the end of the request cancels; created by `RequestScope`."""

    __slots__ = ("_cancelled", "_cancelling_at_entry", "_scope", "_task")

    def __init__(self, request_scope: RequestScope) -> None:
        self._scope = request_scope
        self._task: asyncio.Task[object] | None = None
        self._cancelling_at_entry = 0
        self._cancelled = False

    def cancel(self) -> None:
        """Cancel the task that runs in the scope, at most once and only between entry and exit."""
        # A second cancellation would count once more than `__exit__` takes back.
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._scope.loop)
        assert self._task is not None
        self._cancelling_at_entry = self._task.cancelling()
        self._scope.enter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.leave(self)
        task, self._task = self._task, None
        assert task is not None
        # After a cancellation from elsewhere too, the count stays above that of entry, and that cancellation wins.
        if self._cancelled and task.uncancel() <= self._cancelling_at_entry and kind is asyncio.CancelledError:
            # A `grace_period` of another scope can have cleared the reason meanwhile.
            reason = self._scope.ended or DeadlineError
            raise reason("the request has ended") from error
