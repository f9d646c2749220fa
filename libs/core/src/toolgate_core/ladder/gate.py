"""What of one answer may reach the client now: text and reasoning pass, or are held until something is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from toolgate_core.ladder.outbox import Outbox
from toolgate_core.types.events import MessageFields, ReasoningDelta, RefusalDelta, TextDelta

Passable: TypeAlias = TextDelta | ReasoningDelta | RefusalDelta | MessageFields
"""What an answer says beside its calls."""


class Gate:
    """Stands between an answer and the outbox.

    `hold`: nothing passes until `release`. `muted`: nothing passes at all, since text has been sent before. `clock`
    measures how long something was held.
    """

    def __init__(self, outbox: Outbox, *, hold: bool, muted: bool, clock: Callable[[], float]) -> None:
        self.muted = muted
        self.held_s = 0.0
        self._outbox = outbox
        self._hold = hold
        self._clock = clock
        self._held: list[Passable] = []
        self._held_since: float | None = None

    def send(self, event: Passable) -> None:
        """Let something pass, as far as it may."""
        if self.muted:
            return
        if self._hold:
            self._held.append(event)
            self.begin_hold()
        else:
            self._end_hold()
            self._outbox.put([event])

    def release(self, *, text: bool = True) -> None:
        """Let pass what was held; `text` False: the reasoning and the fields alone."""
        self._outbox.put([event for event in self._held if text or isinstance(event, ReasoningDelta | MessageFields)])
        self._held = []
        self._end_hold()

    def begin_hold(self) -> None:
        """Something is held from now on."""
        if self._held_since is None:
            self._held_since = self._clock()

    def _end_hold(self) -> None:
        if self._held_since is not None:
            self.held_s += self._clock() - self._held_since
            self._held_since = None
