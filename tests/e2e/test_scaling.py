"""Autoscaling on a real controller: by CPU with metrics-server; by requests in flight with Prometheus and an adapter."""

import os
import time
from typing import Any

import pytest

from tests.e2e.cluster import Release, meanwhile, until
from tests.e2e.conftest import MODEL
from tests.e2e.load import Load

FAST_DOWN: dict[str, Any] = {
    "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]},
    "scaleDown": {
        "stabilizationWindowSeconds": 10,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 5}],
    },
}


def scaled(**how: Any) -> dict[str, Any]:
    return {"enabled": True, "min": 1, "max": 4, "behavior": FAST_DOWN, **how}


async def grown_and_shrunk(release: Release, users: int, record_property: Any, how: str) -> None:
    url = release.url()
    async with Load(url, MODEL, users) as load:
        began = time.monotonic()
        await meanwhile(until, lambda: len(release.ready("gateway")) >= 3, 90, "three gateways are ready")
        grown = time.monotonic() - began
    async with Load(url, MODEL, 1) as quiet:
        began = time.monotonic()
        await meanwhile(until, lambda: len(release.pods("gateway")) == 1, 180, "one gateway is left")
        shrunk = time.monotonic() - began
    record_property(
        "figures",
        f"{how}: 1 -> 3 ready in {grown:.0f} s, back to 1 in {shrunk:.0f} s; {load.summary()}; {quiet.summary()}",
    )
    assert load.faults + quiet.faults == []
    assert grown < 60


async def test_the_gateway_scales_by_cpu_within_a_minute_without_a_cut_stream(
    release: Release, record_property: Any
) -> None:
    # A tenth of a core is asked for here, so that a small machine can show what a large one does.
    small = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    release.upgrade(gateway={"autoscaling": scaled(cpu=70), "resources": small})
    await grown_and_shrunk(release, 24, record_property, "HPA by CPU")


@pytest.mark.skipif(not os.environ.get("TOOLGATE_E2E_ADAPTER"), reason="no adapter serves the in-flight metric")
async def test_the_gateway_grows_by_requests_in_flight(release: Release, record_property: Any) -> None:
    release.upgrade(gateway={"autoscaling": scaled(cpu=None, inFlight=5)})
    await grown_and_shrunk(release, 24, record_property, "HPA by requests in flight")


@pytest.mark.skipif(not os.environ.get("TOOLGATE_E2E_KEDA"), reason="no KEDA, or no Prometheus for it")
async def test_keda_scales_a_model_on_its_queue(release: Release, record_property: Any) -> None:
    auto = scaled(type="keda", waiting=2, running=100, prometheusAddress=os.environ["TOOLGATE_E2E_KEDA"])
    release.upgrade(models={MODEL: {"maxNumSeqs": 2, "autoscaling": auto}})
    async with Load(release.url(), MODEL, 12) as load:
        began = time.monotonic()
        await meanwhile(until, lambda: len(release.ready("model")) >= 2, 120, "two pods of the model are ready")
        grown = time.monotonic() - began
    record_property("figures", f"KEDA on a model's queue: 1 -> 2 ready in {grown:.0f} s; {load.summary()}")
    assert load.faults == []
