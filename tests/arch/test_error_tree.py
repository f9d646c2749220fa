"""The tree of errors is drawn once, in toolgate_core.types.errors, and is that of the code."""

import ast
import re
from pathlib import Path

from toolgate_core.types import errors

ROOT = Path(__file__).resolve().parents[2]


def classes() -> dict[str, str]:
    """Each error of libs and services with the one that it derives from."""
    pairs: set[tuple[str, str]] = set()
    for file in [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                pairs |= {(node.name, base.id) for base in node.bases if isinstance(base, ast.Name)}
    tree = {"ToolgateError": "Exception"}
    while new := {name: base for name, base in pairs if base in tree and name not in tree}:
        tree |= new
    return tree


def drawn() -> dict[str, str]:
    assert errors.__doc__ is not None
    tree, above = {"ToolgateError": "Exception"}, ["ToolgateError"]
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__, re.MULTILINE):
        depth = len(indent) // 4 + 1
        tree[name] = above[depth - 1]
        above[depth:] = [name]
    return tree


def test_the_tree_names_every_error_under_its_parent() -> None:
    assert drawn() == classes()
