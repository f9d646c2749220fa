"""Upgrades, evictions and killed pods under streaming load, with no client that tries again."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cluster import Release, kubectl, meanwhile, objects, until
from tests.e2e.conftest import MODEL
from tests.e2e.load import Load

TWO: dict[str, Any] = {
    **{key: {"replicas": 2} for key in ("gateway", "promptTransformer", "extractor", "toolExecutor")},
    "models": {MODEL: {"replicas": 2}},
}
USERS = 8
COMPONENTS = ("gateway", "prompt-transformer", "extractor", "tool-executor", "model")


# The container's own processes; with a shared namespace the sandbox's are seen, too.
KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    with open(f'/proc/{pid}/cmdline') as file:
        command = file.read()
    if int(pid) != os.getpid() and 'pause' not in command:
        os.kill(int(pid), signal.SIGKILL)
"""


def restarts(release: Release, component: str, name: str) -> int:
    (pod,) = [each for each in release.pods(component) if each["metadata"]["name"] == name]
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def restarted(marker: str) -> dict[str, Any]:
    """Values that give every pod a new template."""
    services = ("gateway", "promptTransformer", "extractor", "toolExecutor", "modelDefaults")
    return {key: {"podAnnotations": {"restarted": marker}} for key in services}


def settled(release: Release) -> None:
    def two_are_ready(component: str) -> Callable[[], bool]:
        return lambda: len(release.ready(component)) >= 2

    for component in COMPONENTS:
        until(two_are_ready(component), 120, f"two pods of {component} are ready")


async def test_an_upgrade_that_restarts_every_pod_loses_no_request(release: Release, record_property: Any) -> None:
    release.upgrade(**TWO)
    async with Load(release.url(), MODEL, USERS) as load:
        await meanwhile(release.upgrade, **restarted("1"))
    record_property("figures", f"helm upgrade of every pod under load, {release.seconds:.0f} s: {load.summary()}")
    assert load.faults == []


@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_pod_that_is_deleted_takes_no_request_along(
    release: Release, component: str, record_property: Any
) -> None:
    release.upgrade(**TWO)
    settled(release)
    async with Load(release.url(), MODEL, USERS) as load:
        pod = release.ready(component)[0]
        await meanwhile(kubectl, "delete", "pod", "-n", release.namespace, pod, "--wait=true")
        await meanwhile(settled, release)
    record_property("figures", f"kubectl delete pod of {component}: {load.summary()}")
    assert load.faults == []


@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_process_that_dies_costs_errors_only_until_it_is_back(
    release: Release, component: str, record_property: Any
) -> None:
    release.upgrade(**TWO)
    settled(release)
    async with Load(release.url(), MODEL, USERS) as load:
        pod = release.ready(component)[0]
        struck = load.now()
        await meanwhile(kubectl, "exec", "-n", release.namespace, pod, "--", "python3", "-c", KILL)
        await meanwhile(until, lambda: restarts(release, component, pod) == 1, 60, "the kubelet has noticed")
        await meanwhile(settled, release)
        await asyncio.sleep(3)  # while a client may still have a connection to the ended pod
    last = max((outcome.began + outcome.took for outcome in load.faults), default=struck)
    record_property(
        "figures", f"kill -9 of {component}: {load.summary()}; the last error {last - struck:.1f} s after it"
    )
    assert last - struck < 10


async def test_evictions_go_one_by_one_and_lose_no_request(release: Release, record_property: Any) -> None:
    """What `kubectl drain` does to a node: each pod is evicted, again while a budget forbids it."""
    release.upgrade(**TWO)
    settled(release)
    refused = 0
    async with Load(release.url(), MODEL, USERS) as load:
        for component in COMPONENTS:
            for pod in release.ready(component):
                while not await meanwhile(evicted, release.namespace, pod):
                    refused += 1
        await meanwhile(settled, release)
    record_property("figures", f"evictions of all pods, {refused} refused at first: {load.summary()}")
    assert refused > 0
    assert load.faults == []


def evicted(namespace: str, pod: str) -> bool:
    """Evict a pod; false where its budget does not allow it yet."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    try:
        kubectl(
            "create", "--raw", f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", "-f", "-", stdin=json.dumps(body)
        )
    except AssertionError as error:
        if "disruption budget" not in str(error):
            raise
        return False
    return True


def test_budgets_are_there_for_two_pods_and_not_for_one(release: Release) -> None:
    assert objects("pdb", release.namespace) == []
    release.upgrade(**TWO)
    allowed = {each["metadata"]["name"]: each["spec"]["maxUnavailable"] for each in objects("pdb", release.namespace)}
    assert set(allowed.values()) == {1}
    assert len(allowed) == len(COMPONENTS)
