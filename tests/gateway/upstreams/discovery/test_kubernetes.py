"""Watching an API server, over a real socket and with the official client."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toolgate_gateway.upstreams.discovery import kubernetes
from toolgate_gateway.upstreams.discovery.kubernetes import Kubernetes
from toolgate_gateway.upstreams.discovery.resources import DiscoveredModel
from toolgate_gateway.upstreams.retries import Backoff
from toolgate_runtime.logs import Log

from tests.support.kubernetes import ApiServer, api_server

LABELS = {"app.kubernetes.io/instance": "prod", "toolgate.dev/model": "m"}
OTHERS = {"app.kubernetes.io/instance": "test", "toolgate.dev/model": "theirs"}


def service(labels: dict[str, str] = LABELS, config: str | None = None) -> dict[str, Any]:
    return {"metadata": {"labels": labels, "annotations": {"toolgate.dev/model-config": config} if config else {}}}


def pods(*addresses: str, labels: dict[str, str] = LABELS, of: str = "svc") -> dict[str, Any]:
    return {
        "metadata": {"labels": {**labels, "kubernetes.io/service-name": of}},
        "ports": [{"name": "http", "port": 8000}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    }


@dataclass
class Watched:
    api: ApiServer
    reported: "asyncio.Queue[Mapping[str, DiscoveredModel]]"

    async def next(self) -> Mapping[str, DiscoveredModel]:
        async with asyncio.timeout(60):
            return await self.reported.get()


@asynccontextmanager
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refuse: Any = None) -> AsyncIterator[Watched]:
    """A cluster with one model of the release `prod` and one of another's, watched."""
    async with api_server("apps", tmp_path / "config") as api:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        # The client reads the variable when it is imported.
        monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
        await api.put("services", "svc", service())
        await api.put("services", "theirs", service(OTHERS))
        await api.put("endpointslices", "s1", pods("10.0.0.1"))
        await api.put("endpointslices", "s2", pods("10.9.9.9", labels=OTHERS, of="theirs"))
        api.refuse = refuse
        reported: asyncio.Queue[Mapping[str, DiscoveredModel]] = asyncio.Queue()
        finder = Kubernetes(namespace="apps", release="prod", log=Log())
        running = asyncio.create_task(finder.run(reported.put_nowait))
        try:
            yield Watched(api, reported)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def at(*addresses: str) -> dict[str, DiscoveredModel]:
    return {"m": DiscoveredModel(urls=tuple(f"http://{address}:8000" for address in addresses))}


async def test_only_the_models_of_the_release_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as seen:
        assert await seen.next() == at("10.0.0.1")
        selected = "app.kubernetes.io/instance=prod,toolgate.dev/model"
        assert set(seen.api.asked) == {
            f"/api/v1/namespaces/apps/services?{selected}",
            f"/apis/discovery.k8s.io/v1/namespaces/apps/endpointslices?{selected}",
        }


async def test_changes_of_pods_and_models_are_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as seen:
        await seen.next()
        for kind in ("services", "endpointslices"):
            await seen.api.watched(kind)
        await seen.api.put("endpointslices", "s1", pods("10.0.0.1", "10.0.0.2"))
        assert await seen.next() == at("10.0.0.1", "10.0.0.2")
        await seen.api.put("services", "svc", service(config='{"preset":"gpt-oss"}'))
        assert (await seen.next())["m"].preset == "gpt-oss"
        await seen.api.put("services", "new", service({**LABELS, "toolgate.dev/model": "n"}))
        assert list(await seen.next()) == ["m", "n"]
        await seen.api.delete("services", "svc")
        assert list(await seen.next()) == ["n"]


async def test_a_watch_that_ends_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as seen:
        await seen.next()
        for kind in ("services", "endpointslices"):
            await seen.api.watched(kind)
        listed = len(seen.api.asked)
        seen.api.end_watches()
        await seen.api.watched("endpointslices")
        await seen.api.put("endpointslices", "s1", pods("10.0.0.7"))
        assert await seen.next() == at("10.0.0.7")
        assert len(seen.api.asked) - listed <= 2


async def test_a_watch_that_has_lost_its_place_lists_again_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "DISCOVERY", Backoff(60.0, 60.0))
    async with watched(tmp_path, monkeypatch) as seen:
        await seen.next()
        for kind in ("services", "endpointslices"):
            await seen.api.watched(kind)
        seen.api.end_watches({"code": 410, "reason": "Expired", "message": "too old resource version"})
        for kind in ("services", "endpointslices"):
            await seen.api.watched(kind)
        await seen.api.put("endpointslices", "s1", pods("10.0.0.8"))
        assert await seen.next() == at("10.0.0.8")


async def test_a_refusal_is_logged_with_its_reason_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kubernetes, "DISCOVERY", Backoff(0.01, 1.0))
    refusal = {"code": 403, "reason": "Forbidden", "message": "cannot list"}
    async with watched(tmp_path, monkeypatch, refuse=refusal) as seen:
        await seen.api.refused_all(times=2)
        seen.api.refuse = None
        assert await seen.next() == at("10.0.0.1")
    lines = [record for record in caplog.records if "discovery_failed" in record.getMessage()]
    assert lines
    assert any("Forbidden" in str(record.__dict__) for record in lines)
