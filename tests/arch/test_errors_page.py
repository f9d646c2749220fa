"""docs/errors.md names every code that an error can have, and every word for how attempts and requests end."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from toolgate_core.types.vocabulary import AttemptOutcome, RequestOutcome
from toolgate_formats.api.failures import FAILURES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
SOURCES = [
    ROOT / "libs/core/src/toolgate_core",
    ROOT / "libs/formats/src/toolgate_formats",
    ROOT / "services/gateway/src/toolgate_gateway",
]
NAMES = {"code", "TOOL_CALL_UNAVAILABLE"}
WORD = re.compile(r"[a-z]+(?:_[a-z]+)+|overloaded|timeout")


def _texts(node: ast.AST | None) -> Iterator[str]:
    for each in ast.walk(node) if node is not None else ():
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def _pairs(target: ast.AST, value: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def codes_in(tree: ast.AST) -> set[str]:
    """The words that are where a code does: as an argument `code`, or assigned to it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.update(text for keyword in node.keywords if keyword.arg == "code" for text in _texts(keyword.value))
        if isinstance(node, ast.Assign):
            for target, value in (pair for each in node.targets for pair in _pairs(each, node.value)):
                if isinstance(target, ast.Name) and target.id in NAMES:
                    found.update(_texts(value))
    return {text for text in found if WORD.fullmatch(text)}


def rows() -> dict[str, set[int]]:
    """Each code that a kind of failure has by default, with its statuses."""
    statuses: dict[str, set[int]] = {}
    for row in FAILURES.values():
        if row.code is not None:
            statuses.setdefault(row.code, set()).add(row.status)
    return statuses


def table(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_the_page_names_each_code_once_and_no_other() -> None:
    known: set[str] = set()
    for folder in SOURCES:
        for file in folder.rglob("*.py"):
            known |= codes_in(ast.parse(file.read_text(encoding="utf-8")))
    named = table("Codes")
    assert sorted(named) == sorted(known)


def test_the_page_gives_the_status_of_each_kind_of_failure() -> None:
    section = PAGE.split("## Codes\n", 1)[1].split("\n## ", 1)[0]
    given = dict(re.findall(r"^\| `(\w+)` \| ([\d, ]+) \|", section, re.MULTILINE))
    wrong = {
        code for code, statuses in rows().items() if not statuses <= {int(each) for each in given[code].split(",")}
    }
    assert not wrong


def test_the_page_names_each_outcome_of_an_attempt() -> None:
    assert table("Outcomes of attempts") == [outcome.value for outcome in AttemptOutcome]


def test_the_page_names_each_outcome_of_a_request() -> None:
    assert table("Outcomes of requests") == [outcome.value for outcome in RequestOutcome]
