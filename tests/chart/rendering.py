"""The chart as helm renders it, for each values file, one per way to install it."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "toolgate"
VALUES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
VALUES["gpu"] = CHART / "values-gpu.yaml"
LONG = "r" * 53
"""The longest name that helm gives a release."""


def helm() -> str:
    found = os.environ.get("HELM") or shutil.which("helm")
    assert found, "helm is needed: see https://helm.sh/docs/intro/install, or set HELM"
    return found


@cache
def rendered(name: str, release: str = "tg") -> str:
    """Return the text of everything that an install would send."""
    versions = ["--kube-version", "1.34.0"]
    command = [helm(), "template", release, str(CHART), "--namespace", "apps", "--values", str(VALUES[name]), *versions]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def objects(name: str, release: str = "tg") -> list[dict[str, Any]]:
    """Return the same as objects."""
    return [each for each in yaml.safe_load_all(rendered(name, release)) if each]


def pods(name: str, release: str = "tg") -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return every pod, or template of one, with the object that it belongs to."""
    found = []
    for each in objects(name, release):
        match each["kind"]:
            case "Pod":
                found.append((each, each))
            case "Deployment" | "Job":
                found.append((each, each["spec"]["template"]))
            case "LeaderWorkerSet":
                group = each["spec"]["leaderWorkerTemplate"]
                found += [(each, group["leaderTemplate"]), (each, group["workerTemplate"])]
    return found
