"""The configuration of one upstream: its address, its wire format, and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

from msgspec import Struct, field

from toolgate_gateway.upstreams.authentication import Authentication, NoAuthentication, header_secrets
from toolgate_gateway.upstreams.proxies import from_environment

PROXY_FROM_ENVIRONMENT = "environment"
"""The value of `proxy` that selects HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""
_CHAT_PATH = "/chat/completions"
_VERSION_SEGMENT = re.compile(r"v\d+\w*")


class UpstreamConfig(Struct, frozen=True, kw_only=True):
    """One upstream. Its repr shows neither keys nor headers.

    Attributes:
        name: its name in metrics, logs and errors.
        url: its base, with or without the version (`http://host:8000`, `…/v1`), or the full path of its chat
            completions. Credentials in the URL are refused: `authentication` is their place.
        authentication: how a key is sent, if there is one.
        provider: a name of `PROVIDERS`.
        connect_timeout_s: of one TCP (and TLS) connection, in seconds.
        read_timeout_s: maximum time without data from the upstream, before and between its bytes, in seconds.
        max_connections: connections that are open at most; further requests wait for one. 0: no bound.
        keepalive_s: how long an idle connection is kept. Well below uvicorn's 5 s, so that none is used just as the
            upstream closes it, even where both machines are busy: a resend may meet a second such connection.
        retries: how often a request is sent again where no connection could be made (`retries.RetryPolicy`).
        error_retries: how often a request without a ladder is sent again after a 500 or 502. With a ladder, its next
            attempt is the retry.
        headers: sent with every request, beside or instead of the provider's own.
        proxy: an `http://` URL that requests go through, or `environment` for HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
    """

    name: str
    url: str
    authentication: Authentication = NoAuthentication()
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
        """Raise `ValueError` for a URL or a proxy that cannot be used; the message does not quote it."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the URL of upstream {self.name!r} must begin with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"the URL of upstream {self.name!r} holds credentials; set its API key instead")
        _ = self.proxy_url

    def __repr__(self) -> str:
        return f"UpstreamConfig(name={self.name!r}, provider={self.provider!r}, authentication={self.authentication!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that no message, log line or metric may contain: keys, headers that may be keys, the host."""
        return (*self.authentication.secrets(), *header_secrets(self.headers), self.host)

    def url_of(self, path: str) -> str:
        """Return the address of a path of a server without a prefix; `/v1` stands for the version in the URL."""
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
        """The upstream's host name."""
        return urlsplit(self.url).hostname or ""

    def _address(self, path: str) -> str:
        parts = urlsplit(self.url)
        base = parts.path.rstrip("/").removesuffix(_CHAT_PATH)
        if not any(_VERSION_SEGMENT.fullmatch(segment) for segment in base.split("/")):
            if not parts.path.rstrip("/").endswith(_CHAT_PATH):
                base += "/v1"
        return SplitResult(parts.scheme, parts.netloc, base + path, parts.query, "").geturl()


def _without_version(base: str) -> str:
    """Return a path without its last segment where that is a version."""
    head, _, last = base.rpartition("/")
    return head if _VERSION_SEGMENT.fullmatch(last) else base
