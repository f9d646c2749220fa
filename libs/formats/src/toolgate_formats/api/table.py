"""Every public API format, one row each; the gateway serves each at its path."""

from __future__ import annotations

from types import MappingProxyType

from toolgate_formats.api.base import ApiFormat
from toolgate_formats.api.openai_chat.format import OpenAIChat

OPENAI_CHAT: ApiFormat = OpenAIChat()

_ROWS: tuple[ApiFormat, ...] = (
    OPENAI_CHAT,
)  # fmt: skip

API_FORMATS = MappingProxyType({row.name: row for row in _ROWS})
