"""Writes `docs/dialects.md` from the table of dialects. `--check` only compares."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from toolgate_cli.extract import Reader
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import (
    AnyGrammar,
    BraceGrammar,
    DecisionGrammar,
    Dialect,
    ElementsGrammar,
    EnvelopeGrammar,
    Grammar,
    MessageGrammar,
    NamedGrammar,
    PayloadGrammar,
    PythonGrammar,
    TaggedGrammar,
    WrittenCall,
)
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "dialects.md"
TEXT = Path(__file__).with_name("dialects.md")
"""The page, with words in double braces where the parts go that are made here (see `page`)."""

CALL = WrittenCall("get_weather", '{"city": "Oslo", "days": 3}', "call_0a1b2c3d4")
SAMPLE = 'Like `<tool_call>`:\n<tool_call>{"name": "ping", "arguments": {}'
PING = Toolset.compile((ToolDefinition("ping", "", {"type": "object"}),))


class Kind(Struct, frozen=True):
    """Facts about every grammar of a kind.

    Attributes:
        name: the name in `toolgate extract --explain`.
        early: the parts of a call that are known before it has ended.
        tolerated: deviations from the form that are read.
    """

    name: str
    early: str
    tolerated: tuple[str, ...]


_JSON = ("near-JSON", "brackets missing at the end", "a missing closer", "arguments inside a JSON string")
KINDS: dict[type[Grammar], Kind] = {
    EnvelopeGrammar: Kind("envelope", "arguments behind their name, as they come", _JSON),
    NamedGrammar: Kind("named", "arguments, as they come", _JSON),
    TaggedGrammar: Kind(
        "tagged",
        "strings as they come, other values one by one",
        (
            "missing closing tags",
            "values in near-JSON or Python",
            "a JSON object as body",
            "all arguments inside one",
            "a list as repeated arguments",
        ),
    ),
    ElementsGrammar: Kind(
        "elements", "nothing: a later element may make a list of an earlier one", ("missing closing tags",)
    ),
    PythonGrammar: Kind(
        "python",
        "argument by argument",
        (
            "JSON's words",
            "unescaped quotes",
            "other forms of numbers",
            "tuples and sets",
            "positional arguments",
            "brackets missing at the end",
        ),
    ),
    BraceGrammar: Kind(
        "brace",
        "argument by argument",
        ("strings in other quotes or in none", "arguments in parentheses", "brackets missing at the end"),
    ),
    MessageGrammar: Kind("message", "arguments, as they come", (*_JSON, "headers with parts missing or swapped")),
    PayloadGrammar: Kind("payload", "nothing: the text must have ended", ("near-JSON", "brackets missing at the end")),
    DecisionGrammar: Kind(
        "decision",
        "the answer's text and arguments, as they come",
        ("near-JSON", "brackets missing at the end", "a code fence around it"),
    ),
}

# What the attributes of a grammar change; where several are set, the first counts.
EARLY = {
    "echo": "nothing: it is not a call",
    "nothing_after": "nothing: the text must have ended",
    "bare": "nothing before the block has ended",
}
TOLERATED = {
    "yaml": "a YAML body",
    "entities": "XML entities and CDATA, decoded once",
    "property_tags": "tags named after parameters",
    "fenced": "a code fence around it",
    "settled": "calls that fit their schemas only",
    "arguments_only": "arguments alone, where one tool is declared",
    "glued": "lost special tokens",
}
STANDS = {"anywhere": "anywhere", "word": "first in a word", "line": "first in a line", "head": "first in the text"}


def code(text: str) -> str:
    """Return a code span that shows `text`."""
    text = text.replace("\n", "\\n")
    fence = "``" if "`" in text else "`"
    pad = " " if text.startswith((" ", "`")) or text.endswith((" ", "`")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = tuple(head)
    body = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body)


def kind(grammar: AnyGrammar) -> Kind:
    """Return the kind of a grammar."""
    return KINDS[type(grammar)]


def early(grammar: AnyGrammar) -> str:
    """Return the parts of a call that are known before it has ended."""
    return next(
        (what for name, what in EARLY.items() if getattr(grammar, name, False) not in (False, "", "never")),
        kind(grammar).early,
    )


def tolerated(grammar: AnyGrammar) -> str:
    """Return the deviations from the form that are read."""
    more = (what for name, what in TOLERATED.items() if getattr(grammar, name, False) not in (False, "", "never"))
    return ", ".join((*kind(grammar).tolerated, *more))


def opener(grammar: AnyGrammar) -> str:
    """Return the markers by which a grammar is found."""
    markers = [*(f"<{tag}>" for tag in grammar.tags), *grammar.tokens]
    return " ".join(map(code, markers)) if markers else "none"


def stands(grammar: AnyGrammar) -> str:
    """Return where the openers count."""
    place = STANDS[grammar.where] if grammar.tags or grammar.tokens else STANDS["head"]
    return f"{place}, also in code" if grammar.special else place


def reasoning(dialect: Dialect) -> str:
    """Return the markers of reasoning besides `<think>`."""
    forms = [f"{code(form.open)}…{code(form.close)}" for form in dialect.reasoning]
    channels = {
        name for grammar in dialect.grammars if isinstance(grammar, MessageGrammar) for name in grammar.reasoning
    }
    return ", ".join((*forms, *(f"messages of {code(name)}" for name in sorted(channels))))


def unasked(dialect: Dialect) -> str:
    """Return whether the forms are looked for whichever dialect was asked for: yes, partly or no."""
    asked = [grammar.auto for grammar in dialect.grammars]
    return "yes" if all(asked) else "partly" if any(asked) else "no"


def named() -> list[Dialect]:
    """Return all dialects that have their own form, in the order of the table."""
    return [dialect for dialect in DIALECTS.values() if dialect.grammars]


def dialects_table() -> str:
    """Return one line for each dialect."""
    lines = [
        [
            f"[{code(dialect.name)}](#{dialect.name})",
            ", ".join(map(code, dialect.aliases)),
            dialect.models,
            ", ".join(dict.fromkeys(kind(grammar).name for grammar in dialect.grammars)),
            unasked(dialect),
            reasoning(dialect),
        ]
        for dialect in named()
    ]
    return table(("dialect", "aliases", "models", "forms", "unasked", "reasoning"), lines)


def kinds_table() -> str:
    """Return one line for each kind of grammar."""
    lines = [
        [of.name, (cls.__doc__ or "").partition("\n")[0], of.early, ", ".join(of.tolerated)]
        for cls, of in KINDS.items()
    ]
    return table(("form", "what it is", "known before the call has ended", "also read"), lines)


def section(dialect: Dialect) -> str:
    """Return the section of one dialect."""
    rows = [
        [kind(grammar).name, opener(grammar), stands(grammar), "yes" if grammar.auto else "no", early(grammar),
         tolerated(grammar)]
        for grammar in dialect.grammars
    ]  # fmt: skip
    head = ("form", "opener", "counts", "unasked", "known before the call has ended", "also read")
    example = dialect.render_calls([CALL]).strip("\n")
    return f"### {dialect.name}\n\n````text\n{example}\n````\n\n{table(head, rows)}"


def explained() -> str:
    """Return the lines of `toolgate extract --explain` for the sample."""
    reader = Reader(dialect="auto", finish="stop", step=None, explain=True)
    found, _ = reader.read(SAMPLE, PING)
    return "\n".join(f"explain: {line}" for line in found.explain or ())


def page() -> str:
    """Return the whole page."""
    parts = {
        "dialects": dialects_table(),
        "kinds": kinds_table(),
        "sample": SAMPLE.replace("\n", "\\n"),
        "explained": explained(),
        "sections": "\n\n".join(map(section, named())),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], TEXT.read_text(encoding="utf-8"))


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the page differs from the table")
    wanted = page()
    if parser.parse_args().check:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != wanted:
            print("docs/dialects.md differs from the table of dialects; run `make generate`", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
