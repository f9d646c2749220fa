"""Providers, one row each: the wire format of a kind of upstream, and how its key is sent.

A row names a codec of `toolgate_formats.codecs.table`. The settings accept the names of this table.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from toolgate_formats.codecs.table import CODECS
from toolgate_formats.redaction import Redactor

from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.provider import HttpProvider
from toolgate_gateway.upstreams.transport import HttpTransport


class ProviderSpec(Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        codec: a name of `CODECS`.
        key_header: the header that carries the key; empty: `Authorization`, as a bearer token.
    """

    codec: str
    key_header: str = ""


PROVIDERS: Final[dict[str, ProviderSpec]] = {
    "openai_compatible": ProviderSpec(codec="openai_chat"),
}


def find_provider(name: str) -> ProviderSpec:
    """Return the row of a provider; raise `ValueError`, in one line, for a name or a codec that has no row."""
    spec = PROVIDERS.get(name)
    if spec is None:
        raise ValueError(f"unknown provider {name!r}, known are {', '.join(PROVIDERS)}")
    if spec.codec not in CODECS:
        raise ValueError(f"provider {name!r} has an unknown codec {spec.codec!r}, known are {', '.join(CODECS)}")
    return spec


def create_provider(config: UpstreamConfig) -> Provider:
    """Return the provider of one server; raise `ValueError` where its provider or codec has no row."""
    spec = find_provider(config.provider)
    codec = CODECS[spec.codec](Redactor(config.secrets))
    return HttpProvider(config, codec, HttpTransport(config, codec))
