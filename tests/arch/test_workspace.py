"""The workspace's own files agree with each other."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.support.sources import ROOT

MANIFESTS = sorted(
    [ROOT / "pyproject.toml", *ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
)
NODE_MANIFESTS = [ROOT / "tests" / "node" / "package.json", ROOT / "tests" / "acceptance" / "clients" / "package.json"]
DECISION = (ROOT / "docs" / "decisions" / "001-dependencies.md").read_text()


def declared() -> set[str]:
    """Return the name of every dependency that any manifest asks for, ours left out."""
    found: set[str] = set()
    for manifest in MANIFESTS:
        table = tomllib.loads(manifest.read_text())
        groups = [table["project"]["dependencies"], *table.get("dependency-groups", {}).values()]
        found |= {re.split(r"[\[<>=!~ ]", line)[0] for group in groups for line in group}
    return {name for name in found if not name.startswith("toolgate-")}


@pytest.mark.parametrize("name", sorted(declared()))
def test_dependency_has_its_reason(name: str) -> None:
    assert f"`{name}`" in DECISION


def test_decision_explains_no_dependency_that_is_gone() -> None:
    named = set(re.findall(r"^\| `([^`]+)`", DECISION, re.MULTILINE))
    assert named - declared() - {"openai (Node)", "uv"} - node_packages() == set()


def node_packages() -> set[str]:
    """Return the name of every package that a manifest for Node asks for."""
    manifests = [json.loads(path.read_text()) for path in NODE_MANIFESTS]
    return {name for one in manifests for key in ("dependencies", "devDependencies") for name in one.get(key, {})}


@pytest.mark.parametrize("name", sorted(node_packages() - {"openai"}))
def test_node_package_has_its_reason(name: str) -> None:
    assert f"`{name}`" in DECISION


def test_the_locks_name_no_registry_but_the_public_ones() -> None:
    locks = [ROOT / "uv.lock", *(path.with_name("package-lock.json") for path in NODE_MANIFESTS)]
    hosts = {host for lock in locks for host in re.findall(r'"https?://([^/"]+)', lock.read_text())}
    public = {"pypi.org", "files.pythonhosted.org", "registry.npmjs.org"}
    # who asks for money, in the lock of Node
    assert hosts - public <= {"github.com", "opencollective.com"}


def test_every_target_that_is_a_command_is_explained_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(re.findall(r"^([a-z0-9.-]+):.*## .", makefile, re.MULTILINE))
