"""The format's name, and which of its fields are typed attributes of the neutral request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPENAI_CHAT: Final = "openai_chat"
"""The name of the format, as a request's source states it."""

SAMPLING: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")

ATTRIBUTES: Final[Mapping[str, str]] = {
    "model": "model",
    "messages": "messages",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel",
    "stop": "stop",
    "response_format": "response_format",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "n": "n",
    "stream": "stream",
    "stream_options": "stream",
    **dict.fromkeys(SAMPLING, "sampling"),
}
"""A field's name → the attribute of the neutral request that holds it. Any other field is one of its `fields`."""
