"""Texts that are as hard as possible to read: deep nesting, half markers, openers and closers without end."""

from __future__ import annotations

from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import Dialect

from benchmarks.engine import call_text, render

RUNS = {
    "quotes": '"', "apostrophes": "'", "backslashes": "\\", "angles": "<", "spaces": " ", "line breaks": "\n",
    "braces": "{", "brackets": "[", "closing braces": "}", "backticks": "`", "tildes": "~", "digits": "1",
    "objects": '{"a":', "lists": "[1,", "fences": "\n```", "ticks": "` ", "tags": "<b>", "escapes": "\\u00",
}  # fmt: skip
BARE = ("quotes", "angles", "spaces", "braces", "brackets", "backticks", "tildes", "objects", "fences", "ticks", "tags")


def markers(dialect: Dialect) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the openers and closers of a dialect's own grammars."""
    openers: list[str] = []
    closers: list[str] = []
    for grammar in dialect.grammars:
        openers += [*(f"<{name}>" for name in grammar.tags), *grammar.tokens]
        closers += [*(f"</{name}>" for name in grammar.close_tags), *grammar.close_tokens]
    return tuple(openers or ("<tool_call>",)), tuple(closers or ("</tool_call>",))


def _filled(lead: str, unit: str, size: int) -> str:
    """Return `lead` and as many units as fill `size` characters."""
    return lead + unit * max(1, (size - len(lead)) // len(unit))


def _typed(name: str) -> str:
    """Return a call up to where the value of an argument begins that is not a string."""
    return render(name, '{"opt": {"VALUE": 1}}').partition("VALUE")[0].rstrip("\"'<{ ")


def hostile(name: str, size: int) -> dict[str, str]:
    """Return texts of about `size` characters for the dialect `name`, by what they are made of."""
    openers, closers = markers(DIALECTS[name])
    form = call_text(name, "VALUE")
    begun = form.before
    unknown = render(name, '{"html": "VALUE"}', "nope").partition("VALUE")[0]
    units = {unit: ("", RUNS[unit]) for unit in BARE}
    units |= {f"{unit} in a string": (begun, text) for unit, text in RUNS.items()}
    units |= {f"{unit} in a value": (_typed(name), RUNS[unit]) for unit in ("objects", "lists", "digits", "braces")}
    units |= {
        "half markers": ("", "".join(marker[:-1] for marker in openers)),
        "half openers of one kind": ("", openers[0][:-1]),
        "openers": ("", openers[0]),
        "all openers": ("", "".join(openers)),
        "closers": ("", "".join(closers)),
        "closers in a string": (begun, "".join(closers)),
        "close-like in a string": (begun, "".join(f"{marker[:-1]} " for marker in closers)),
        "half closers in a string": (begun, "".join(marker[:-1] for marker in closers)),
        "openers in a string": (begun, openers[0]),
        "calls": ("", form.text),
        "calls that begin": ("", begun),
        "calls of no tool": ("", unknown),
        "calls in text": ("", f"text {form.text} text\n"),
        "calls in a thought": ("<think>", form.text),
        "calls in a fence": ("```\n", form.text),
        "half calls in ticks": ("", f"`{begun}` "),
        "thoughts": ("", "<think>"),
        "ends of thoughts": ("", "</think>a"),
    }
    return {made: _filled(lead, unit, size) for made, (lead, unit) in units.items() if unit}
