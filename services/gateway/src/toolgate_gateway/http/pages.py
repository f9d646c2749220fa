"""Protection against web pages: a page in a user's browser can send requests to every host that the browser reaches.

Three rules:

- JSON requests must declare `content-type: application/json`. A browser sends "simple" requests (without that type) to
  any origin without asking; for JSON it sends a CORS preflight first, and only `cors_origins` pass it.
- Pages of another origin cannot use `/tools`, because tools act on the server's side.
- A gateway on a loopback address without API keys accepts only host names of this machine. A page can point its own
  host name at 127.0.0.1 (DNS rebinding), and then counts as same-origin for the browser.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import FailureKind

from toolgate_gateway.http.connection import HttpConnection
from toolgate_gateway.settings import GatewaySettings

_HOST = re.compile(r"(?:(\[[0-9a-f:.]+\])|([^:\[\]/@\s]+))(?::\d{1,5})?", re.IGNORECASE)
_FROM_CONTAINERS = re.compile(r"(?:host|gateway)\.[a-z0-9-]{1,63}\.internal")
"""Names by which containers reach their host (Docker, Podman, Lima, minikube). They cannot be registered in DNS."""
_MAX_ACCEPTED = 32
"""Size of the cache of accepted Host values; clients send the same few with every request."""
_ELSEWHERE = frozenset({b"cross-site", b"same-site"})


class PageRules:
    """The rules of one gateway."""

    def __init__(self, settings: GatewaySettings, *, keyed: bool) -> None:
        """`keyed`: requests need an API key, which a foreign page does not have."""
        self._accepted: set[bytes] = set()
        self._hosts: frozenset[str] | None = None
        if is_loopback(settings.host) and not keyed:
            own = ("localhost", settings.host, socket.gethostname(), *settings.allowed_hosts)
            origins = (origin.partition("://")[2].rpartition(":")[0] for origin in settings.cors_origins)
            self._hosts = frozenset(name.lower() for name in (*own, *origins) if name)

    def check_host(self, connection: HttpConnection) -> None:
        """Raise 403 if the Host header names another machine."""
        host = connection.header(b"host")
        if self._hosts is None or not host or host in self._accepted:
            return
        if self._is_ours(host.decode("latin-1")):
            if len(self._accepted) < _MAX_ACCEPTED:
                self._accepted.add(host)
        else:
            raise RequestError(
                "The Host header names another machine; add the name to TOOLGATE_ALLOWED_HOSTS to accept it.",
                kind=FailureKind.FORBIDDEN,
                code="host_not_allowed",
            )

    def check_tools(self, connection: HttpConnection) -> None:
        """Raise 403 if the request comes from a page of another origin."""
        origin, host = connection.header(b"origin"), connection.header(b"host") or b""
        foreign = connection.header(b"sec-fetch-site") in _ELSEWHERE
        if origin is not None:
            foreign = foreign or origin.lower().partition(b"://")[2] != host.lower()
        if foreign:
            message = "Web pages of other origins cannot use tools."
            raise RequestError(message, kind=FailureKind.FORBIDDEN, code="origin_not_allowed")

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        # A literal address needs no DNS lookup, so it cannot be rebound.
        name = (found[2] or "").lower().removesuffix(".")
        known = name in (self._hosts or ()) or name.endswith(".localhost") or _FROM_CONTAINERS.fullmatch(name)
        return found[1] is not None or bool(known) or _is_address(name)


def from_page(connection: HttpConnection) -> bool:
    """Whether a browser sent the request on behalf of a page, perhaps one of another origin."""
    return connection.header(b"origin") is not None or connection.header(b"sec-fetch-site") in _ELSEWHERE


def is_loopback(host: str) -> bool:
    """Whether a listening address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
