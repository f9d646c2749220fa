"""Warnings at the gateway's start: settings that are valid and probably a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from toolgate_core.types.policy_names import former_names
from toolgate_runtime.settings import Source
from toolgate_runtime.settingwarnings import warnings_of

from toolgate_gateway.settings import GatewaySettings

_PROXIES: Final = {"http": ("http_proxy", "HTTP_PROXY"), "https": ("https_proxy", "HTTPS_PROXY")}
"""Scheme of a URL → environment variables that name a proxy for it."""


def start_warnings(source: Source, settings: GatewaySettings, given: Mapping[str, Any]) -> list[str]:
    """Return the warnings, one sentence each; `given`: settings that did not come from `source`."""
    return [
        *warnings_of(source, settings, given),
        *_former_policy_names(source),
        *_unused_proxies(source, settings),
    ]


def _former_policy_names(source: Source) -> Iterator[str]:
    """Yield a warning for each field of a model's policy that is set under its former name."""
    models, _, _ = source.get_field_value(GatewaySettings.model_fields["models"], "models")
    for alias, entry in models.items() if isinstance(models, dict) else ():
        policy = entry.get("policy") if isinstance(entry, dict) else None
        for clause in former_names(policy) if isinstance(policy, dict) else ():
            yield f"models.{alias}.policy: {clause}"


def _unused_proxies(source: Source, settings: GatewaySettings) -> Iterator[str]:
    """Yield a warning for each proxy variable that the gateway ignores although it matches an upstream."""
    if settings.upstream_proxy:
        return
    variables, _ = source.environment[0]
    entries = [entry for entry in settings.upstream_configs().values() if entry.proxy is None]
    urls = [urlsplit(url) for entry in entries for url in (entry.url, *entry.urls) if url]
    schemes = {url.scheme for url in urls if not _is_local(url.hostname or "")}
    for scheme in sorted(schemes):
        name = next((name for name in _PROXIES.get(scheme, ()) if variables.get(name)), None)
        if name is not None:
            yield f"{name} is ignored for upstreams; set TOOLGATE_UPSTREAM_PROXY=environment to use it"


def _is_local(host: str) -> bool:
    """Whether a host is local: this machine, a private address or a bare name, which no proxy serves."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".svc"))
    return address.is_private or address.is_loopback
