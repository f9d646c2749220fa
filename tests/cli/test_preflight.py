"""Whether a cluster has what a release needs: facts as data, and the command against an API server."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from toolgate_cli.__main__ import main
from toolgate_cli.preflight.judging import Facts, Node, amounts, judge
from toolgate_cli.preflight.needs import Needs

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "preflight.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_missing_is_said_with_its_reason(case: dict[str, Any]) -> None:
    needs = msgspec.convert(case.get("needs", {}), Needs)
    nodes = case.get("nodes", [])
    facts = Facts(
        version="v1.34.3",
        nodes=None if nodes is None else tuple(msgspec.convert(node, Node) for node in nodes),
        secrets=case.get("secrets", {}),
        storage_classes=case.get("storage", {}),
        definitions=None if case.get("definitions", ()) is None else tuple(case.get("definitions", ())),
        pending=case.get("pending", {}),
    )
    said = "\n".join(f"{each.level} {each.subject} {each.text}" for each in judge(needs, facts))
    assert [part for part in case["says"] if part not in said] == [], said


def test_only_devices_are_counted() -> None:
    assert amounts({"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "4", "hugepages-2Mi": "0"}) == {"nvidia.com/gpu": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "Input data was truncated"), ('{"modles": []}', "unknown field"), ('{"models": [{}]}', "name")],
)
def test_needs_that_are_wrong_are_named(tmp_path: Path, text: str, said: str, capsys: Any) -> None:
    (tmp_path / "needs.json").write_text(text)
    assert main(["preflight", "--needs", str(tmp_path / "needs.json")]) == 2
    assert said in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    named = {"name": "t"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "t",
        "clusters": [{**named, "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{**named, "user": {}}],
        "contexts": [{**named, "context": {"cluster": "t", "user": "t"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    assert main(["preflight"]) == 2
    assert capsys.readouterr().err.startswith("toolgate preflight: the cluster is unreachable")
