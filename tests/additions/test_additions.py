"""One of each thing can be added as CONTRIBUTING says: with those edits it works, without one of them a test fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.additions.table import ADDITIONS, Addition, Edit
from tests.support.sources import ROOT

pytestmark = [pytest.mark.slow]

_COPIED = ("libs", "services", "tests", "scripts", "docs", "protos", "pyproject.toml", "README.md", "CONTRIBUTING.md")
_ONE_LESS = [(each, edit) for each in ADDITIONS for edit in each.edits if edit.needed]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, which shadows the installed ones for what runs in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, copy / name)
    return copy


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


def holds(checkout: Path, addition: Addition, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether what an addition promises holds in the copy, by these tests or its script, and what was said."""
    sources = [str(path) for path in sorted([*checkout.glob("libs/*/src"), *checkout.glob("services/*/src")])]
    command = ["-c", addition.script]
    if tests:
        command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    done = subprocess.run(
        [sys.executable, "-B", *command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda each: each.what)
def test_one_more_is_added_by_the_edits_that_are_listed(addition: Addition, checkout: Path) -> None:
    with made(checkout, addition.edits):
        good, said = holds(checkout, addition, addition.tests)
    assert good, said


@pytest.mark.parametrize(
    ("addition", "left_out"), _ONE_LESS, ids=lambda each: getattr(each, "what", getattr(each, "path", ""))
)
def test_an_edit_that_is_left_out_fails(addition: Addition, left_out: Edit, checkout: Path) -> None:
    with made(checkout, [edit for edit in addition.edits if edit != left_out]):
        good, said = holds(checkout, addition, addition.noticing or addition.tests)
    assert not good, said


def test_every_row_of_the_table_is_known_here() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text[text.index("## Where do I add") : text.index("## Code")]
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")} - {"a", "---"}
    held_elsewhere = {
        "form of calls that no grammar can say",
        "form of reasoning",
        "tag of a repair",
        "rule of coercion",
    }
    held_elsewhere |= {"RPC or field", "word", "dependency"}
    assert {each.what for each in ADDITIONS} <= rows
    assert rows - {each.what for each in ADDITIONS} <= held_elsewhere
