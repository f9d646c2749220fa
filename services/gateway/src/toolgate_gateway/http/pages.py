"""What web pages may do here: a page that a user looks at can send requests to whatever their machine reaches.

A page needs no leave for a request without a content type of its own (a "simple" one), so JSON has to say that it is
JSON: then the browser asks first, and only the origins of the setting `cors_origins` are let in. No page of another
origin reaches tools, which act on the server's side. A page can also make its own name point at this machine (DNS
rebinding), and is then of our own origin: so a gateway on a loopback address that asks for no key answers to names of
this machine alone.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from toolgate_gateway.http.connection import HttpConnection
from toolgate_gateway.http.errors import ApiError
from toolgate_gateway.settings import GatewaySettings

_HOST = re.compile(r"(?:(\[[0-9a-f:.]+\])|([^:\[\]/@\s]+))(?::\d{1,5})?", re.IGNORECASE)
_FROM_CONTAINERS = re.compile(r"(?:host|gateway)\.[a-z0-9-]{1,63}\.internal")
"""How containers call the machine that they run on (Docker, Podman, Lima, minikube); nobody can own such a name."""
_MAX_ACCEPTED = 32
"""Hosts that need not be looked at again; the same few come with every request."""
_ELSEWHERE = frozenset({b"cross-site", b"same-site"})


class PageRules:
    """The rules for one gateway."""

    def __init__(self, settings: GatewaySettings, *, keyed: bool) -> None:
        """`keyed`: requests need a key, which no page has."""
        self._accepted: set[bytes] = set()
        self._hosts: frozenset[str] | None = None
        if is_loopback(settings.host) and not keyed:
            own = ("localhost", settings.host, socket.gethostname(), *settings.allowed_hosts)
            origins = (origin.partition("://")[2].rpartition(":")[0] for origin in settings.cors_origins)
            self._hosts = frozenset(name.lower() for name in (*own, *origins) if name)

    def check_host(self, connection: HttpConnection) -> None:
        """Raise 403 where the request was sent to a name that is not this machine's."""
        host = connection.header(b"host")
        if self._hosts is None or not host or host in self._accepted:
            return
        if self._is_ours(host.decode("latin-1")):
            if len(self._accepted) < _MAX_ACCEPTED:
                self._accepted.add(host)
        else:
            raise ApiError(
                403,
                "The Host header names another machine; TOOLGATE_ALLOWED_HOSTS lists the names that may be used.",
                code="host_not_allowed",
            )

    def check_tools(self, connection: HttpConnection) -> None:
        """Raise 403 for a page of another origin."""
        origin, host = connection.header(b"origin"), connection.header(b"host") or b""
        foreign = connection.header(b"sec-fetch-site") in _ELSEWHERE
        if origin is not None:
            foreign = foreign or origin.lower().partition(b"://")[2] != host.lower()
        if foreign:
            raise ApiError(403, "Web pages of other origins may not use tools.", code="origin_not_allowed")

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        # A browser never looks an address up, so no name can be made to point here by one.
        name = (found[2] or "").lower().removesuffix(".")
        known = name in (self._hosts or ()) or name.endswith(".localhost") or _FROM_CONTAINERS.fullmatch(name)
        return found[1] is not None or bool(known) or _is_address(name)


def from_page(connection: HttpConnection) -> bool:
    """Whether a browser sent the request for a page, perhaps one of another origin."""
    return connection.header(b"origin") is not None or connection.header(b"sec-fetch-site") in _ELSEWHERE


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
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
