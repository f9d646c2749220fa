"""The words in which servers say why an answer ended, in OpenAI's words."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from toolgate_core.types.vocabulary import FinishReason

Ending: TypeAlias = FinishReason | Literal["broken"] | None
"""`broken`: the answer was not finished. None: the word is no reason."""

_WORDS: Final[dict[str, Ending]] = {
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
    "error": "broken",  # Mistral, OpenRouter
    "network_error": "broken",  # GLM
    "abort": "broken",  # vLLM, SGLang
    "aborted": "broken",
    "cancelled": "broken",
    "canceled": "broken",
    "failed": "broken",
    "timeout": "broken",
    "malformed_function_call": "broken",  # Gemini
    "unexpected_tool_call": "broken",
    "insufficient_system_resource": "broken",  # DeepSeek
}
# What an unknown word is made of says what it means; the first that fits counts.
_HINTS: Final[tuple[tuple[re.Pattern[str], Ending], ...]] = (
    (re.compile(r"error|fail|abort|cancel|timeout|timed_out|malformed|overload|interrupt|disconnect"), "broken"),
    (re.compile(r"length|max|limit|exceed|truncat"), "length"),
    (re.compile(r"filter|safety|sensitive|prohibit|block|moderat|policy|guardrail"), "content_filter"),
    (re.compile(r"tool|function"), "tool_calls"),
)
_PREFIX: Final = re.compile(r"^(?:finish_?reason|stop_?reason)_")
_SEPARATORS: Final = re.compile(r"[\s.:-]+")
_LONGEST: Final = 64
"""Characters of a word; a longer text is no reason."""


def ending(raw: object) -> Ending:
    """Return what a finish reason means; words are compared without case, and `FinishReason.STOP` is `stop`.

    A word that nobody knows and that hints at nothing else is `stop`: the server says that the answer ended.
    """
    if isinstance(raw, dict):  # TGI, llama.cpp's own form: {"type": "stop"}
        raw = raw.get("type") or raw.get("reason")
    if not isinstance(raw, str) or len(raw) > _LONGEST:
        return None
    if raw in _WORDS:
        return _WORDS[raw]
    word = _PREFIX.sub("", _SEPARATORS.sub("_", raw.strip().lower()))
    if word in _WORDS:
        return _WORDS[word]
    return next((means for hint, means in _HINTS if hint.search(word)), "stop")
