"""The verdict: everything about one answer that decides whether it is good, collected while it is read.

Each part of the reader reports here what it finds; `judge` turns the result into an outcome when the answer has ended.
Two rules decide most of it:

- The first fault settles the fate of an answer, unless a valid call came before it. That call stands (it may have been
  sent, and it is valid by itself), and the bad part is dropped.
- Servers call a call that the token limit cut by any finish reason: vLLM before 0.33 says `tool_calls`, others close
  the brackets themselves. So an answer that used every token it was allowed counts as cut, whatever its reason says.
"""

from __future__ import annotations

from toolgate_core.strategies.envelope import ENVELOPE_TOKENS
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import AttemptOutcome, FinishReason

RAW_LIMIT = 2000
"""Characters of a bad answer that a fault keeps, so that a retry can show the model its own words."""


class Verdict:
    """Collects the finish, the tokens, the good calls, the first fault and the repairs of one answer."""

    __slots__ = (
        "_max_tokens",
        "_may_fail",
        "_native",
        "_raw",
        "_raw_size",
        "_repairs",
        "calls",
        "disguised_call",
        "fault",
        "finish",
        "ran_away",
        "truncated_call",
        "usage",
    )

    def __init__(self, request: ChatRequest, plan: Plan) -> None:
        self._may_fail = request.tool_choice.mode != "none"
        # A decision is asked for with the envelope's tokens on top (`with_envelope_tokens`); other forms are not.
        envelope = ENVELOPE_TOKENS if plan.form == "decision" else 0
        self._max_tokens = None if request.max_tokens is None else request.max_tokens + envelope
        self._native = plan.form == "native"
        self._raw: list[str] = []
        self._raw_size = 0
        self._repairs: list[str] = []
        self.fault: Fault | None = None
        self.disguised_call: Fault | None = None
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None
        self.calls = 0
        self.truncated_call = False
        self.ran_away = False

    @property
    def repairs(self) -> tuple[str, ...]:
        """Tags of the repairs, each once, in the order of their first use."""
        return tuple(dict.fromkeys(self._repairs))

    def tag(self, *repairs: str) -> None:
        """Record repairs by their tags."""
        self._repairs.extend(repairs)

    def keep_raw(self, text: str) -> None:
        """Keep what the model wrote, as far as a fault may need it."""
        if self._raw_size < RAW_LIMIT:
            self._raw.append(text)
            self._raw_size += len(text)

    def keep_raw_call(self, name: str, arguments: str) -> None:
        """Keep a native call as text: it did not come as text, which `keep_raw` would have kept."""
        if self._native:
            self._raw.append(f"{name}({arguments})")

    def fail(self, reason: AttemptOutcome, detail: str) -> None:
        """Record a fault: the first one counts, unless a call is good. Under `tool_choice: none` text is text."""
        # The good call may have been sent, and a retry would repeat it (decision 006).
        if self.calls:
            self.tag("bad_call_dropped")
        # Later faults mostly follow from the first one, which says best what to do better.
        elif self.fault is None and self._may_fail:
            self.fault = Fault(reason, detail, "".join(self._raw)[:RAW_LIMIT])

    def run_away(self, detail: str, *, dropped_calls: int, text_sent: bool) -> None:
        """Record that the model does not stop by itself, which ends the reading.

        `dropped_calls`: good calls that were not sent and are forgotten. `text_sent`: text of this answer has been
        sent: it stands, and is as good as cut.
        """
        self.ran_away = True
        # Calls that were not sent go with the answer: one that repeats itself is not to be trusted.
        self.calls -= dropped_calls
        # An error would take the text back; `length` says that the answer is not complete.
        if text_sent and not self.calls:
            self.finish = "length"
        else:
            self.fail(AttemptOutcome.PARSE_ERROR, detail)

    @property
    def model_stopped(self) -> bool:
        """Whether the model itself has ended the answer, and not a limit."""
        return self.finish in ("stop", "tool_calls") and not self.at_limit

    @property
    def at_limit(self) -> bool:
        """Whether the answer has used every token that it was allowed."""
        # Without a limit or a count nothing shows that the answer was cut.
        if self._max_tokens is None or self.usage is None:
            return False
        return self.usage.completion_tokens >= self._max_tokens
