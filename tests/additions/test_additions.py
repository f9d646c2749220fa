"""One of each thing can be added as CONTRIBUTING says: with those edits it works, without one of them a test fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.additions.checkouts import holds, made
from tests.additions.promises import PROMISES, Promise
from tests.additions.table import ADDITIONS, Addition, Edit
from tests.support.sources import ROOT

pytestmark = [pytest.mark.slow]

_ONE_LESS = [(each, edit) for each in ADDITIONS for edit in each.edits if edit.needed]


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
    made_here = {each.what for each in (*ADDITIONS, *PROMISES)}
    held_elsewhere = {
        "form of calls that no grammar can say",
        "form of reasoning",
        "server profile",
        "limit per caller",
        "store adapter",
        "forwarded endpoint",
        "rule of what follows an attempt",
        "effect",
        "kind of failure that clients see",
        "tag of a repair",
        "rule of coercion",
        "bound",
        "RPC or field",
        "word",
        "dependency",
    }
    assert made_here <= rows
    assert rows - made_here <= held_elsewhere


@pytest.mark.parametrize("addition", [*ADDITIONS, *PROMISES], ids=lambda each: each.what)
def test_the_row_names_every_file_that_is_touched(addition: Addition | Promise) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [row] = [line for line in text.splitlines() if line.startswith(f"| {addition.what} |")]
    touched = addition.rows if isinstance(addition, Promise) else addition.edits
    for edit in touched:
        path = Path(edit.path)
        named = {path.name} if edit.after else {path.parent.name, path.parent.parent.name}
        assert any(name in row for name in named), f"{addition.what}: {edit.path}"
