"""Delivery: which parts of an answer may reach the client, and when.

Nothing can be taken back from a client, so the decision when to let something go is made once, by one `DeliveryPolicy`
per answer, and everything an answer says passes through one `Delivery`. The policy follows from three questions: has a
failed attempt sent text already (then only a call may follow), does the client read a stream at all, and may the text
of this answer still turn out to be wrong (a call is demanded, a format has to be checked, a confirmation is due).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.outbox import Outbox, SettledCall
from toolgate_core.schema.answer import answer_schema
from toolgate_core.types.events import MessageFields, ReasoningDelta, RefusalDelta, TextDelta
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest

Content: TypeAlias = TextDelta | ReasoningDelta | RefusalDelta | MessageFields
"""What an answer says beside its calls."""


class DeliveryPolicy(Enum):
    """When the content of one answer reaches the client."""

    LIVE = "live"
    """At once."""
    UNTIL_CALL = "until_call"
    """When a call has settled, or when the attempt turns out to be the answer."""
    UNTIL_END = "until_end"
    """When the answer has ended and is good: the client does not read a stream, so a failed attempt leaves no trace."""
    CALL_ONLY = "call_only"
    """Never. Only a call may follow what has been sent, or the answer is a draft."""


def delivery_policy(request: ChatRequest, plan: Plan, *, call_only: bool, unconfirmed: bool) -> DeliveryPolicy:
    """Return the policy for an answer.

    `call_only`: only a call may follow what has been sent. `unconfirmed`: plain text needs another strategy's decision.
    """
    # Text after an earlier attempt's text would read as one answer, and a draft is for the second pass alone.
    if call_only or plan.form == "text":
        return DeliveryPolicy.CALL_ONLY
    if not request.stream:
        return DeliveryPolicy.UNTIL_END
    # Text that no grammar holds to the client's format has to be checked as a whole first.
    unchecked = not plan.constrained and answer_schema(request) is not None
    if request.tool_choice.forced or unconfirmed or unchecked:
        return DeliveryPolicy.UNTIL_CALL
    return DeliveryPolicy.LIVE


class Delivery:
    """Stands between the parts of a reader and the outbox.

    `stream` False: calls wait for the end of the answer, too. `inward`: names of tools that the gateway executes; their
    calls go into `inward_calls`, and the client never sees them. `clock`, in seconds, measures `held_s`.
    """

    __slots__ = (
        "_clock",
        "_held",
        "_held_since",
        "_inward",
        "_outbox",
        "_stream",
        "_waiting",
        "held_s",
        "inward_calls",
        "policy",
    )

    def __init__(
        self,
        outbox: Outbox,
        policy: DeliveryPolicy,
        *,
        stream: bool,
        clock: Callable[[], float],
        inward: frozenset[str] = frozenset(),
    ) -> None:
        self.policy = policy
        self.held_s = 0.0
        self.inward_calls: list[SettledCall] = []
        self._outbox = outbox
        self._stream = stream
        self._clock = clock
        self._inward = inward
        self._held: list[Content] = []
        self._held_since: float | None = None
        self._waiting: list[SettledCall] = []

    @property
    def text_sent(self) -> bool:
        """Whether text has been sent, by this attempt or by one before it."""
        return self._outbox.text_sent

    @property
    def own_text_sent(self) -> bool:
        """Whether text of this answer has been sent."""
        return self._outbox.text_sent and self.policy is not DeliveryPolicy.CALL_ONLY

    def send(self, event: Content) -> None:
        """Send content or hold it, by the policy."""
        if self.policy is DeliveryPolicy.LIVE:
            # Under LIVE only a call that has begun or a part of a marker was held; content that passes ends that hold.
            if self._held_since is not None:
                self._end_hold()
            self._outbox.put(event)
        elif self.policy is not DeliveryPolicy.CALL_ONLY:
            self._held.append(event)
            self.begin_hold()

    def release(self, *, text: bool = True) -> None:
        """Send the held content; `text` False: send only reasoning and fields, and discard the text."""
        for event in self._held:
            # Where a call was demanded, text beside it is not an answer; reasoning and fields can go with the call.
            if text or isinstance(event, ReasoningDelta | MessageFields):
                self._outbox.put(event)
        self._held = []
        self._end_hold()

    def begin_hold(self) -> None:
        """Start the measurement of the hold time."""
        if self._held_since is None:
            self._held_since = self._clock()

    def _end_hold(self) -> None:
        if self._held_since is not None:
            self.held_s += self._clock() - self._held_since
            self._held_since = None

    # calls

    def is_inward(self, name: str) -> bool:
        """Whether the gateway executes the calls to this tool."""
        return name in self._inward

    def send_call(self, call: SettledCall) -> None:
        """Send a settled call, or keep it until the end of the answer."""
        # Without a stream a later part of the answer can still spoil it, and a failed attempt leaves no trace.
        if self._stream and call.name not in self._inward:
            self._outbox.add_call(call)
        else:
            self._waiting.append(call)

    def hand_over(self) -> None:
        """Send the calls that waited for the end of the answer."""
        for call in self._waiting:
            if call.name in self._inward:
                # Inward calls share the ids of the choice: their results go upstream beside other calls.
                given = self._outbox.unique_id(call.id)
                self.inward_calls.append(SettledCall(call.name, given, call.arguments, call.fields))
            else:
                self._outbox.add_call(call)
        self._waiting = []

    def drop_waiting(self) -> int:
        """Discard the waiting calls; return their number."""
        count, self._waiting = len(self._waiting), []
        return count

    def start_call(self, name: str, call_id: str | None, fields: JsonObject) -> None:
        """Begin to stream a call whose arguments are not complete; not for an inward one."""
        self._outbox.start_call(name, call_id, fields)

    def add_arguments(self, fragment: str) -> None:
        """Stream a fragment of the arguments of the call that began last."""
        self._outbox.add_arguments(fragment)

    def end_call(self) -> None:
        """End the call that began last."""
        self._outbox.end_call()
