"""Compare a cluster with the needs of a release. Pure: it works on facts, not on the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from toolgate_cli.preflight.needs import Model, Needs, Toleration

Level: TypeAlias = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True):
    """One line: the subject and the finding."""

    level: Level
    subject: str
    text: str


class Node(Struct, frozen=True, kw_only=True):
    """A node: `offered` and `used` are amounts of the resources that count in whole numbers."""

    name: str
    labels: dict[str, str] = {}
    taints: tuple[dict[str, str], ...] = ()
    offered: dict[str, int] = {}
    used: dict[str, int] = {}
    holders: dict[str, tuple[str, ...]] = {}

    def free(self, resource: str) -> int:
        """Return how much of a resource no pod requests."""
        return self.offered.get(resource, 0) - self.used.get(resource, 0)


class Facts(Struct, frozen=True, kw_only=True):
    """The observed state of a cluster; None for what the account cannot read."""

    version: str
    nodes: tuple[Node, ...] | None = ()
    secrets: Mapping[str, Sequence[str] | None] | None = {}
    storage_classes: Mapping[str, bool] | None = {}
    definitions: tuple[str, ...] | None = ()
    pending: Mapping[str, str] = {}


def judge(needs: Needs, facts: Facts) -> list[Finding]:
    """Return a finding for each need, and for each pod of the release that waits for a node."""
    return [
        _version(needs.kubernetes, facts.version),
        *(_model(model, facts.nodes) for model in needs.models if model.gpus_per_pod),
        *_secrets(needs, facts),
        *_storage(needs, facts),
        *_definitions(needs, facts),
        *(Finding("fail", f"pod {name}", why) for name, why in facts.pending.items()),
    ]


def _version(wanted: str, found: str) -> Finding:
    enough = _numbers(found) >= _numbers(wanted)
    return Finding("ok" if enough else "fail", "Kubernetes", f"{found}, required: {wanted}")


def _numbers(version: str) -> list[int]:
    digits = ["".join(filter(str.isdigit, part)) for part in version.lstrip("v").split(".")[:2]]
    return [int(part or 0) for part in digits]


def _model(model: Model, nodes: tuple[Node, ...] | None) -> Finding:
    subject = f"model {model.name}"
    if nodes is None:
        return Finding(
            "warn", subject, "not checked: no permission to list nodes (needs a ClusterRole with list on nodes)"
        )
    wanted = f"{model.gpus_per_pod} {model.resource} on one node"
    fitting = [node for node in nodes if _selected(node, model) and not _untolerated(node, model.tolerations)]
    places = sum(max(node.free(model.resource), 0) // model.gpus_per_pod for node in fitting)
    pods = model.replicas * model.nodes
    if places >= pods:
        return Finding("ok", subject, f"{pods} x {wanted}: there is room for {places}")
    return Finding("fail", subject, f"{pods} x {wanted}: there is room for {places}; {_reasons(model, nodes)}")


def _selected(node: Node, model: Model) -> bool:
    return all(node.labels.get(key) == value for key, value in model.node_selector.items())


def _untolerated(node: Node, tolerations: Iterable[Toleration]) -> str:
    """Return the first taint that keeps a pod out; empty for none."""
    for taint in node.taints:
        if taint.get("effect") != "PreferNoSchedule" and not any(_tolerates(each, taint) for each in tolerations):
            return f"{taint.get('key')}:{taint.get('effect')}"
    return ""


def _tolerates(toleration: Toleration, taint: Mapping[str, str]) -> bool:
    if toleration.effect and toleration.effect != taint.get("effect"):
        return False
    if toleration.operator == "Exists":
        return toleration.key in ("", taint.get("key"))
    return toleration.key == taint.get("key") and toleration.value == (taint.get("value") or "")


def _reasons(model: Model, nodes: Sequence[Node]) -> str:
    reasons = []
    for node in nodes:
        taint = _untolerated(node, model.tolerations)
        offered = node.offered.get(model.resource, 0)
        if not _selected(node, model):
            reasons.append(f"{node.name} lacks the labels {model.node_selector}")
        elif taint:
            reasons.append(f"{node.name} has the taint {taint}, which is not tolerated")
        elif not offered:
            reasons.append(f"{node.name} offers none")
        else:
            holders = ", ".join(node.holders.get(model.resource, ())) or "no pod"
            reasons.append(f"{node.name} has {offered}, {node.used.get(model.resource, 0)} requested by {holders}")
    return "; ".join(reasons) or "there are no nodes"


def _secrets(needs: Needs, facts: Facts) -> list[Finding]:
    findings = []
    for need in needs.secrets:
        subject = f"Secret {need.name}"
        if facts.secrets is None:
            findings.append(Finding("warn", subject, "not checked: no permission to read Secrets"))
            continue
        keys = facts.secrets.get(need.name)
        missing = [key for key in need.keys if keys is not None and key not in keys]
        if keys is None:
            findings.append(Finding("fail", subject, f"is missing; required for {need.used_for}"))
        elif missing:
            findings.append(Finding("fail", subject, f"has no key {', '.join(missing)}; required for {need.used_for}"))
        else:
            findings.append(Finding("ok", subject, f"for {need.used_for}"))
    return findings


def _storage(needs: Needs, facts: Facts) -> list[Finding]:
    findings = []
    for need in needs.storage_classes:
        subject = f"StorageClass {need.name or '(default)'}"
        if facts.storage_classes is None:
            findings.append(Finding("warn", subject, "not checked: no permission to list StorageClasses"))
            continue
        there = need.name in facts.storage_classes if need.name else any(facts.storage_classes.values())
        known = ", ".join(facts.storage_classes) or "none"
        text = f"for {need.used_for}" if there else f"is missing; existing: {known}; required for {need.used_for}"
        findings.append(Finding("ok" if there else "fail", subject, text))
    return findings


def _definitions(needs: Needs, facts: Facts) -> list[Finding]:
    findings = []
    for need in needs.definitions:
        if facts.definitions is None:
            findings.append(Finding("warn", need.name, "not checked: no permission to list CustomResourceDefinitions"))
        elif need.name in facts.definitions:
            findings.append(Finding("ok", need.name, f"for {need.used_for}"))
        else:
            findings.append(Finding("fail", need.name, f"is not installed; required for {need.used_for}"))
    return findings


def amounts(quantities: Mapping[str, Any]) -> dict[str, int]:
    """Return the resources that are counted in whole numbers, such as GPUs."""
    return {name: int(text) for name, text in quantities.items() if "/" in name and str(text).isdigit()}
