"""A copy of the sources in which additions are made, tried, and taken back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.additions.table import Addition, Edit
from tests.support.sources import ROOT

_COPIED = ("libs", "services", "tests", "scripts", "docs", "protos", "pyproject.toml", "README.md", "CONTRIBUTING.md")


def copied(target: Path) -> Path:
    """Copy the sources into a folder; they shadow the installed ones for what runs there."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, target / name)
    return target


@contextmanager
def made(checkout: Path, edits: Sequence[Edit]) -> Iterator[None]:
    """Make the edits, and take them back in the end."""
    before: dict[Path, str | None] = {}
    try:
        for edit in edits:
            path = checkout / edit.path
            before.setdefault(path, path.read_text("utf-8") if path.exists() else None)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(edited(path, edit), "utf-8")
        yield
    finally:
        for path, text in before.items():
            if text is None:
                path.unlink()
            else:
                path.write_text(text, "utf-8")


def edited(path: Path, edit: Edit) -> str:
    if not edit.after:
        return edit.text
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = next((number for number, line in enumerate(lines) if edit.after in line), None)
    assert at is not None, f"{edit.path} has no line with {edit.after!r} any more"
    # The line may open a bracket or a block that goes on.
    while not lines[at].rstrip().endswith(("{", "(", ":", ",", ")")) and not lines[at].startswith(("from ", "import ")):
        at += 1
    return "".join([*lines[: at + 1], edit.text, *lines[at + 1 :]])


def ran(
    checkout: Path, command: Sequence[str], settings: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with its sources before the installed ones, and settings in the environment."""
    sources = [str(path) for path in sorted([*checkout.glob("libs/*/src"), *checkout.glob("services/*/src")])]
    return subprocess.run(
        [sys.executable, "-B", *command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), **settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def holds(checkout: Path, addition: Addition, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether what an addition promises holds in the copy, by these tests or its script, and what was said."""
    command = ["-c", addition.script]
    if tests:
        command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    done = ran(checkout, command)
    return done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
