"""The page of limits matches the constants."""

from __future__ import annotations

import subprocess
import sys

from toolgate_core import limits

from tests.support.sources import ROOT


def test_page_of_limits_is_current() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/limits.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_bound_has_a_row() -> None:
    page = (ROOT / "docs" / "limits.md").read_text()
    named = [name for name in vars(limits) if name.isupper()]
    assert [name for name in named if f"| `{name}` |" not in page] == []
