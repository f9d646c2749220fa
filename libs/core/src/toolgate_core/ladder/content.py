"""The content of one answer: its text, its reasoning and its refusal, filtered on the way to the client.

Text passes four filters, in this order. Stop strings that were taken out of the upstream request end it here. White
space before the first word waits, since beside calls it is layout and no content. Text after a call is dropped,
because clients and routers refuse content after the first call. And the beginning of a native answer waits as long as
it may become a call in disguise (`disguise.Screen`).
"""

from __future__ import annotations

from toolgate_core.jsontext import encode
from toolgate_core.ladder.delivery import Delivery, DeliveryPolicy
from toolgate_core.ladder.disguise import Screen, disguised, last_paragraph
from toolgate_core.ladder.stop import StopFilter
from toolgate_core.ladder.verdict import Verdict
from toolgate_core.schema import Toolset
from toolgate_core.schema.answer import answer_check, answer_schema
from toolgate_core.types.events import MessageFields, ReasoningDelta, RefusalDelta, TextDelta
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import AttemptOutcome


class AnswerContent:
    """Takes text, reasoning and refusal of one answer; sends what passes its filters, and keeps all of it."""

    __slots__ = (
        "_check",
        "_decision",
        "_delivery",
        "_leading_space",
        "_reasoning",
        "_screen",
        "_stop",
        "_text",
        "_unstructured",
        "_verdict",
        "is_refusal",
    )

    def __init__(self, request: ChatRequest, plan: Plan, verdict: Verdict, delivery: Delivery) -> None:
        schema = answer_schema(request)
        # A draft is not the answer, so that the client's format does not hold for it.
        self._check = answer_check(encode(schema)) if schema is not None and plan.form != "text" else None
        self._decision = plan.form == "decision"
        self._verdict = verdict
        self._delivery = delivery
        self._stop = StopFilter(plan.stop)
        # Only under `auto`, and only where the client did not ask for JSON itself.
        screened = plan.form == "native" and request.tool_choice.mode == "auto" and self._check is None
        self._screen = Screen(holds=delivery.policy is DeliveryPolicy.LIVE) if screened else None
        self._leading_space = ""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._unstructured: list[str] = []
        self.is_refusal = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def has_text(self) -> bool:
        """Whether any text has come."""
        return bool(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._reasoning)

    @property
    def stopped(self) -> bool:
        """Whether one of the client's stop strings has ended the text."""
        return self._stop.stopped

    @property
    def missing_decision(self) -> bool:
        """Whether the model wrote other text instead of a decision."""
        return not self._text and any(not text.isspace() for text in self._unstructured)

    @property
    def unstructured_text(self) -> str:
        """Text that came instead of a decision: the last resort if no attempt succeeds."""
        text = "".join(self._unstructured).strip()
        # A decision that could not be read is not text for a user.
        return "" if text.startswith(("{", "[", "`", "<")) else text

    @property
    def schema_error(self) -> str:
        """One sentence on how the text violates the client's format; empty if it matches, or was cut."""
        # What a limit or a stop string cut can't be held against the schema.
        whole = self._verdict.finish in ("stop", "tool_calls") and not self._stop.stopped
        return self._check.schema_error(self.text) if self._check is not None and whole and self._text else ""

    def add_text(self, text: str) -> None:
        """Add text for the user."""
        self._add(self._stop.feed(text))

    def finish(self) -> None:
        """End the text; a partial stop string at its end is ordinary text."""
        self._add(self._stop.finish())

    def _add(self, text: str) -> None:
        if not self._text:
            text = self._leading_space + text
            self._leading_space = text if text.isspace() else ""
            if self._leading_space:
                return
        if not text:
            return
        if self._verdict.calls:
            # OpenAI never sends content after a call, so clients and routers refuse it.
            self._verdict.tag("text_after_call")
            return
        if not self._text:
            self._check_begin(text)
        self._text.append(text)
        self._send_text(text if self._screen is None else self._screen.feed(text))

    def _check_begin(self, text: str) -> None:
        """Fail an answer that cannot match the client's format, before any of it is sent."""
        # Native text may still be followed by a call, which needs no format.
        if self._check is not None and self._decision and self._check.object_only and text.lstrip()[0] != "{":
            self._verdict.fail(AttemptOutcome.SCHEMA_INVALID, "The answer must be a JSON object.")

    def _send_text(self, text: str) -> None:
        # After a fault another attempt may follow, and text cannot be taken back.
        if text and self._verdict.fault is None:
            self._delivery.send(TextDelta(text))

    def add_reasoning(self, text: str) -> None:
        """Add reasoning."""
        self._reasoning.append(text)
        if self._verdict.fault is None:
            self._delivery.send(ReasoningDelta(text))

    def add_refusal(self, text: str) -> None:
        """Add text that the upstream marks as a refusal."""
        self.is_refusal = True
        self._delivery.send(RefusalDelta(text))

    def add_fields(self, fields: MessageFields) -> None:
        """Add unknown fields of the message."""
        self._delivery.send(fields)

    def add_unstructured(self, text: str) -> None:
        """Add text that came instead of a decision."""
        self._unstructured.append(text)

    def release(self, *, text: bool = True) -> None:
        """Send what was held; `text` False: reasoning and fields alone."""
        if self._screen is not None:
            self._send_text(self._screen.open())
        self._delivery.release(text=text)

    def find_disguised_call(self, toolset: Toolset, *, stream: bool) -> None:
        """Check whether the whole text is a call in disguise; send the held text if it is not."""
        if self._screen is None:
            return
        if not self._verdict.calls and self._verdict.fault is None:
            text = self.text
            # In a stream the words before the last paragraph have been sent, and so it stays text.
            tail = "" if stream else last_paragraph(text)
            self._verdict.disguised_call = disguised(text, toolset) or (disguised(tail, toolset) if tail else None)
        if self._verdict.disguised_call is None:
            self._send_text(self._screen.open())
