"""The closed sets of words that code, protos, metrics, chart values and docs share.

Each member's value is the label in metrics, the word in the `x-toolgate-attempts` header and the suffix of the enum in
the protos, so that one idea has one word wherever a user meets it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self


class Strategy(StrEnum):
    """A way to get a tool call out of a model. `priority`: 1 for native … 4 for two_pass."""

    priority: int

    NATIVE = ("native", 1)
    GUIDED = ("guided", 2)
    BRIDGE = ("bridge", 3)
    TWO_PASS = ("two_pass", 4)

    def __new__(cls, word: str, priority: int = 0) -> Self:
        """Make a member from its word and its priority; `Strategy(word)` looks one up."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.priority = priority
        return member


class Mode(StrEnum):
    """How a request is served: by the ladder, by the ladder without native tool calling, or untouched."""

    AUTO = "auto"
    EMULATE = "emulate"
    PASSTHROUGH = "passthrough"


class AttemptOutcome(StrEnum):
    """How one attempt ended: a success, a failure, or neither (`cancelled`).

    A failure is also the *reason* of the fallback or retry that follows it (`FALLBACK_REASONS`).
    """

    SUCCESS_TOOL = "success_tool"
    SUCCESS_TEXT = "success_text"
    NO_TOOL_CALL = "no_tool_call"
    PARSE_ERROR = "parse_error"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_TOOL = "unknown_tool"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    UPSTREAM_ERROR = "upstream_error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


SUCCESSES = (AttemptOutcome.SUCCESS_TOOL, AttemptOutcome.SUCCESS_TEXT)
"""Outcomes of attempts that serve the request."""

FALLBACK_REASONS = (
    AttemptOutcome.NO_TOOL_CALL,
    AttemptOutcome.PARSE_ERROR,
    AttemptOutcome.SCHEMA_INVALID,
    AttemptOutcome.UNKNOWN_TOOL,
    AttemptOutcome.TRUNCATED,
    AttemptOutcome.UNSUPPORTED,
    AttemptOutcome.UPSTREAM_ERROR,
    AttemptOutcome.TIMEOUT,
)
"""Outcomes of attempts that another attempt may follow."""


class RequestOutcome(StrEnum):
    """How a whole request ended."""

    SUCCESS = "success"
    DEGRADED = "degraded"
    EXHAUSTED = "exhausted"
    UPSTREAM_ERROR = "upstream_error"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    CLIENT_ERROR = "client_error"
    CANCELLED = "cancelled"


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
"""How a choice ended, in OpenAI's words (api: chat completions, `finish_reason`)."""

TextEnd = Literal["stop", "length", "cut"]
"""How a model's text ended: the model stopped, the token limit cut it, or the connection dropped."""

AnswerForm = Literal["native", "dialect", "decision", "text"]
"""The form of an answer: native calls and text, text in a dialect, the decision as JSON, or text alone."""
