"""Models that come and go, pods that share a model's requests, and gateways that share its conversations."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from openai import OpenAI

from tests.e2e.cluster import Release, apply, kubectl, objects, until
from tests.e2e.conftest import MODEL, values
from tests.e2e.load import QUESTION, TOOLS, Load


def names(release: Release) -> list[str]:
    answer = httpx.get(f"{release.url()}/v1/models", trust_env=False, timeout=5).json()
    return sorted(card["id"] for card in answer["data"])


def by_hand(release: Release, name: str) -> list[dict[str, Any]]:
    """A Deployment and a Service that a user writes: nothing of the chart but the two labels."""
    (pod, *_) = release.pods("model")
    spec = pod["spec"]["containers"][0]
    labels = {"app.kubernetes.io/instance": release.name, "toolgate.dev/model": name}
    container = {
        **{key: spec[key] for key in ("name", "image", "imagePullPolicy", "securityContext")},
        "command": ["vllm", "serve"],
        "args": ["org/by-hand", "--port=8000", f"--served-model-name={name}"],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
    }
    pods = {"securityContext": pod["spec"]["securityContext"], "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": {**pods, "terminationGracePeriodSeconds": 5}}
    metadata = {"name": f"hand-{name}", "labels": labels}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 8000}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {"podSelector": {"matchLabels": labels}, "ingress": [{}]},
        },
    ]


def reached(release: Release) -> bool:
    try:
        return bool(names(release))
    except httpx.ConnectError:
        return False


@contextmanager
def second_release(release: Release, name: str, **more: Any) -> Iterator[Release]:
    other = Release(name, release.namespace, {**values(), **more})
    other.upgrade()
    try:
        until(lambda: reached(other), 10, "the nodes know the way to its gateway")
        yield other
    finally:
        other.uninstall()


def test_a_model_added_by_hand_is_listed_within_five_seconds_of_its_pod(release: Release, record_property: Any) -> None:
    apply(*by_hand(release, "by-hand"), namespace=release.namespace)
    try:
        kubectl("rollout", "status", "-n", release.namespace, "deployment/hand-by-hand", "--timeout=60s")
        began = time.monotonic()
        until(lambda: "by-hand" in names(release), 5, "the model is listed")
        record_property("figures", f"a model by hand is listed {time.monotonic() - began:.1f} s after its pod is ready")
        with OpenAI(base_url=f"{release.url()}/v1", api_key="none", max_retries=0) as client:
            said = client.chat.completions.create(
                model="by-hand", messages=QUESTION, tools=TOOLS, tool_choice="required"
            )
        assert said.choices[0].message.tool_calls
    finally:
        for kind in ("service", "deployment", "networkpolicy"):
            kubectl("delete", kind, "-n", release.namespace, "hand-by-hand")
    until(lambda: names(release) == [MODEL], 10, "the model is gone")


def test_a_model_that_is_added_by_an_upgrade_is_listed_without_a_restart(release: Release) -> None:
    before = release.ready("gateway")
    release.upgrade(models={"assistant": {"preset": "qwen3-8b", "servedNames": ["assistant", "org/assistant"]}})
    until(lambda: names(release) == ["assistant", MODEL, "org/assistant"], 5, "the model is listed")
    assert release.ready("gateway") == before


async def test_the_pods_of_a_model_share_its_requests(release: Release, record_property: Any) -> None:
    release.upgrade(models={MODEL: {"replicas": 3}})
    url = release.url()
    until(lambda: _stats(url)["upstreams"][MODEL]["ready"] == 3, 10, "the gateway sees three pods")
    async with Load(url, MODEL, 12) as load:
        peaks: Counter[str] = Counter()
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s:
            peaks[str(sorted((await _async_stats(url))["upstreams"][MODEL]["in_flight"]))] += 1
    served = [_finished(release, pod["status"]["podIP"]) for pod in release.pods("model")]
    record_property(
        "figures", f"three pods of a model served {sorted(served)} requests; in flight {peaks.most_common(2)}"
    )
    assert load.faults == []
    assert min(served) > 0.7 * max(served)


def _finished(release: Release, address: str) -> int:
    """Requests that a pod has finished, by its own metrics, asked from within (a policy keeps others out)."""
    program = f"import urllib.request; print(urllib.request.urlopen('http://{address}:8000/metrics', timeout=5).read().decode())"
    (gateway, *_) = release.ready("gateway")
    text = kubectl("exec", "-n", release.namespace, gateway, "--", "python3", "-c", program)
    counts = [line.split()[-1] for line in text.splitlines() if line.startswith("vllm:request_success_total")]
    return int(sum(map(float, counts)))


def _stats(url: str) -> Any:
    return httpx.get(f"{url}/stats", trust_env=False, timeout=5).json()


async def _async_stats(url: str) -> Any:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return (await http.get(f"{url}/stats")).json()


async def test_conversations_hop_between_gateways_without_noticing(release: Release, record_property: Any) -> None:
    release.upgrade(gateway={"replicas": 3})
    url = release.url()
    instances: Counter[str] = Counter()
    async with Load(url, MODEL, 6, pool=False) as load:
        for _ in range(40):
            instances[(await _async_stats(url))["instance"]] += 1
    record_property("figures", f"three gateways: /stats came from {dict(instances)}; {load.summary()}")
    assert load.faults == []
    assert set(instances) == set(release.ready("gateway"))


def test_two_releases_in_one_namespace_do_not_see_each_others_models(release: Release) -> None:
    models = {MODEL: {"enabled": False}, "theirs": {"preset": "qwen3-8b"}}
    with second_release(release, "second", models=models) as other:
        until(lambda: names(other) == ["theirs"], 10, "the other release lists its own")
        assert names(release) == [MODEL]
        listed = json.dumps(objects("service", release.namespace, "toolgate.dev/model"))
        assert '"second"' in listed
