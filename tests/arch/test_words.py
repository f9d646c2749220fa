"""The language of the project: standard English, short test names, and a glossary that lists every term of ours."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.sources import ROOT, every_module, label

MAX_TEST_NAME = 70
LIST = Path(__file__).with_name("words_to_avoid.txt")
# every file below these is checked
CHECKED = (
    ".ci",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "Makefile",
    "README.md",
    "benchmarks",
    "charts",
    "compose.yaml",
    "docs",
    "fuzz",
    "k8s",
    "libs",
    "protos",
    "pyproject.toml",
    "scripts",
    "services",
    "skaffold.yaml",
    "tests",
)
# sentences that models read, whose wording was measured
PROMPTS = ("Each of several calls stands in tags of its own.",)
# every term of ours; the field's own (registry, circuit breaker, deadline …) need no entry
TERMS = (
    "anchor", "choice", "delivery policy", "draft", "enclosing tag", "ending", "inward call", "knowledge", "metadata",
    "normal form", "observation", "origin", "part", "pipeline", "source", "untouched", "step", "store", "verdict", "wrapper", "writer",
    "adapter", "answer", "API format", "attempt", "block", "call", "caller", "capability", "chunk", "codec", "coercion",
    "decision", "dialect", "effect", "event", "extraction", "failure", "fallback", "fault", "form", "frame", "grammar",
    "ladder", "marker", "mode", "outbox", "outcome", "plan", "policy", "port", "preset", "priority", "profile", "provider",
    "reason", "reduction", "refusal", "repair", "replica", "request context", "request record", "request scope", "result",
    "settle", "sink", "strategy", "tool", "toolset", "transport", "upstream", "violation",
)  # fmt: skip
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".tpl", ".txt", ".toml", ".sh", ".proto", ".mjs"}
# data of other people's texts, files that are generated, and the list itself
LEFT_OUT = ("node_modules", "tests/chart/golden", "libs/genproto", "k8s/base", LIST.name, Path(__file__).name)


def expression(phrase: str) -> re.Pattern[str]:
    """Return what finds a phrase: in a text over the ends of its lines, and in an identifier, whose words `_` separates.

    >>> bool(expression("of its own").search("a_key_of_its_own"))
    True
    """
    words = [re.escape(word).replace(r"\*", "[a-z]*") for word in phrase.split()]
    if words[0] == "as":  # not of "as soon as it is"
        words[0] = r"(?<!soon )(?<!far )(?<!long )(?<!large )(?<!much )(?<!well )as"
    return re.compile("(?<![a-z])" + r"[\s_#>]+".join(words) + "(?![a-z])", re.IGNORECASE)


def listed() -> dict[str, str]:
    """Return what to write instead of each phrase of the list."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


AVOIDED = [(expression(phrase), f"{phrase!r}: {instead}") for phrase, instead in listed().items()]


def checked_files() -> list[Path]:
    """Return every file that the list holds for."""
    roots = [ROOT / name for name in CHECKED]
    files = [file for root in roots for file in (sorted(root.rglob("*")) if root.is_dir() else [root])]
    return [
        file
        for file in files
        if (file.suffix in SUFFIXES or file.name in ("Makefile", "Dockerfile"))
        and not any(part in file.relative_to(ROOT).as_posix() for part in LEFT_OUT)
    ]


def found(text: str) -> list[str]:
    """Return the phrases of the list that a text holds, each with its line.

    >>> found("class ClimbHigh: ...")
    ["line 1: 'climb*': run the ladder"]
    """
    for prompt in PROMPTS:
        text = text.replace(prompt, "")
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text)
    hits = [(split.count("\n", 0, hit.start()) + 1, said) for each, said in AVOIDED for hit in each.finditer(split)]
    return [f"line {line}: {said}" for line, said in sorted(hits)]


@pytest.mark.parametrize("file", checked_files(), ids=label)
def test_a_file_is_written_in_standard_words(file: Path) -> None:
    assert found(file.read_text(encoding="utf-8")) == []


def test_a_phrase_is_found_over_lines_and_inside_names() -> None:
    assert found("# a key of\n# its own") == ["line 1: 'of its own': its own, separate"]
    assert found("def test_nobody_waits") == ["line 1: 'nobody': no caller, no one"]
    assert found("ClimbHigh") == ["line 1: 'climb*': run the ladder"]
    assert found("A mender tellsome") == []


def names_of_tests() -> list[tuple[str, str]]:
    """Return the name of every test, with its file."""
    files = [file for file in sorted((ROOT / "tests").rglob("test_*.py")) if "node_modules" not in file.parts]
    return [
        (node.name, label(file))
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_names_of_tests_are_short() -> None:
    assert [(name, file) for name, file in names_of_tests() if len(name) > MAX_TEST_NAME] == []


def glossary() -> set[str]:
    """Return the bold words of CONTRIBUTING's glossary."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Words\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"\*\*(.+?)\*\*", section))


def plural(word: str) -> str:
    """Return the plural of a word, so that a term counts in either number."""
    return word if word.endswith("s") else f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def test_the_glossary_lists_every_term() -> None:
    assert set(TERMS) - glossary() == set()


def test_every_term_of_the_glossary_is_used_in_the_code() -> None:
    code = "\n".join(module.read_text(encoding="utf-8") for module in every_module()).lower()
    words = {plural(word) for word in re.findall(r"[a-z]+", code)}
    assert [term for term in sorted(glossary()) if not {plural(word) for word in term.lower().split()} <= words] == []
