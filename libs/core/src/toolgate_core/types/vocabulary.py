"""The closed sets of words that code, protos, metrics, values and docs share.

A name that stands here stands everywhere: the members' values are the labels of metrics, the words of the
`x-toolgate-attempts` header, and the suffixes of the enums in the protos.
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
        """Make a member of its word and its priority; by its word alone one is looked up."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.priority = priority
        return member


class Mode(StrEnum):
    """How a request is served: the ladder, the ladder without the upstream's own tool calling, or untouched."""

    AUTO = "auto"
    EMULATE = "emulate"
    PASSTHROUGH = "passthrough"


class Reason(StrEnum):
    """Why an attempt failed, and so why a fallback or a retry happened."""

    NO_TOOL_CALL = "no_tool_call"
    PARSE_ERROR = "parse_error"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_TOOL = "unknown_tool"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    UPSTREAM_ERROR = "upstream_error"
    TIMEOUT = "timeout"


class AttemptOutcome(StrEnum):
    """How one attempt ended: a success, one of the reasons, or neither."""

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
"""How a model's text ended: by itself, by the token limit, or by a dropped connection."""

AnswerForm = Literal["native", "dialect", "decision", "text"]
"""What an attempt's answer is: native calls and text, text in a dialect, the decision JSON, or text alone."""
