"""The tables of tags are those of the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import toolgate_core
from toolgate_core.types.repairs import COERCIONS, REPAIRS

CORE = Path(toolgate_core.__file__).parent
SOURCES = [
    *CORE.glob("schema/*.py"),
    *CORE.glob("extraction/**/*.py"),
    CORE / "schema" / "settle.py",
    *(CORE / "ladder" / f"{name}.py" for name in ("calls", "content", "delivery", "judge", "reader", "verdict")),
]
WORD = re.compile(r"[a-z]+(?:_[a-z]+)*")
PUT_TOGETHER = {"empty_to_array", "empty_to_object", "null_to_string"}
NO_TAGS = {"function_call", "json_object", "json_schema", "tool_call", "tool_calls"}
NO_TAGS |= {"guided_grammar", "guided_json_object", "guided_regex", "structured_outputs"}
NO_TAGS |= {"after_call", "message_reasoning", "think_end"}  # roles of markers


def words(node: ast.expr) -> Iterator[str]:
    """Yield the words that `node` may be or hold, without those that it only compares."""
    if isinstance(node, ast.IfExp):
        yield from words(node.body)
        yield from words(node.orelse)
    elif isinstance(node, ast.Tuple):
        for one in node.elts:
            yield from words(one)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
        yield node.value


def added(node: ast.AST) -> Iterator[str]:
    """Yield the words that a call adds to tags."""
    if not isinstance(node, ast.Call):
        return
    function = node.func
    if isinstance(function, ast.Attribute):
        owner = ast.unparse(function.value)
        if function.attr in {"repaired", "tag"} or (function.attr == "append" and owner.endswith(("tags", "repairs"))):
            yield from (word for argument in node.args for word in words(argument))


def passed_on(node: ast.AST) -> Iterator[str]:
    """Yield the words of more than one part that are returned, or that a tuple holds as its first or last item."""
    found: list[str] = []
    if isinstance(node, ast.Return) and node.value is not None:
        found = list(words(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_stripped":
        found = list(words(node.args[-1]))
    elif isinstance(node, ast.Tuple) and node.elts:
        found = [word for one in (node.elts[0], node.elts[-1]) for word in words(one)]
    yield from (word for word in found if "_" in word)


def tags() -> set[str]:
    """Return every tag that is in the sources."""
    nodes = [node for source in SOURCES for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))]
    slots = {
        node.value for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__"
    }
    return {word for node in nodes if node not in slots for word in (*added(node), *passed_on(node))} - NO_TAGS


def test_every_tag_of_the_sources_has_a_meaning() -> None:
    assert tags() - COERCIONS.keys() - REPAIRS.keys() == set()


def test_every_documented_tag_is_in_the_sources() -> None:
    text = "".join(source.read_text(encoding="utf-8") for source in SOURCES)
    assert {tag for tag in (*COERCIONS, *REPAIRS) if f'"{tag}"' not in text} == PUT_TOGETHER


def test_a_tag_has_one_meaning() -> None:
    assert COERCIONS.keys().isdisjoint(REPAIRS)
