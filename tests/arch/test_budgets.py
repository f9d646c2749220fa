"""Budgets of the code: no file grows past what one can hold in mind, no function past a screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts.structure import classes, complexities
from tests.support.sources import ROOT, every_module, label

MAX_FILE_LINES = 400
MAX_BODY_LINES = 50
MAX_COMPLEXITY = 15  # by radon, which counts boolean operators and comprehensions, too; ruff holds its own number at 10
MAX_ATTRIBUTES = 15
# above it, and why; they may only shrink
LARGE_CLASSES = {
    "toolgate_gateway.telemetry.metrics.GatewayMetrics": 32,  # one attribute per metric
    "toolgate_formats.codecs.openai_chat.joiner.ChunkJoiner": 21,  # one per field of an answer that is joined
}


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


def test_functions_are_simple_by_radon() -> None:
    assert [f"{name}: {found}" for found, name in complexities(ROOT) if found > MAX_COMPLEXITY] == []


def test_classes_have_few_attributes() -> None:
    """Classes with state; the fields of values, settings and records are their contract."""
    sizes = {each.name: each.assigned + each.declared for each in classes(ROOT) if each.assigned}
    assert {name: size for name, size in sizes.items() if size > LARGE_CLASSES.get(name, MAX_ATTRIBUTES)} == {}
    assert LARGE_CLASSES.keys() <= sizes.keys()
