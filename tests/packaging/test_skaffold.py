"""`skaffold.yaml`, without skaffold: everything that it builds and deploys exists."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text("utf-8"))
TARGETS = re.findall(r" AS (?!build|runtime)(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "charts" / "toolgate" / "values.yaml").read_text("utf-8"))
DEPLOYS = [SKAFFOLD["deploy"], *(each["deploy"] for each in SKAFFOLD["profiles"] if "deploy" in each)]


def known(path: str) -> bool:
    """Whether the chart has a value at a path; a model has those of modelDefaults."""
    steps = re.sub(r"^models\.[^.]+(?=\.)", "modelDefaults", path).split(".")
    value: Any = VALUES
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def test_it_builds_every_target() -> None:
    assert [each["docker"]["target"] for each in SKAFFOLD["build"]["artifacts"]] == TARGETS


def test_every_profile_deploys_the_chart_with_values_that_it_has() -> None:
    assert [each["name"] for each in SKAFFOLD["profiles"]] == ["cpu", "gpu", "debug", "ci"]
    for deploy in DEPLOYS:
        (release,) = deploy["helm"]["releases"]
        assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
        given = {**release["setValueTemplates"], **release.get("setValues", {})}
        assert [path for path in given if not known(path)] == []
        assert all((ROOT / file).is_file() for file in release.get("valuesFiles", ()))


def test_every_image_that_is_built_is_one_that_is_deployed_or_verified() -> None:
    said = (ROOT / "skaffold.yaml").read_text("utf-8")
    for artifact in SKAFFOLD["build"]["artifacts"]:
        assert f"IMAGE_TAG_{artifact['image'].replace('-', '_')}" in said


def test_profiles_replace_whole_blocks_rather_than_places_in_lists() -> None:
    assert not any("patches" in profile for profile in SKAFFOLD["profiles"])


def test_the_deadline_for_gpus_is_above_the_start_of_a_model() -> None:
    (gpu,) = (each for each in SKAFFOLD["profiles"] if each["name"] == "gpu")
    assert gpu["deploy"]["statusCheckDeadlineSeconds"] >= 1800 + 300
