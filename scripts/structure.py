"""Prints figures about the structure of a checkout, so that two states of it can be compared.

`python -m scripts.structure [ROOT]`: the largest classes, complexity, comments, the gateway's rooms, the longest import
chain and the number of public names. ROOT defaults to this checkout.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from radon.complexity import cc_visit
from radon.raw import analyze

from scripts.imports import graph, longest_chain, modules, rooms

HERE = Path(__file__).resolve().parent.parent
MANY = 13  # complexity that radon calls "more than slight" begins at 11; from here on a function is worth a second look
COMMENTED = ("toolgate_core.extraction", "toolgate_core.ladder", "toolgate_core.strategies", "toolgate_core.schema")


class ClassSize(NamedTuple):
    """A class, the attributes that its methods assign to `self`, and the fields that its body declares."""

    name: str
    assigned: int
    declared: int


def class_size(module: str, node: ast.ClassDef) -> ClassSize:
    """Count the attributes of a class."""
    assigned = {
        target.attr
        for statement in ast.walk(node)
        if isinstance(statement, ast.Attribute) and isinstance(statement.ctx, ast.Store)
        for target in (statement,)
        if isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    declared = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "ClassVar" not in ast.unparse(statement.annotation)
    }
    return ClassSize(f"{module}.{node.name}", len(assigned - declared), len(declared))


def classes(root: Path) -> list[ClassSize]:
    """Return the size of every class of a checkout."""
    found = []
    for name, file in modules(root).items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += [class_size(name, node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return found


def complexities(root: Path) -> list[tuple[int, str]]:
    """Return radon's cyclomatic complexity of every function and method, the highest first."""
    found = []
    for name, file in modules(root).items():
        blocks = cc_visit(file.read_text(encoding="utf-8"))
        # a class is the sum of its methods, which are listed themselves
        found += [(block.complexity, f"{name}.{block.fullname}") for block in blocks if block.letter != "C"]
    return sorted(found, reverse=True)


def comments(root: Path, package: str) -> str:
    """Return the comment lines per 100 lines of code below a package, and the docstring lines beside them."""
    files = [file for name, file in modules(root).items() if f"{name}.".startswith(f"{package}.")]
    raw = [analyze(file.read_text(encoding="utf-8")) for file in files]
    code, noted, documented = (sum(each) for each in zip(*((r.sloc, r.comments, r.multi) for r in raw), strict=True))
    return (
        f"{100 * noted / code:.1f} comment lines per 100 of code, {100 * documented / code:.1f} lines of "
        f"long docstrings ({noted} and {documented} on {code}, {len(files)} files)"
    )


def public_names(root: Path) -> int:
    """Return how many functions, classes and constants without underscore the modules define at their top."""
    total = 0
    for file in modules(root).values():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            total += sum(not name.startswith("_") for name in defined(node))
    return total


def defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Assign):
        yield from (name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))


def report(root: Path) -> Iterator[str]:
    """Yield the report, line by line."""
    sizes = classes(root)
    yield "largest classes by attributes that methods assign:"
    for size in sorted(sizes, key=lambda each: -each.assigned - each.declared if each.assigned else 0)[:4]:
        yield f"  {size.assigned + size.declared:3} {size.name}"
    yield "largest classes of values, by declared fields:"
    for size in sorted((each for each in sizes if not each.assigned), key=lambda each: -each.declared)[:3]:
        yield f"  {size.declared:3} {size.name}"
    ranked = complexities(root)
    yield f"radon: maximum {ranked[0][0]} ({ranked[0][1]}), {sum(each >= MANY for each, _ in ranked)} at {MANY} or more"
    for package in COMMENTED:
        if any(f"{name}.".startswith(f"{package}.") for name in modules(root)):
            yield f"{package}: {comments(root, package)}"
    arrows = graph(root)
    found = rooms(arrows, "toolgate_gateway")
    yield f"gateway: {len(found)} rooms, {sum(len(each) for each in found.values())} arrows between them"
    for room, others in sorted(found.items()):
        yield f"  {room}: {', '.join(sorted(others)) or '-'}"
    chain = longest_chain(arrows)
    yield f"longest import chain: {len(chain)} modules: {' > '.join(chain)}"
    files = modules(root)
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files.values())
    yield f"public names: {public_names(root)} in {len(files)} modules, {lines} lines"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=HERE, help="a checkout (default: this one)")
    print("\n".join(report(parser.parse_args().root.resolve())))


if __name__ == "__main__":
    main()
