"""A gateway whose models are found in Kubernetes: an API server, pods, and the official client, on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateway.running import RunningGateway, gateway
from tests.support.kubernetes import ApiServer, api_server
from tests.support.upstream import Request, ScriptedUpstream, answer, completion, scripted

LABELS = {"app.kubernetes.io/instance": "prod", "toolgate.dev/model": "found"}


def pod(served: str) -> Any:
    def script(request: Request) -> Any:
        if request.path == "/v1/models":
            return answer({"object": "list", "data": [{"id": served}]})
        return answer(completion({"content": "Hello."}))

    return script


def slice_of(*pods: ScriptedUpstream) -> dict[str, Any]:
    """All pods have the test's one address, so each has a separate port and slice."""
    (only,) = pods
    return {
        "metadata": {"labels": {**LABELS, "kubernetes.io/service-name": "svc"}},
        "ports": [{"name": "http", "port": urlsplit(only.url).port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }


@asynccontextmanager
async def found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[tuple[RunningGateway, ApiServer]]:
    """A gateway without configured upstreams that watches an empty release."""
    async with api_server("apps", tmp_path / "config") as api:
        monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
        options = {
            "discovery": "kubernetes",
            "discovery_namespace": "apps",
            "discovery_release": "prod",
            "upstreams": {},
        }
        async with gateway(**{**options, **settings}) as running:
            for kind in ("services", "endpointslices"):
                await api.watched(kind)
            yield running, api


async def models(running: RunningGateway) -> list[str]:
    return [model.id async for model in running.openai().models.list()]


async def until(running: RunningGateway, names: list[str]) -> None:
    """Wait until the gateway lists exactly these models."""
    async with asyncio.timeout(20):
        while await models(running) != names:
            pass


async def test_a_model_that_comes_is_listed_and_one_that_goes_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with found(tmp_path, monkeypatch) as (running, api), scripted(pod("org/m")) as server:
        assert await models(running) == []
        await api.put("services", "svc", {"metadata": {"labels": LABELS}})
        await api.put("endpointslices", "s", slice_of(server))
        await until(running, ["org/m"])
        said = await running.openai().chat.completions.create(
            model="org/m", messages=[{"role": "user", "content": "Hi"}]
        )
        assert said.choices[0].message.content == "Hello."
        await api.delete("services", "svc")
        await until(running, [])


async def test_the_pods_of_a_model_share_its_requests_and_stats_show_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with found(tmp_path, monkeypatch) as (running, api), scripted(pod("m")) as one, scripted(pod("m")) as two:
        await api.put("services", "svc", {"metadata": {"labels": LABELS}})
        await api.put("endpointslices", "s1", slice_of(one))
        await api.put("endpointslices", "s2", slice_of(two))
        await until(running, ["m"])
        async with asyncio.timeout(20):
            while (await running.http.get(f"{running.url}/stats")).json()["upstreams"]["found"]["ready"] != 2:
                pass
        client = running.openai()
        for _ in range(10):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        counts = [sum(request.path.endswith("completions") for request in each.requests) for each in (one, two)]
        assert counts == [5, 5]
        metrics = [
            running.registry.get_sample_value("toolgate_upstream_replicas", {"upstream": "found", "state": state})
            for state in ("ready", "left_out")
        ]
        assert metrics == [2, 0]


async def test_readiness_waits_for_the_first_look_and_liveness_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    settings: dict[str, Any] = {
        "discovery": "kubernetes",
        "discovery_namespace": "apps",
        "discovery_release": "prod",
        "upstreams": {},
    }
    async with gateway(**settings) as running:
        states = {path: (await running.http.get(f"{running.url}/{path}")).status_code for path in ("livez", "readyz")}
        assert states == {"livez": 200, "readyz": 503}


async def test_a_file_can_say_the_same_with_urls() -> None:
    async with AsyncExitStack() as stack:
        pods = [await stack.enter_async_context(scripted(pod("m"))) for _ in range(2)]
        upstream = {"urls": [each.url for each in pods], "balance": "least_in_flight"}
        running = await stack.enter_async_context(gateway(upstreams={"gpu": upstream}))
        client = running.openai()
        for _ in range(6):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        counts = [sum(request.path.endswith("completions") for request in each.requests) for each in pods]
        assert sorted(counts) == [3, 3]
