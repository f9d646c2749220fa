"""Core and formats are pure: a list has everything that their modules may import. A list of forbidden ones would miss some."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import CORE, FORMATS, label, modules

# values, text and types; no clock, environment, randomness, input or output among them
ALLOWED = {
    "__future__",
    "abc",
    "bisect",
    "cachetools",
    "collections",
    "collections.abc",
    "dataclasses",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "io.StringIO",
    "itertools",
    "json",
    "jsonschema_rs",
    "keyword",
    "math",
    "msgspec",
    "msgspec.json",
    "msgspec.structs",
    "operator",
    "re",
    "regex",
    "string",
    "struct",
    "textwrap",
    "threading.Lock",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "yaml",
}
PARTLY = ("io", "threading")
"""Modules of which single names are allowed; the rest of them is not."""

OF_FORMATS = {"email.utils"}
"""What formats may import in addition: the dates of HTTP."""

BANNED_CALLS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the module of every import, wherever it stands; of `PARTLY`, each name that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module in PARTLY:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("module", modules(CORE), ids=label)
def test_core_module_imports_only_what_is_allowed(module: Path) -> None:
    names = set(imported(ast.parse(module.read_text())))
    foreign = {name for name in names if name != "toolgate_core" and not name.startswith("toolgate_core.")}
    assert foreign - ALLOWED == set()


@pytest.mark.parametrize("module", modules(FORMATS), ids=label)
def test_formats_module_imports_only_what_is_allowed(module: Path) -> None:
    names = set(imported(ast.parse(module.read_text())))
    foreign = {name for name in names if name.partition(".")[0] not in ("toolgate_core", "toolgate_formats")}
    assert foreign - ALLOWED - OF_FORMATS == set()


@pytest.mark.parametrize("module", [*modules(CORE), *modules(FORMATS)], ids=label)
def test_pure_module_calls_nothing_that_reaches_outside(module: Path) -> None:
    calls = (node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    assert {call.id for call in calls if isinstance(call, ast.Name)} & BANNED_CALLS == set()


def test_an_import_inside_a_function_is_seen() -> None:
    tree = ast.parse(
        "def f():\n    from os import path\n    import time as t\n    from . import x\n    from io import open\n"
    )
    assert list(imported(tree)) == ["os", "time", ".", "io.open"]
