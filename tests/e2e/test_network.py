"""NetworkPolicies, tested by connections between pods."""

from typing import Any

from tests.e2e.cluster import Release, apply, kubectl, objects, until
from tests.e2e.conftest import values

TRY = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(':')
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print(place, 'open')
    except OSError:
        print(place, 'shut')
"""


def reached(namespace: str, pod: str, *places: str) -> list[bool]:
    """Try places (host:port) from within a pod."""
    said = kubectl("exec", "-n", namespace, pod, "--", "python3", "-c", TRY, *places)
    return [line.endswith("open") for line in said.splitlines()]


def addresses(release: Release) -> dict[str, str]:
    ports = {"gateway": 8002, "prompt-transformer": 50051, "extractor": 50052, "tool-executor": 50053, "model": 8000}
    return {name: f"{release.pods(name)[0]['status']['podIP']}:{port}" for name, port in ports.items()}


def api_server() -> str:
    (service,) = [each for each in objects("service", "default") if each["metadata"]["name"] == "kubernetes"]
    return f"{service['spec']['clusterIP']}:443"


def outsider(release: Release) -> dict[str, Any]:
    """A pod that belongs to no release, in the same namespace."""
    (pod, *_) = release.pods("tool-executor")
    container = pod["spec"]["containers"][0]
    kept = {key: container[key] for key in ("image", "imagePullPolicy", "securityContext")}
    sleeping = {**kept, "name": "sleep", "command": ["python3", "-c", "import time; time.sleep(600)"]}
    spec = {
        "securityContext": pod["spec"]["securityContext"],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [sleeping],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "outsider"}, "spec": spec}


def test_the_executor_reaches_nothing(release: Release) -> None:
    places = addresses(release)
    targets = [
        api_server(),
        places["gateway"],
        places["extractor"],
        places["model"],
        "169.254.169.254:80",
        "1.1.1.1:443",
    ]
    assert reached(release.namespace, release.ready("tool-executor")[0], *targets) == [False] * len(targets)


def test_the_executor_does_not_reach_another_release(release: Release) -> None:
    other = Release("neighbour", release.namespace, values())
    other.upgrade()
    try:
        targets = list(addresses(other).values())
        assert reached(release.namespace, release.ready("tool-executor")[0], *targets) == [False] * len(targets)
    finally:
        other.uninstall()


def test_the_gateway_reaches_what_it_must(release: Release) -> None:
    places = addresses(release)
    targets = [
        api_server(),
        places["prompt-transformer"],
        places["extractor"],
        places["tool-executor"],
        places["model"],
    ]
    assert reached(release.namespace, release.ready("gateway")[0], *targets) == [True] * len(targets)


def test_a_pod_from_outside_reaches_only_the_gateway(release: Release) -> None:
    places = addresses(release)
    apply(outsider(release), namespace=release.namespace)
    try:
        kubectl("wait", "-n", release.namespace, "--for=condition=Ready", "pod/outsider", "--timeout=60s")
        until(lambda: reached(release.namespace, "outsider", places["gateway"]) == [True], 20, "the gateway is reached")
        found = dict(zip(places, reached(release.namespace, "outsider", *places.values()), strict=True))
    finally:
        kubectl("delete", "pod", "-n", release.namespace, "outsider", "--now")
    assert found == {name: name == "gateway" for name in places}
