"""What goes to the client, across all attempts of a climb: dense call indexes, ids, and what has been sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.events import AnswerEvent, ArgumentsDelta, CallEnd, CallStart, RefusalDelta, TextDelta

# OpenAI takes ids of up to 40 characters back; a longer or odd one from an upstream is replaced.
_GOOD_ID = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)


class Outbox:
    """Collects the events of one piece, so that they go out in one write. `ids` are those that are taken."""

    def __init__(self, new_id: Callable[[], str], ids: set[str]) -> None:
        self._new_id = new_id
        self._ids = ids
        self._events: list[AnswerEvent] = []
        self._calls = 0
        self.text_sent = False

    @property
    def pending(self) -> bool:
        """Whether there is something to emit."""
        return bool(self._events)

    @property
    def call_sent(self) -> bool:
        """Whether a call, or the beginning of one, has gone out."""
        return self._calls > 0

    @property
    def sent(self) -> bool:
        """Whether text or a call has gone out."""
        return self.text_sent or self.call_sent

    def take(self) -> tuple[AnswerEvent, ...]:
        """Return what is to be emitted now, and forget it."""
        events, self._events = tuple(self._events), []
        return events

    def put(self, events: Sequence[AnswerEvent]) -> None:
        """Add what is no call."""
        self._events.extend(events)
        self.text_sent = self.text_sent or any(isinstance(event, TextDelta | RefusalDelta) for event in events)

    def call(self, name: str, call_id: str | None, arguments: str, fields: JsonObject) -> None:
        """Add a whole call; `fields`: of `CallStart`."""
        self.start(name, call_id, fields)
        self.arguments(arguments)
        self.end()

    def start(self, name: str, call_id: str | None, fields: JsonObject) -> None:
        """Begin a call; `fields`: of `CallStart`."""
        if call_id is None or call_id in self._ids or _GOOD_ID.fullmatch(call_id) is None:
            call_id = self._new_id()
        self._ids.add(call_id)
        self._events.append(CallStart(self._calls, name, call_id, fields))
        self._calls += 1

    def arguments(self, fragment: str) -> None:
        """Add to the arguments of the call that has begun last."""
        self._events.append(ArgumentsDelta(self._calls - 1, fragment))

    def end(self) -> None:
        """End the call that has begun last."""
        self._events.append(CallEnd(self._calls - 1))
