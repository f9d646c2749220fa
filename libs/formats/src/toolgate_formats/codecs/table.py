"""The codecs, one row per wire format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from toolgate_formats.codecs.base import Codec
from toolgate_formats.codecs.openai_chat.codec import OpenAIChatCodec
from toolgate_formats.redaction import Redactor

CODECS: Final[dict[str, Callable[[Redactor], Codec]]] = {
    "openai_chat": OpenAIChatCodec,
}
"""Name → what makes the codec of one upstream: it is given what hides the upstream's key and address in messages."""
