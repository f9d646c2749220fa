"""The Dockerfile, without building it: a target per service, and the rules for all of them."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").split()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
TARGETS = [*SERVICES, "cli"]


def scripts(name: str) -> set[str]:
    folder = "libs" if name == "cli" else "services"
    return set(tomllib.loads((ROOT / folder / name / "pyproject.toml").read_text("utf-8"))["project"]["scripts"])


@pytest.mark.parametrize("name", TARGETS)
def test_each_service_has_a_target_with_its_closure_alone(name: str) -> None:
    assert f"uv sync --frozen --no-dev --no-editable --package toolgate-{name}\n" in STAGES[f"build-{name}"]
    assert STAGES[f"build-{name}"].count("uv sync") == 1
    assert f"COPY --from=build-{name} /opt/toolgate /opt/toolgate" in STAGES[name]


@pytest.mark.parametrize("name", TARGETS)
def test_it_starts_without_a_shell_by_a_script_that_there_is(name: str) -> None:
    entry = re.search(r"^ENTRYPOINT (.*)$", STAGES[name], re.MULTILINE)
    assert entry is not None
    assert json.loads(entry[1])[0] in scripts(name)


def test_it_runs_without_a_named_user_on_a_pinned_image() -> None:
    assert "USER 65532:65532" in STAGES["runtime"]
    assert re.search(r"^ARG PYTHON_IMAGE=\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"${PYTHON_IMAGE}", "build", "runtime"}


def test_uv_is_the_one_of_the_checkout() -> None:
    wanted = re.search(r"^UV_VERSION=(\S+)$", (ROOT / "scripts" / "setup.sh").read_text("utf-8"), re.MULTILINE)
    assert wanted is not None
    assert f"ARG UV_VERSION={wanted[1]}\n" in DOCKERFILE


def test_the_context_has_what_uv_reads_and_no_more() -> None:
    let_in = [line[1:] for line in IGNORED if line.startswith("!")]
    assert let_in == ["pyproject.toml", "uv.lock", "libs", "services"]
    members = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["workspace"]["members"]
    assert {member.split("/")[0] for member in members} <= set(let_in)


def test_version_labels_are_the_workspaces() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    for label in ("source", "licenses", "version", "revision", "title"):
        assert f"org.opencontainers.image.{label}=" in DOCKERFILE
