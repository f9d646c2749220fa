"""Tensor parallelism as far as it goes without a GPU: the scheduler's requests, and the engine's arguments.

The nodes have to offer eight `nvidia.com/gpu` (TOOLGATE_E2E_GPUS=1 says that they do); no device is behind them.
"""

import os
import time
from typing import Any

import pytest

from tests.e2e.cluster import Release, kubectl, until

pytestmark = pytest.mark.skipif(not os.environ.get("TOOLGATE_E2E_GPUS"), reason="the nodes offer no GPUs")

BIG: dict[str, Any] = {"preset": "gpt-oss-120b", "gpu": {"enabled": True}, "parallelism": {"tensor": 4}}


def pods_of(release: Release, model: str) -> list[dict[str, Any]]:
    return release.pods("model", **{"toolgate.dev/model": model})


def test_four_gpus_each_for_two_models_and_none_for_a_third(release: Release, record_property: Any) -> None:
    release.upgrade(models={"one": BIG, "two": BIG})
    for model in ("one", "two"):
        (pod,) = pods_of(release, model)
        (container,) = pod["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
        assert "--tensor-parallel-size=4" in container["args"]
    with pytest.raises(AssertionError):
        release.upgrade(models={"three": BIG}, wait_s=15)
    (pod,) = pods_of(release, "three")
    why = next(each["message"] for each in pod["status"]["conditions"] if each["type"] == "PodScheduled")
    record_property("figures", f"a third model of four GPUs on eight: {why}")
    assert pod["status"]["phase"] == "Pending"
    assert "Insufficient nvidia.com/gpu" in why
    # An upgrade that failed left it behind, and helm's next one does not know it.
    for kind in ("deployment", "service"):
        kubectl("delete", kind, "-n", release.namespace, f"{release.prefix}-model-three")


def test_a_rollout_on_a_full_node_gives_its_gpus_up_first(release: Release, record_property: Any) -> None:
    release.upgrade(models={"one": BIG, "two": BIG})
    before = pods_of(release, "one")[0]["metadata"]["name"]
    began = time.monotonic()
    kubectl("rollout", "restart", "-n", release.namespace, f"deployment/{release.prefix}-model-one")
    kubectl("rollout", "status", "-n", release.namespace, f"deployment/{release.prefix}-model-one", "--timeout=120s")
    record_property("figures", f"a rollout of a model on a full node: {time.monotonic() - began:.0f} s")
    until(lambda: [pod["metadata"]["name"] for pod in pods_of(release, "one")] != [before], 10, "a new pod")
