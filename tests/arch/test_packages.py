"""Packages: services meet in the protos alone, and every package is typed."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.arch.test_core_imports import imported
from tests.support.sources import ROOT, label, modules, packages

SERVICES = [package for package in packages() if "services" in package.parts]


@pytest.mark.parametrize("package", SERVICES, ids=label)
def test_service_imports_no_other_service_and_not_the_command_line(package: Path) -> None:
    others = {other.name for other in SERVICES if other != package} | {"toolgate_cli"}
    found = {name.partition(".")[0] for module in modules(package) for name in imported(ast.parse(module.read_text()))}
    assert found & others == set()


@pytest.mark.parametrize("package", packages(), ids=label)
def test_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").exists()


@pytest.mark.parametrize("package", packages(), ids=label)
def test_package_is_checked_by_mypy_and_import_linter(package: Path) -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert package in [path for pattern in tools["mypy"]["files"] for path in ROOT.glob(pattern)]
    assert package.name in tools["importlinter"]["root_packages"]
