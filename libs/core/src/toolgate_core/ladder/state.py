"""What has been read of one answer so far, and what the ladder asks about it."""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, encode
from toolgate_core.ladder.gate import Gate
from toolgate_core.ladder.stop import StopFilter
from toolgate_core.schema.answer import answer_check, answer_schema
from toolgate_core.strategies.envelope import ENVELOPE_TOKENS
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import FinishReason

RAW_LIMIT = 2000
"""Characters of a bad answer that a fault keeps, so that a retry can show the model its own words."""


class OpenCall:
    """A call that has begun and not ended."""

    def __init__(self, name: str, call_id: str | None) -> None:
        self.name = name
        self.id = call_id
        self.parts: list[str] = []
        self.fields: JsonObject = {}
        self.sent = False


class AnswerState:
    """The texts, calls and faults of an answer. `calls`: how many of its calls are to be delivered."""

    def __init__(self, request: ChatRequest, plan: Plan, gate: Gate) -> None:
        self._request = request
        self._plan = plan
        self._gate = gate
        schema = answer_schema(request)
        self._check = answer_check(encode(schema)) if schema is not None and plan.form != "text" else None
        self._stop = StopFilter(plan.stop)
        self._native: dict[int, OpenCall] = {}
        self._open: OpenCall | None = None
        self._blank = ""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._stray: list[str] = []
        self._repairs: list[str] = []
        self._raw: list[str] = []
        self._raw_size = 0
        self.logprobs: list[JsonObject] = []
        self.fault: Fault | None = None
        self.disguised: Fault | None = None
        self.calls = 0
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None
        self.unfinished = False
        self.choice_fields: JsonObject = {}
        self.answer_fields: JsonObject = {}

    @property
    def text(self) -> str:
        """The clean text of the answer so far."""
        return "".join(self._text)

    @property
    def misfit(self) -> str:
        """What is wrong with the form of the answer, in one sentence; empty where nothing is or it was cut."""
        if self._check is None or self.finish not in ("stop", "tool_calls") or self._stop.stopped or not self.text:
            return ""
        return self._check.misfit(self.text)

    @property
    def muted(self) -> bool:
        """Whether only a call can be sent, since text has been sent by an attempt before."""
        return self._gate.muted

    @property
    def held_s(self) -> float:
        """How long something was held back from the client, in seconds."""
        return self._gate.held_s

    @property
    def undecided(self) -> bool:
        """Whether a decision was asked for and other text came."""
        return not self._text and any(not text.isspace() for text in self._stray)

    @property
    def stray(self) -> str:
        """Text where a decision was asked for: no answer, but the best there is when nothing better comes."""
        text = "".join(self._stray).strip()
        return "" if text.startswith(("{", "[", "`", "<")) else text

    @property
    def reasoning(self) -> str:
        """What the model said to itself so far."""
        return "".join(self._reasoning)

    @property
    def refuses(self) -> bool:
        """Whether the upstream tells some of the answer as a refusal."""
        return bool(self._refusal)

    @property
    def repairs(self) -> tuple[str, ...]:
        """Tags of what was mended, each once, in the order of their first use."""
        return tuple(dict.fromkeys(self._repairs))

    def _model_stopped(self) -> bool:
        """Whether the model ended by itself."""
        return self.finish in ("stop", "tool_calls") and not self._at_limit()

    def _at_limit(self) -> bool:
        """Whether the answer has all the tokens it may."""
        limit, usage = self._request.max_tokens, self.usage
        if limit is None or usage is None:
            return False
        widened = 0 if self._plan.form == "native" else ENVELOPE_TOKENS
        return usage.completion_tokens >= limit + widened
