"""Every public API format, one row each; the gateway serves each at its path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from toolgate_formats.api.base import ApiFormat
from toolgate_formats.api.openai_chat.format import OpenAIChat

API_FORMATS: Mapping[str, ApiFormat] = MappingProxyType(
    {
        "openai_chat": OpenAIChat(),
    }
)
