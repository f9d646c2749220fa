"""Draws the code into docs/architecture.md: packages and rooms by their imports, and the walks of scripts/walks.py.

`python -m scripts.drawing` writes the drawings between their markers; `--check` only compares.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scripts.imports import graph, modules, packages, rooms
from scripts.walks import CHUNK, REQUEST, Step

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
Arrows = Mapping[str, Iterable[str]]


class DriftError(ValueError):
    """A walk names something that the code does not have."""


def mermaid(arrows: Arrows, direction: str = "TD") -> str:
    """Return a drawing of arrows, each from who imports to what it imports."""
    lines = [f"    {name} --> {target}" for name, targets in sorted(arrows.items()) for target in sorted(targets)]
    alone = sorted(set(arrows) - {each for line in lines for each in line.replace("-->", " ").split()})
    return "\n".join(["```mermaid", f"flowchart {direction}", *lines, *(f"    {name}" for name in alone), "```"])


def reduced(arrows: Arrows) -> dict[str, set[str]]:
    """Return the arrows without those that a longer way replaces; circles stay whole."""
    direct = {name: set(targets) - {name} for name, targets in arrows.items()}

    def reach(name: str, seen: set[str]) -> set[str]:
        for target in direct.get(name, set()) - seen:
            seen.add(target)
            reach(target, seen)
        return seen

    found: dict[str, set[str]] = {}
    for name, targets in direct.items():
        beyond = {
            far for target in targets for far in reach(target, set()) - {target} if name not in reach(target, set())
        }
        found[name] = targets - beyond
    return found


def package_arrows() -> dict[str, set[str]]:
    """Return for every package the packages that it imports."""
    names = {path.name for path in packages(ROOT)}
    found: dict[str, set[str]] = {name: set() for name in names}
    for module, targets in graph(ROOT).items():
        owner = module.partition(".")[0]
        found[owner] |= {target.partition(".")[0] for target in targets} - {owner}
    return found


def room_arrows(package: str) -> dict[str, set[str]]:
    """Return for every room of a package the rooms that it imports, without the command's own module."""
    found = rooms(graph(ROOT), package)
    return {room: set(targets) for room, targets in found.items() if room != "__main__"}


def definition(place: str, known: Mapping[str, Path]) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef:
    """Return the function or class at `module:Class.method`.

    Raises:
        DriftError: there is none.
    """
    module, _, path = place.partition(":")
    if module not in known:
        raise DriftError(f"scripts/walks.py: there is no module {module}")
    node: ast.AST = ast.parse(known[module].read_text(encoding="utf-8"))
    for name in path.split("."):
        inside = (
            each for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        )
        node = next((each for each in inside if each.name == name), node if not name else ast.Pass())
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        raise DriftError(f"scripts/walks.py: {module} has no {path}")
    return node


def used(node: ast.AST) -> set[str]:
    """Return every name and attribute that a definition mentions."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def described(step: Step, known: Mapping[str, Path]) -> str:
    """Return a step's sentence: its own, or the first line of the docstring.

    Raises:
        DriftError: the step uses names no more that it should, or has no docstring.
    """
    node = definition(step.place, known)
    if missing := sorted(set(step.uses) - used(node)):
        raise DriftError(f"scripts/walks.py: {step.place} does not use {', '.join(missing)}")
    sentence = step.says or (ast.get_docstring(node) or "").partition("\n")[0]
    if not sentence:
        raise DriftError(f"scripts/walks.py: {step.place} has no docstring")
    return sentence.rstrip(".")


def room(place: str) -> str:
    """Return the package and room of a step's place, such as `gateway · http`."""
    parts = place.partition(":")[0].removeprefix("toolgate_").split(".")
    return " · ".join(parts[:2] if len(parts) > 2 else parts[:1])


def path(steps: Iterable[Step]) -> str:
    """Return the drawing of a walk: the rooms that it passes, with the numbers of the steps in each."""
    visits: list[tuple[str, list[int]]] = []
    for number, step in enumerate(steps, 1):
        if not visits or visits[-1][0] != room(step.place):
            visits.append((room(step.place), []))
        visits[-1][1].append(number)
    nodes = [f'    v{at}["{name}: {", ".join(map(str, numbers))}"]' for at, (name, numbers) in enumerate(visits)]
    arrows = "    " + " --> ".join(f"v{at}" for at in range(len(visits)))
    return "\n".join(["```mermaid", "flowchart LR", *nodes, arrows, "```"])


def walk(steps: Iterable[Step]) -> str:
    """Return the drawing of a walk and its table; a room is named where it changes."""
    steps, known = tuple(steps), modules(ROOT)
    lines = ["| | room | step | what it does |", "|---|---|---|---|"]
    last = ""
    for number, step in enumerate(steps, 1):
        module, _, name = step.place.partition(":")
        cell, last = ("" if room(step.place) == last else room(step.place)), room(step.place)
        sentence = described(step, known).replace("|", "\\|")
        lines.append(f"| {number} | {cell} | `{module.rpartition('.')[2]}.{name}` | {sentence} |")
    return "\n".join([path(steps), "", *lines])


def drawings() -> dict[str, str]:
    """Return every drawing by the name of its markers."""
    return {
        "packages": mermaid(reduced(package_arrows())),
        "core": mermaid(reduced(room_arrows("toolgate_core"))),
        "gateway": mermaid(reduced(room_arrows("toolgate_gateway"))),
        "request": walk(REQUEST),
        "chunk": walk(CHUNK),
    }


def page(text: str) -> Iterator[str]:
    """Yield a page with its drawings replaced.

    Raises:
        DriftError: a drawing has no markers.
    """
    for name, drawing in drawings().items():
        begin, end = f"<!-- {name}: drawn by scripts/drawing.py -->", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, text = rest.partition(end)
        if not found or not closed:
            raise DriftError(f"{PAGE.name} has no markers for {name}")
        yield f"{before}{begin}\n{drawing}\n{end}"
    yield text


def main() -> int:
    """Write the page, or with `--check` say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the page is not current")
    check = parser.parse_args().check
    current = PAGE.read_text(encoding="utf-8")
    try:
        text = "".join(page(current))
    except DriftError as error:
        print(error, file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif text != current:
        print(f"{PAGE.name} is not current: make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
