"""The copy of the sources that the tests of additions share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.additions.checkouts import copied


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources."""
    return copied(tmp_path_factory.mktemp("checkout"))
