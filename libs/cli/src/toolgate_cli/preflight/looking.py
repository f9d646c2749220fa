"""Read the state of a cluster with the official client, by the pod's service account or a kubeconfig."""

from __future__ import annotations

import importlib
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from toolgate_cli.failure import CommandError
from toolgate_cli.preflight.judging import Facts, Node, amounts
from toolgate_cli.preflight.needs import Needs

_TIMEOUT_S = 20
_FORBIDDEN = (401, 403)
_T = TypeVar("_T")


def look(needs: Needs) -> Facts:
    """Return the state of the cluster; raise `CommandError` where it is unreachable."""
    client, config = _client("client"), _client("config")
    try:
        try:
            config.load_incluster_config()
        except config.ConfigException:
            config.load_kube_config()
        version = client.VersionApi().get_code(_request_timeout=_TIMEOUT_S).git_version
    except Exception as error:
        raise CommandError(f"the cluster is unreachable: {str(error).partition(chr(10))[0]}") from error
    core = client.CoreV1Api()
    pods = _allowed(lambda: core.list_pod_for_all_namespaces(_request_timeout=_TIMEOUT_S).items)
    own = pods if pods is not None else _allowed(lambda: core.list_namespaced_pod(needs.namespace).items)
    storage = client.StorageV1Api()
    definitions = client.ApiextensionsV1Api()
    return Facts(
        version=version,
        nodes=None
        if pods is None
        else _allowed(lambda: _nodes(core.list_node(_request_timeout=_TIMEOUT_S).items, pods)),
        secrets=_allowed(lambda: {need.name: _keys(core, needs.namespace, need.name) for need in needs.secrets}),
        storage_classes=_allowed(lambda: _classes(storage)) if needs.storage_classes else {},
        definitions=_allowed(lambda: _definitions(definitions)) if needs.definitions else (),
        pending=_pending(own or [], needs),
    )


def _client(part: str) -> Any:
    """Return a module of the official client; importing it takes a second, so only this command does."""
    return importlib.import_module(f"kubernetes.{part}")


def _allowed(ask: Callable[[], _T]) -> _T | None:
    """Return the result of a request, or None without permission."""
    try:
        return ask()
    except _client("client").ApiException as error:
        if error.status in _FORBIDDEN:
            return None
        raise CommandError(f"the API server answered {error.status} {error.reason}") from error


def _nodes(nodes: list[Any], pods: list[Any]) -> tuple[Node, ...]:
    used: dict[str, Counter[str]] = defaultdict(Counter)
    holders: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pod in pods:
        if pod.spec.node_name and pod.status.phase in ("Pending", "Running"):
            for container in pod.spec.containers:
                asked = amounts((container.resources and container.resources.requests) or {})
                used[pod.spec.node_name].update(asked)
                for resource in asked:
                    holders[pod.spec.node_name][resource].append(f"{pod.metadata.namespace}/{pod.metadata.name}")
    return tuple(
        Node(
            name=node.metadata.name,
            labels=node.metadata.labels or {},
            taints=tuple({"key": t.key, "value": t.value or "", "effect": t.effect} for t in node.spec.taints or ()),
            offered=amounts(node.status.allocatable or {}),
            used=dict(used[node.metadata.name]),
            holders={resource: tuple(names) for resource, names in holders[node.metadata.name].items()},
        )
        for node in nodes
    )


def _keys(core: Any, namespace: str, name: str) -> tuple[str, ...] | None:
    try:
        return tuple(core.read_namespaced_secret(name, namespace, _request_timeout=_TIMEOUT_S).data or {})
    except _client("client").ApiException as error:
        if error.status == 404:
            return None
        raise


def _classes(api: Any) -> dict[str, bool]:
    """Return whether each StorageClass is the default one, by name."""
    default = "storageclass.kubernetes.io/is-default-class"
    found = api.list_storage_class(_request_timeout=_TIMEOUT_S).items
    return {each.metadata.name: (each.metadata.annotations or {}).get(default) == "true" for each in found}


def _definitions(api: Any) -> tuple[str, ...]:
    found = api.list_custom_resource_definition(_request_timeout=_TIMEOUT_S).items
    return tuple(sorted(each.metadata.name for each in found))


def _pending(pods: list[Any], needs: Needs) -> dict[str, str]:
    """Return pod name → why the pod of the release has no node."""
    found = {}
    for pod in pods:
        labels = pod.metadata.labels or {}
        mine = pod.metadata.namespace == needs.namespace and labels.get("app.kubernetes.io/instance") == needs.release
        for condition in (pod.status.conditions or ()) if mine else ():
            if condition.type == "PodScheduled" and condition.status == "False":
                found[pod.metadata.name] = f"waits for a node: {condition.message}"
    return found
