"""The import graph of a checkout: its packages, their modules, and which module imports which when it is loaded.

Read from the sources with `ast`, so that a checkout can be looked at without installing it. Imports under
`TYPE_CHECKING` and inside functions are left out: they do not run when a module is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

GENERATED = "toolgate"  # the package that protoc writes


def packages(root: Path) -> list[Path]:
    """Return the import package of every library and service of a checkout, without generated code."""
    found = [*root.glob("libs/*/src/*"), *root.glob("services/*/src/*")]
    return sorted(path for path in found if (path / "__init__.py").exists() and path.name != GENERATED)


def modules(root: Path) -> dict[str, Path]:
    """Return the file of every module, by the module's dotted name."""
    found: dict[str, Path] = {}
    for package in packages(root):
        for file in sorted(package.rglob("*.py")):
            parts = file.relative_to(package.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def loaded(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements that run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            yield from (each for statement in node.orelse for each in loaded(ast.Module([statement], [])))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from loaded(node)


def targets(statement: ast.Import | ast.ImportFrom, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the known modules that a statement imports."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names if alias.name in known)
        return
    module = statement.module or ""
    for alias in statement.names:
        below = f"{module}.{alias.name}"
        if below in known:
            yield below
        elif module in known:
            yield module


def graph(root: Path) -> dict[str, frozenset[str]]:
    """Return for every module the modules that it imports when it is loaded."""
    known = modules(root)
    return {
        name: frozenset(
            target
            for statement in loaded(ast.parse(file.read_text(encoding="utf-8")))
            for target in targets(statement, known)
            if target != name
        )
        for name, file in known.items()
    }


def longest_chain(arrows: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the longest chain of modules that import each other in turn.

    Raises:
        ValueError: modules import each other in a circle.
    """
    best: dict[str, list[str]] = {}
    active: list[str] = []

    def visit(name: str) -> list[str]:
        if name in active:
            raise ValueError(f"import cycle: {' > '.join([*active[active.index(name) :], name])}")
        if name not in best:
            active.append(name)
            best[name] = [name, *max((visit(target) for target in sorted(arrows[name])), key=len, default=[])]
            active.pop()
        return best[name]

    return max((visit(name) for name in sorted(arrows)), key=len, default=[])


def rooms(arrows: Mapping[str, frozenset[str]], package: str) -> dict[str, dict[str, int]]:
    """Return for every room of a package the rooms that it imports, with the number of importing modules.

    A room is a folder directly in the package, or a file there.
    """

    def room(name: str) -> str:
        return name.removeprefix(package).lstrip(".").partition(".")[0]

    inside = [name for name in arrows if name.startswith(f"{package}.")]
    found: dict[str, dict[str, int]] = {room(name): {} for name in inside}
    for name in inside:
        for target in {room(each) for each in arrows[name] if each.startswith(f"{package}.")} - {room(name)}:
            found[room(name)][target] = found[room(name)].get(target, 0) + 1
    return found
