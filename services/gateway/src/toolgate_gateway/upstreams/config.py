"""Where an upstream is, and how it is to be spoken to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

from msgspec import Struct, field

from toolgate_gateway.upstreams.proxies import from_environment

PROXY_FROM_ENVIRONMENT = "environment"
"""The proxy that stands for HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""
_CHAT_PATH = "/chat/completions"
_VERSION_SEGMENT = re.compile(r"v\d+\w*")


class UpstreamConfig(Struct, frozen=True, kw_only=True):
    """One upstream.

    Attributes:
        name: what metrics, logs and errors call it.
        url: its base, with or without the version (`http://host:8000`, `…/v1`), or the full path of its chat
            completions. Credentials in the URL are refused: `api_key` is their place.
        api_key: sent as a bearer token, if set.
        provider: the wire format, a name of `PROVIDERS`.
        connect_timeout_s: for one TCP (and TLS) connection, in seconds.
        read_timeout_s: the longest silence of the upstream, before and between its bytes, in seconds.
        max_connections: how many connections are open at most; further requests wait for one. 0: no bound.
        keepalive_s: how long an idle connection is kept. Well below uvicorn's 5 s, so that none is used just as the
            upstream closes it, even where both machines are busy: a resend may meet a second such connection.
        retries: how often a request is sent again where no connection could be made. One whose connection broke before
            the answer's first byte is sent again once.
        error_retries: how often a request without a ladder is sent again after a 500 or 502 (vLLM answers 500 when a
            model writes a malformed Harmony header, which another sample mostly does not). With one, the next attempt
            is the ladder's.
        headers: sent with every request, beside or instead of the provider's own.
        proxy: what requests go through: an `http://` URL, `environment` for HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
    """

    name: str
    url: str
    api_key: str | None = None
    provider: str = "openai_compatible"
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 120.0
    max_connections: int = 2000
    keepalive_s: float = 2.0
    retries: int = 2
    error_retries: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str = ""

    def __post_init__(self) -> None:
        """Refuse a URL, or a proxy, that can't be used, with a `ValueError` that does not quote it."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the URL of upstream {self.name!r} must begin with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"the URL of upstream {self.name!r} holds credentials; set its API key instead")
        _ = self.proxy_url

    @property
    def chat_url(self) -> str:
        """The address of the upstream's chat completions."""
        return self._address(_CHAT_PATH)

    @property
    def models_url(self) -> str:
        """The address of the upstream's list of models."""
        return self._address("/models")

    def url_of(self, path: str) -> str:
        """Return the address of a path as servers of their own have it; `/v1` is the version that the URL names."""
        path, _, query = path.partition("?")
        if path.startswith("/v1/"):
            url = self._address(path.removeprefix("/v1"))
        else:
            parts = urlsplit(self.url)
            base = _without_version(parts.path.rstrip("/").removesuffix(_CHAT_PATH))
            url = SplitResult(parts.scheme, parts.netloc, base + path, parts.query, "").geturl()
        if not query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{query}"

    @property
    def proxy_url(self) -> str | None:
        """The proxy for this upstream, if any."""
        if self.proxy != PROXY_FROM_ENVIRONMENT:
            return self.proxy or None
        variables = {f"{name}_proxy": value for name, value in getproxies_environment().items()}
        return from_environment(variables).of(self.url)

    @property
    def host(self) -> str:
        """The upstream's host name, which no error message may show."""
        return urlsplit(self.url).hostname or ""

    def _address(self, path: str) -> str:
        parts = urlsplit(self.url)
        base = parts.path.rstrip("/").removesuffix(_CHAT_PATH)
        if not any(_VERSION_SEGMENT.fullmatch(segment) for segment in base.split("/")):
            if not parts.path.rstrip("/").endswith(_CHAT_PATH):
                base += "/v1"
        return SplitResult(parts.scheme, parts.netloc, base + path, parts.query, "").geturl()


def _without_version(base: str) -> str:
    """Return a base's path without its last segment where that is a version."""
    head, _, last = base.rpartition("/")
    return head if _VERSION_SEGMENT.fullmatch(last) else base
