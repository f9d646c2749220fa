"""One attempt in progress: its request, the reader of its answer, and the record of its end.

An attempt has one answer, or two where its strategy drafts: the draft's reader is dropped when its text has become the
second pass's input, and of it only the usage stays. An attempt never looks at others: what the client has been sent
is known to the outbox, and what may follow to the table (`decisions`). An attempt whose text was held is recorded again
as a success when another one has confirmed it.
"""

from __future__ import annotations

from toolgate_core.ladder.confirm import TextRole
from toolgate_core.ladder.decisions import Sent
from toolgate_core.ladder.outbox import Outbox
from toolgate_core.ladder.outcome import Attempt
from toolgate_core.ladder.reader import ResponseReader
from toolgate_core.types.faults import Fault
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome, Strategy


class AttemptState:
    """An attempt from its transform to its end; `record` makes the `Attempt` that remains of it.

    `role`: what its text means for the run. `constrained`: in which form it is asked for. `fault`: what a retry quotes.
    """

    __slots__ = (
        "_first_usage",
        "began",
        "constrained",
        "dialect",
        "ended",
        "fault",
        "reader",
        "recorded",
        "retry",
        "role",
        "strategy",
    )

    def __init__(self, strategy: Strategy, role: TextRole, *, constrained: bool, retry: int, now: float) -> None:
        self.strategy = strategy
        self.role = role
        self.constrained = constrained
        self.retry = retry
        self.began = now
        self.ended = now
        self.reader: ResponseReader | None = None
        self.dialect = "none"
        self.fault: Fault | None = None
        self.recorded: Attempt | None = None
        self._first_usage: Usage | None = None

    def take_draft(self) -> str:
        """Return the text of the first of two passes, for the second one."""
        reader = self.reader
        assert reader is not None
        self._first_usage, self.reader = reader.verdict.usage, None
        # Some models put all their words into the reasoning; these are the draft then.
        return reader.content.text or reader.content.reasoning

    def sent(self, outbox: Outbox) -> Sent:
        """Return what the client has been sent, as a column of the table of decisions."""
        # A call binds the run more than text does, so that it is asked for first.
        if outbox.call_sent:
            return Sent.CALL
        if not outbox.text_sent:
            return Sent.NOTHING
        # Text against the client's format is no basis for another attempt: it cannot be taken back.
        if self.reader is not None and self.reader.content.schema_error:
            return Sent.INVALID_TEXT
        # An attempt that may only add a call sends no text itself: the text in the outbox is an earlier one's.
        own = self.reader is not None and self.reader.delivery.own_text_sent
        return Sent.TEXT if own else Sent.EARLIER_TEXT

    @property
    def usage(self) -> Usage | None:
        """The usage that the client receives: for two passes the first prompt, and both completions.

        The second prompt repeats the first one, so a client that adds it up would overestimate its conversation.
        """
        second = self.reader.verdict.usage if self.reader is not None else None
        first = self._first_usage
        if first is None or second is None:
            return second or first
        return Usage(
            first.prompt_tokens,
            first.completion_tokens + second.completion_tokens,
            first.cached_tokens,
            first.reasoning_tokens + second.reasoning_tokens,
            second.reported,
        )

    @property
    def spent(self) -> Usage | None:
        """The tokens of all upstream requests, including both prompts of two passes."""
        second = self.reader.verdict.usage if self.reader is not None else None
        first = self._first_usage
        return second or first if first is None or second is None else first + second

    def record(self, outcome: AttemptOutcome, detail: str, *, now: float) -> Attempt:
        """Return what remains of this attempt; `now`: seconds of the run's clock."""
        self.ended = now
        reader = self.reader
        self.recorded = Attempt(
            strategy=self.strategy,
            outcome=outcome,
            detail=detail,
            retry=self.retry,
            duration_s=now - self.began,
            usage=self.usage,
            spent=self.spent,
            repairs=reader.verdict.repairs if reader is not None else (),
            dialect=self.dialect,
            held_s=reader.delivery.held_s if reader is not None else 0.0,
        )
        return self.recorded
