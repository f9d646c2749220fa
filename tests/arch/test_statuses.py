"""HTTP statuses, error types and objects of our responses stand in formats/api alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolgate_formats.api.failures import FAILURES

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "libs/core/src/toolgate_core"
FORMATS = ROOT / "libs/formats/src/toolgate_formats"
GATEWAY = ROOT / "services/gateway/src/toolgate_gateway"
# The rest of core holds no failures, but numbers such as 500 of other meanings.
WITHOUT_STATUSES = [
    *(CORE / folder for folder in ("types", "ladder", "strategies")),
    *(GATEWAY / folder for folder in ("chat", "passthrough", "telemetry", "upstreams")),
]
STATUSES = {row.status for row in FAILURES.values()}
SHAPES = {"choices", "delta", "finish_reason", "function", "tool_calls"}
TYPES = {"invalid_request_error", "server_error", "rate_limit_error", "api_error", "overloaded_error"}


def files_in(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def statuses_in(tree: ast.AST) -> Iterator[int]:
    """Statuses that are named, except where an upstream's own is compared with them."""
    read: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and "status" in ast.unparse(node.left):
            read.update(each for comparator in node.comparators for each in ast.walk(comparator))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in STATUSES and node not in read:
            yield node.value


@pytest.mark.parametrize("folder", WITHOUT_STATUSES, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_no_status_of_ours_is_named_outside_the_api_formats(folder: Path) -> None:
    named = {file.name: list(statuses_in(ast.parse(file.read_text(encoding="utf-8")))) for file in files_in(folder)}
    assert {name: found for name, found in named.items() if found} == {}


def test_no_error_type_is_named_outside_the_api_formats() -> None:
    named = set()
    for folder in (CORE, FORMATS, GATEWAY):
        for file in files_in(folder):
            if FORMATS / "api" in file.parents:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and node.value in TYPES:
                    named.add(file.name)
    assert named == set()


def keys_in(tree: ast.AST) -> Iterator[object]:
    """Keys of dictionaries that are written, and of those that are read by subscript."""
    for node in ast.walk(tree):
        keys = node.keys if isinstance(node, ast.Dict) else [node.slice] if isinstance(node, ast.Subscript) else []
        yield from (key.value for key in keys if isinstance(key, ast.Constant))


def test_no_object_of_openais_is_written_or_read_in_the_gateway() -> None:
    named = {file.name: SHAPES & set(keys_in(ast.parse(file.read_text("utf-8")))) for file in files_in(GATEWAY)}
    assert {name: found for name, found in named.items() if found} == {}
    assert SHAPES & set(keys_in(ast.parse('{"choices": choice["delta"]}'))) == {"choices", "delta"}


def test_the_check_finds_a_status_and_lets_an_upstreams_pass() -> None:
    assert list(statuses_in(ast.parse("answer(503)"))) == [503]
    assert list(statuses_in(ast.parse("if response.status in (500, 502): pass"))) == []
