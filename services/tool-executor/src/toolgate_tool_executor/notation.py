"""Arithmetic as people and models write it, rewritten as the Python that it means, with hints for what it may mean.

Rewritten are signs with one reading: × ÷ − √ π, ^ for powers, superscripts and fractions in one character. Whatever has
two readings (a comma between digits, a percent sign, a factorial mark) is refused with a hint, never guessed.
"""

from __future__ import annotations

import re
import unicodedata

_SIGNS = str.maketrans(
    {
        "×": "*",
        "✕": "*",
        "·": "*",
        "⋅": "*",
        "∙": "*",
        "÷": "/",
        "∕": "/",
        "⁄": "/",
        "−": "-",
        "–": "-",
        "﹣": "-",
        "π": " pi ",
        "∞": " inf ",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "^": "**",
        "\r": " ",
        "\n": " ",
        "\t": " ",
    }
)
_SUPERSCRIPTS = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_ROOT = re.compile(r"√\s*(\d+(?:\.\d+)?|[A-Za-z_]\w*)")
_GROUPED = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?![\d])")
_ZERO_GROUP = re.compile(r"\d,0\d\d(?!\d)")
_PERCENT = re.compile(r"%\s*(?:$|of\b|[-+*/),])")
_FACTORIAL = re.compile(r"[\d)]\s*!(?!=)")
_PRODUCT = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s*(?:\(|(?!e[-+]?\d)[A-Za-z_])|\)\s*[\d(]")
_REMAINDER = re.compile(r"\bmod(?:ulo)?\b", re.IGNORECASE)


def normalise(expression: str) -> str:
    """Return `expression` in Python's notation and in plain ASCII digits (NFKC), on one line."""
    text = _SUPERSCRIPTS.sub(_power, expression)
    # before NFKC, which would turn 3½ into 31/2
    text = "".join(_fraction(char) for char in text)
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    return _ROOT.sub(r"sqrt(\1)", text).replace("√", "sqrt").strip()


def _power(match: re.Match[str]) -> str:
    return f"**({unicodedata.normalize('NFKC', match.group()).replace('−', '-')})"


def _fraction(char: str) -> str:
    if char.isascii() or not unicodedata.decomposition(char).startswith("<fraction>"):
        return char
    return f"({unicodedata.normalize('NFKC', char)})"


def grouped_digits(expression: str) -> str | None:
    """Return the first number that is written with thousands separators, such as 1,000, or None.

    Inside brackets 100,200 may be two values, so only groups that begin with 0 count there.
    """
    depth = 0
    for position, char in enumerate(expression):
        depth += (char in "([{") - (char in ")]}")
        if char != ",":
            continue
        match = next((m for m in _GROUPED.finditer(expression) if m.start() < position < m.end()), None)
        if match and (depth <= 0 or _ZERO_GROUP.search(match.group())):
            return match.group()
    return None


def hint_for(expression: str) -> str:
    """Return what may have been meant by an expression that is not Python; empty where nothing is known."""
    if _PERCENT.search(expression):
        return "% is the remainder of a division; for 15 percent of 80 write 80*15/100"
    if _FACTORIAL.search(expression):
        return "for a factorial write factorial(5)"
    if _REMAINDER.search(expression):
        return "for the remainder of a division write 10 % 3"
    if "=" in expression.replace("==", "").replace("<=", "").replace(">=", "").replace("!=", ""):
        return "write one expression, without ="
    if _PRODUCT.search(expression):
        return "write every multiplication with *, for example 2*(3+4)"
    return ""
