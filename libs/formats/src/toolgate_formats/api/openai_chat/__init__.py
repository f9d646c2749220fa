"""The chat completions API of OpenAI: its requests, parsed and validated."""

from toolgate_formats.api.openai_chat.parsing import parse_request

__all__ = ["parse_request"]
