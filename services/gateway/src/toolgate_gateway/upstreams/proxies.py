"""Proxies from the environment: which one an upstream's URL goes through, by the rules that Go and curl share."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

_PORTS = {"http": 80, "https": 443}


class Proxies(Struct, frozen=True):
    """A proxy by the upstream URL's scheme, and the hosts that are reached without one.

    `exempt` has the forms of NO_PROXY: a name (with its subdomains), `.domain` or `*.domain` (subdomains only), an
    address, a network (`10.0.0.0/8`), each optionally with `:port`, or `*`. This machine is always exempt.
    """

    http: str = ""
    https: str = ""
    exempt: tuple[str, ...] = ()

    def of(self, url: str) -> str | None:
        """Return the URL of the proxy for an upstream's URL; raise `ValueError` for one that cannot be used."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        if not proxy or _is_near(parts.hostname or ""):
            return None
        if any(_matches(entry, parts) for entry in self.exempt):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if not proxy.startswith("http://"):
            raise ValueError("its proxy must begin with http://")
        return proxy


def from_environment(variables: Mapping[str, str]) -> Proxies:
    """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; names in lower case take precedence, as for curl."""

    def value(name: str) -> str:
        return (variables.get(name.lower()) or variables.get(name) or "").strip()

    any_scheme = value("ALL_PROXY")
    exempt = tuple(entry.strip().lower() for entry in value("NO_PROXY").split(",") if entry.strip())
    return Proxies(value("HTTP_PROXY") or any_scheme, value("HTTPS_PROXY") or any_scheme, exempt)


def _is_near(host: str) -> bool:
    """Whether a host is this machine; users of Go and curl expect no proxy for it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(entry: str, parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if entry == "*":
        return True
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.startswith("[")):
        if int(port) != (parts.port or _PORTS.get(parts.scheme)):
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        pass
    if entry.startswith(("*.", ".")):
        return host.endswith(entry.removeprefix("*"))
    return host == entry or host.endswith(f".{entry}")
