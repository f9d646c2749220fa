"""The continuous check: its suites, their order, and the lines for those that it leaves out."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def check(tmp_path: Path):
    """Run `.ci/run` with a `make` that only notes what it was asked for; return its output and those notes."""
    program(tmp_path / "make", f'echo "$@" >>{tmp_path}/made')
    helm = program(tmp_path / "helm", "exit 0")

    def run(*, seconds: int, engine: str = "", fails: str = "") -> tuple[int, str, list[str]]:
        if fails:
            program(tmp_path / "make", f'echo "$@" >>{tmp_path}/made; [ "$1" != {fails} ]')
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "HELM": helm,
            "TOOLGATE_CI_SECONDS": str(seconds),
            "TOOLGATE_CI_ENGINE": engine,
            "TOOLGATE_CI_CLUSTER": str(tmp_path / "none"),
        }
        done = subprocess.run(
            ["bash", ".ci/run"], check=False, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
        )
        return done.returncode, done.stdout, (tmp_path / "made").read_text("utf-8").splitlines()

    return run


def test_without_time_only_the_tests_run_and_every_other_suite_says_so(check) -> None:
    status, output, made = check(seconds=0)
    assert (status, made) == (0, ["test"])
    assert [line.split(" left out")[0] for line in output.splitlines() if " left out" in line] == [
        "ci: the chart",
        "ci: acceptance",
        "ci: the real vLLM",
        "ci: the cluster",
    ]


def test_with_time_every_suite_runs_that_can(check, tmp_path: Path) -> None:
    engine = program(tmp_path / "engine", "exit 0")
    status, output, made = check(seconds=100_000, engine=engine)
    assert (status, made) == (0, ["test", "chart", "acceptance", f"engine ENGINE={engine} FORM=short"])
    assert [line for line in output.splitlines() if " left out" in line] == [
        "ci: the cluster left out: none is running with images (make e2e runs the tests on one)"
    ]


def test_an_engine_that_cannot_be_set_up_is_left_out(check, tmp_path: Path) -> None:
    engine = program(tmp_path / "engine", "exit 1")
    status, output, made = check(seconds=100_000, engine=engine)
    assert (status, made) == (0, ["test", "chart", "acceptance"])
    assert "ci: the real vLLM left out: it could not be set up" in output


@pytest.mark.parametrize("suite", ["test", "chart", "acceptance"])
def test_a_suite_that_fails_fails_the_check(check, suite: str) -> None:
    status, _, made = check(seconds=100_000, fails=suite)
    assert (status != 0, made[-1]) == (True, suite)


def test_an_engine_is_left_out_where_no_command_starts_one() -> None:
    environment = {**os.environ, "ENGINE": "no-such-command"}
    done = subprocess.run(["scripts/engine.sh"], check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout == "engine: no command starts a vLLM here (ENGINE=no-such-command names none): left out\n"
