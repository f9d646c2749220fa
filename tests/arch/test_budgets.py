"""Budgets of the code: no file grows past what one can hold in mind, no function past a screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.sources import every_module, label

MAX_FILE_LINES = 400
MAX_BODY_LINES = 50


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from the first statement to the last, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(module: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function of a file, nested ones included."""
    tree = ast.parse(module.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("module", every_module(), ids=label)
def test_file_is_within_its_budget(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("module", every_module(), ids=label)
def test_functions_are_within_their_budget(module: Path) -> None:
    assert [f"{f.name}: {body_lines(f)} lines" for f in functions(module) if body_lines(f) > MAX_BODY_LINES] == []


@pytest.mark.parametrize("module", every_module(), ids=label)
def test_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))
