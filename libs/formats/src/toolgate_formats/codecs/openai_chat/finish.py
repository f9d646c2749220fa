"""Finish reasons: the words of all servers, mapped to OpenAI's.

A literal table, then hints for unknown words. The sources are the API references named beside the rows.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from toolgate_core.types.vocabulary import FinishReason

UpstreamFinish: TypeAlias = FinishReason | Literal["aborted"] | None
"""`aborted`: the server did not finish the answer. None: the word is not a reason."""

_WORDS: Final[dict[str, UpstreamFinish]] = {
    "": None,
    "null": None,
    "none": None,
    "nil": None,
    "undefined": None,
    "unspecified": None,  # Gemini: FINISH_REASON_UNSPECIFIED
    "in_progress": None,
    "incomplete": "length",  # OpenAI's Responses API
    "stop": "stop",
    "end_turn": "stop",  # Anthropic
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",  # TGI
    "completed": "stop",
    "length": "length",
    "model_length": "length",  # Mistral
    "max_tokens": "length",  # Gemini, Anthropic, Cohere
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",  # Anthropic
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",  # Anthropic
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # GLM
    "safety": "content_filter",  # Gemini, like the next ones
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "language": "content_filter",
    "refusal": "content_filter",  # Anthropic
    "guardrail_intervened": "content_filter",  # Bedrock
    "error": "aborted",  # Mistral, OpenRouter
    "network_error": "aborted",  # GLM
    "abort": "aborted",  # vLLM, SGLang
    "aborted": "aborted",
    "cancelled": "aborted",
    "canceled": "aborted",
    "failed": "aborted",
    "timeout": "aborted",
    "malformed_function_call": "aborted",  # Gemini
    "unexpected_tool_call": "aborted",
    "insufficient_system_resource": "aborted",  # DeepSeek
}
# Hints for unknown words, tried in order.
_HINTS: Final[tuple[tuple[re.Pattern[str], UpstreamFinish], ...]] = (
    (re.compile(r"error|fail|abort|cancel|timeout|timed_out|malformed|overload|interrupt|disconnect"), "aborted"),
    (re.compile(r"length|max|limit|exceed|truncat"), "length"),
    (re.compile(r"filter|safety|sensitive|prohibit|block|moderat|policy|guardrail"), "content_filter"),
    (re.compile(r"tool|function"), "tool_calls"),
)
_PREFIX: Final = re.compile(r"^(?:finish_?reason|stop_?reason)_")
_SEPARATORS: Final = re.compile(r"[\s.:-]+")
_MAX_WORD_CHARS: Final = 64
"""Characters of a word; a longer text is not a reason."""


def finish_from_upstream(raw: object) -> UpstreamFinish:
    """Return the meaning of a server's finish reason; case does not count, and `FinishReason.STOP` is `stop`.

    An unknown word that matches no hint is `stop`: the server states that the answer ended.
    """
    if isinstance(raw, dict):  # TGI, llama.cpp's own form: {"type": "stop"}
        raw = raw.get("type") or raw.get("reason")
    if not isinstance(raw, str) or len(raw) > _MAX_WORD_CHARS:
        return None
    if raw in _WORDS:
        return _WORDS[raw]
    word = _PREFIX.sub("", _SEPARATORS.sub("_", raw.strip().lower()))
    if word in _WORDS:
        return _WORDS[word]
    return next((meaning for hint, meaning in _HINTS if hint.search(word)), "stop")
