"""A cluster, used like an operator: kubectl and helm with KUBECONFIG."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[2] / "charts" / "toolgate"


class CommandError(AssertionError):
    """kubectl or helm failed; the message is its output."""


def run(*command: str, stdin: str | None = None, timeout_s: float = 600) -> str:
    """Run a command to its end and return what it wrote."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise CommandError(f"{' '.join(command)}: {done.stderr.strip()}\n{done.stdout.strip()}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl."""
    return run("kubectl", *arguments, stdin=stdin)


def objects(kind: str, namespace: str, labels: str = "") -> list[dict[str, Any]]:
    """Return the objects of a kind in a namespace."""
    selected = ["-l", labels] if labels else []
    found: list[dict[str, Any]] = json.loads(kubectl("get", kind, "-n", namespace, *selected, "-o", "json"))["items"]
    return found


def apply(*items: Mapping[str, Any], namespace: str = "default") -> None:
    """Create or change objects."""
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def until(holds: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Ask until the answer is true, and return it; fail with `what` after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not (answer := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.2)
    return answer


async def meanwhile(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Do something that blocks while the load of this process goes on."""
    return await asyncio.to_thread(function, *arguments, **options)


@contextmanager
def namespace(name: str, level: str = "restricted") -> Any:
    """A namespace in which only pods of a Pod Security level start; deleted in the end."""
    labels = {"pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/warn": level}
    until(lambda: absent(name), 120, f"the namespace {name} of an earlier run is gone")
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=true", "--ignore-not-found", "--timeout=180s")


def absent(name: str) -> bool:
    """Whether a namespace is gone, as after the run before."""
    return not kubectl("get", "namespace", name, "--ignore-not-found")


@dataclass
class Release:
    """An installed chart."""

    name: str
    namespace: str
    values: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    first_seconds: float = 0.0

    @property
    def prefix(self) -> str:
        """The prefix of its objects' names."""
        return self.name if "toolgate" in self.name else f"{self.name}-toolgate"

    def upgrade(self, *, wait_s: int = 240, ready: bool = True, **values: Any) -> Release:
        """Install it, or change values (given by their top-level keys), and wait until it is `ready`."""
        self.values = merged(self.values, values)
        began = time.monotonic()
        arguments = ["--install", "--namespace", self.namespace, f"--timeout={wait_s}s", "--values", "-"]
        arguments += ["--wait"] if ready else []
        run("helm", "upgrade", self.name, str(CHART), *arguments, stdin=json.dumps(self.values), timeout_s=wait_s + 30)
        self.seconds = time.monotonic() - began
        return self

    def uninstall(self) -> None:
        """Remove it."""
        run("helm", "uninstall", self.name, "--namespace", self.namespace, "--wait", "--timeout=180s")

    def check(self) -> str:
        """Run `helm test` and return what the test pod wrote, whether it passed or not."""
        command = ["helm", "test", self.name, "--namespace", self.namespace, "--logs", "--timeout=180s"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        return f"{done.stdout}\n{done.stderr}\nexit {done.returncode}"

    def pods(self, component: str, **labels: str) -> list[dict[str, Any]]:
        """Return the pods of a component that are not about to end."""
        wanted = {"app.kubernetes.io/instance": self.name, "app.kubernetes.io/component": component, **labels}
        found = objects("pods", self.namespace, ",".join(f"{key}={value}" for key, value in wanted.items()))
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, component: str, **labels: str) -> list[str]:
        """Return the names of a component's pods that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(component, **labels) if is_ready(pod)]

    def url(self) -> str:
        """Return the gateway's address from outside: a node's address and the Service's port there."""
        service = json.loads(kubectl("get", "service", f"{self.prefix}-gateway", "-n", self.namespace, "-o", "json"))
        port = next(port["nodePort"] for port in service["spec"]["ports"] if port["name"] == "http")
        (node, *_) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
        address = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
        return f"http://{address}:{port}"


def merged(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with changes, merged as helm merges."""
    result = dict(values)
    for key, change in changes.items():
        known = result.get(key)
        result[key] = merged(known, change) if isinstance(known, dict) and isinstance(change, dict) else change
    return result


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod's condition Ready is true."""
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
