"""The table of dialects is complete: a file, a row and cases for each."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from toolgate_core.dialects import DIALECTS, catalog
from toolgate_core.dialects.base import Dialect

from tests.core.dialects.reading import CASES

MODULES = sorted(path.stem for path in Path(catalog.__path__[0]).glob("*.py") if path.stem != "__init__")
FOLDERS = sorted({path.parent.name for path in CASES.glob("*/*.json")})


@pytest.mark.parametrize("module", MODULES)
def test_every_dialect_of_a_file_has_its_row(module: str) -> None:
    named = vars(import_module(f"{catalog.__name__}.{module}"))
    found = {value.name for value in named.values() if isinstance(value, Dialect)}
    assert found
    assert found <= set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_has_cases(name: str) -> None:
    assert name in FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_of_cases_is_that_of_a_dialect(name: str) -> None:
    assert name in DIALECTS
