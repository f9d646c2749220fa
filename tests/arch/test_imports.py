"""The reading of imports, which the drawing and the figures of the structure rest on."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.imports import graph, longest_chain, modules, rooms


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    package = tmp_path / "libs" / "one" / "src" / "one"
    (package / "http").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "http" / "__init__.py").touch()
    (package / "http" / "body.py").write_text("import one.settings\ndef late():\n    import one.start\n")
    (package / "settings.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import one.start\n")
    (package / "start.py").write_text("from one.http import body\nfrom one.http.body import late\nimport os\n")
    return tmp_path


def test_imports_inside_functions_and_for_types_are_left_out(checkout: Path) -> None:
    arrows = {name: sorted(targets) for name, targets in graph(checkout).items() if targets}
    assert arrows == {"one.http.body": ["one.settings"], "one.start": ["one.http.body"]}


def test_the_longest_chain_is_found(checkout: Path) -> None:
    assert longest_chain(graph(checkout)) == ["one.start", "one.http.body", "one.settings"]


def test_a_circle_of_imports_is_an_error() -> None:
    with pytest.raises(ValueError, match="import cycle: a > b > a"):
        longest_chain({"a": frozenset({"b"}), "b": frozenset({"a"})})


def test_rooms_are_the_folders_and_files_of_a_package(checkout: Path) -> None:
    assert rooms(graph(checkout), "one") == {"http": {"settings": 1}, "settings": {}, "start": {"http": 1}}


def test_our_packages_import_each_other_in_no_circle() -> None:
    root = Path(__file__).resolve().parents[2]
    assert longest_chain(graph(root))[0] in modules(root)
