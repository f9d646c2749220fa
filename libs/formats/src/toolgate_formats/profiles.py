"""What is known of a kind of server, by what it says of itself in its list of models."""

from __future__ import annotations

import re

from toolgate_core.jsontext import JsonObject

VLLM = "vllm"
"""What vLLM says that it is, as the owner of its models."""

VERSION_KEY = "toolgate_server_version"
"""Where a model's card keeps the version of its server; it is for the gateway alone."""

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
_STRICT_SINCE = (0, 24)
"""vLLM holds calls to their schemas from here on, where `strict` asks for it."""


def capabilities_of(card: JsonObject) -> JsonObject:
    """Return the capabilities that a model's card tells of; those that it says nothing about are left out."""
    if card.get("owned_by") != VLLM:
        return {}
    seen: JsonObject = {"skip_special_tokens": True}
    version = _VERSION.match(str(card.get(VERSION_KEY, "")))
    if version is not None and (int(version[1]), int(version[2])) >= _STRICT_SINCE:
        seen["strict"] = True
    return seen
