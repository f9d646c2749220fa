"""The outbox: the events on their way to the client, across all attempts and runs that produce one choice.

Two rules live here because no single attempt can keep them. Indexes of calls are dense from 0 over the whole choice,
and no two calls have the same id. And everything that one read produced is sent in one write: events collect until the
ladder emits them, since a write per event costs a system call each.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.events import AnswerEvent, ArgumentsDelta, CallEnd, CallStart, RefusalDelta, TextDelta

# OpenAI accepts ids of up to 40 characters when a client sends them back; other ones from an upstream are replaced.
_GOOD_ID = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)


class SettledCall(Struct, frozen=True):
    """A valid call. `arguments` is JSON text; `fields` as in `CallStart`."""

    name: str
    id: str | None
    arguments: str
    fields: JsonObject = {}


class Outbox:
    """Collects the events of one choice. `new_id` makes the id of a call; `ids` are those in use."""

    def __init__(self, new_id: Callable[[], str], ids: set[str]) -> None:
        self._new_id = new_id
        self._ids = ids
        self._events: list[AnswerEvent] = []
        self._calls = 0
        self._calls_before = 0
        self.text_sent = False

    @property
    def pending(self) -> bool:
        """Whether events wait for `Emit`."""
        return bool(self._events)

    @property
    def call_sent(self) -> bool:
        """Whether this run has sent a call, or the beginning of one."""
        return self._calls > self._calls_before

    @property
    def sent(self) -> bool:
        """Whether this run has sent text or a call. Reasoning does not count: any answer may follow it."""
        return self.text_sent or self.call_sent

    def begin_run(self) -> None:
        """Begin another run: what earlier runs have sent is complete, and restricts this one no more."""
        # Indexes count on over all runs, so that the client sees one list of calls.
        self._calls_before = self._calls
        self.text_sent = False

    def take(self) -> tuple[AnswerEvent, ...]:
        """Return the events to emit now, and forget them."""
        events, self._events = tuple(self._events), []
        return events

    def put(self, event: AnswerEvent) -> None:
        """Add text, reasoning, a refusal or fields."""
        self._events.append(event)
        # Reasoning and fields do not count: no client takes them for the answer.
        if isinstance(event, TextDelta | RefusalDelta):
            self.text_sent = True

    def add_call(self, call: SettledCall) -> None:
        """Add a whole call."""
        self.start_call(call.name, call.id, call.fields)
        self.add_arguments(call.arguments)
        self.end_call()

    def start_call(self, name: str, call_id: str | None, fields: JsonObject) -> None:
        """Begin a call; `fields` as in `CallStart`."""
        self._events.append(CallStart(self._calls, name, self.unique_id(call_id), fields))
        self._calls += 1

    def add_arguments(self, fragment: str) -> None:
        """Add to the arguments of the call that began last."""
        self._events.append(ArgumentsDelta(self._calls - 1, fragment))

    def end_call(self) -> None:
        """End the call that began last."""
        self._events.append(CallEnd(self._calls - 1))

    def unique_id(self, call_id: str | None) -> str:
        """Return the id for a call, and mark it as in use; a missing, repeated or unusual one is replaced."""
        # Some upstreams count ids from 0 in each choice.
        if call_id is None or call_id in self._ids or _GOOD_ID.fullmatch(call_id) is None:
            call_id = self._new_id()
        self._ids.add(call_id)
        return call_id
