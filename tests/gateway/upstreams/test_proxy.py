"""Requests to an upstream through a proxy: one that a setting names, or the environment's where it is asked to."""

from __future__ import annotations

import pytest
from toolgate_core.types.failures import Failure
from toolgate_gateway.server.compose import providers
from toolgate_gateway.settings import GatewaySettings, UpstreamEntry
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider

from tests.support.upstream import ScriptedUpstream, answer, scripted

MODELS = answer({"data": [{"id": "m"}]})
FAR = "http://far.invalid/v1"


async def listed(proxy: str, url: str = FAR) -> list[str] | Failure:
    provider = create_provider(UpstreamConfig(name="up", url=url, proxy=proxy, retries=0))
    try:
        found = await provider.models()
    finally:
        await provider.aclose()
    return found if isinstance(found, Failure) else [str(card["id"]) for card in found]


def paths(proxy: ScriptedUpstream) -> list[str]:
    return [f"{request.method} {request.path}" for request in proxy.requests]


async def test_requests_go_through_the_proxy_that_is_named() -> None:
    async with scripted([MODELS]) as proxy:
        assert await listed(proxy.url) == ["m"]
        assert paths(proxy) == ["GET http://far.invalid/v1/models"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_the_environments_proxy_is_followed_only_where_it_is_asked_to(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted([MODELS]) as proxy:
        monkeypatch.setenv(name, proxy.url.removeprefix("http://"))
        assert await listed("environment") == ["m"]
        assert isinstance(await listed(""), Failure)
        monkeypatch.setenv("NO_PROXY", "localhost,.invalid")
        assert isinstance(await listed("environment"), Failure)
    assert len(proxy.requests) == 1


async def test_https_is_tunnelled_and_a_refusing_proxy_means_unreachable() -> None:
    async with scripted([answer({}, status=403)]) as proxy:
        failure = await listed(proxy.url, "https://far.invalid/v1")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("unreachable", "The proxy does not connect to the upstream.")
    assert paths(proxy) == ["CONNECT far.invalid:443"]


async def test_a_proxy_that_is_gone_is_an_upstream_that_cannot_be_reached() -> None:
    failure = await listed("http://127.0.0.1:1")
    assert isinstance(failure, Failure)
    assert failure.kind == "unreachable"


@pytest.mark.parametrize(
    ("everywhere", "here", "used"),
    [("http://p:1", None, "http://p:1"), ("http://p:1", "", None), ("", "http://q:2", "http://q:2"), ("", None, None)],
)
async def test_an_upstreams_own_proxy_counts_more(everywhere: str, here: str | None, used: str | None) -> None:
    entry = UpstreamEntry.model_validate({"url": FAR} | ({} if here is None else {"proxy": here}))
    [provider] = providers(GatewaySettings(upstream_proxy=everywhere, upstreams={"up": entry})).values()
    assert provider._config.proxy_url == used  # type: ignore[attr-defined]
