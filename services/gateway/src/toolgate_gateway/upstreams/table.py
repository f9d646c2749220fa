"""Providers: the wire formats that upstreams speak, one entry of the table each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.openai_compatible import OpenAICompatible

PROVIDERS: Final[dict[str, Callable[[UpstreamConfig], Provider]]] = {
    "openai_compatible": OpenAICompatible,
}


def create_provider(config: UpstreamConfig) -> Provider:
    """Return the provider that `config` names; raise `ValueError` for one that is not in the table."""
    try:
        build = PROVIDERS[config.provider]
    except KeyError:
        known = ", ".join(PROVIDERS)
        raise ValueError(
            f"unknown provider {config.provider!r} of upstream {config.name!r} (one of: {known})"
        ) from None
    return build(config)
