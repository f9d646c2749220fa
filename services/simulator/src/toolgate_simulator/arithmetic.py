"""Arithmetic in a question: its position, its expression, and its result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

# Bounded: without a bound, a thousand digits in a row cost seconds.
_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{1,30})?"
_ATOM = rf"(?:sqrt\s*\(\s*)?\(*\s*-?{_NUMBER}\s*\)*"
_OPERATOR = r"(?:\*\*|[-+*/^%×÷−])"
# Korean and Japanese particles are right after a number, so that only ASCII letters end a word here.
EXPRESSION = re.compile(
    rf"(?<![A-Za-z0-9_.,/-]){_ATOM}(?:\s*{_OPERATOR}\s*{_ATOM})+(?![A-Za-z0-9_-])"
    rf"|(?<![A-Za-z0-9_])sqrt\s*\(\s*{_NUMBER}\s*\)"
)
_TOKEN = re.compile(rf"{_NUMBER}|\*\*|sqrt|[-+*/^%()]")

# Words of arithmetic in three languages, rewritten to symbols before the expression is looked for. Order matters:
# longer phrases come first.
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), symbol)
    for pattern, symbol in (
        (r"[×✕]", "*"),
        (r"[÷]", "/"),
        (r"[−–]", "-"),
        (rf"({_NUMBER})\s*(?:%|percent|퍼센트|パーセント)\s*of\s*({_NUMBER})", r"\2 * \1 / 100"),
        (rf"({_NUMBER})\s*의\s*({_NUMBER})\s*(?:%|퍼센트)", r"\1 * \2 / 100"),
        (rf"({_NUMBER})\s*の\s*({_NUMBER})\s*(?:%|パーセント)", r"\1 * \2 / 100"),
        (rf"square root of ({_NUMBER})", r"sqrt(\1)"),
        (rf"({_NUMBER})\s*(?:의\s*제곱근|の平方根)", r"sqrt(\1)"),
        (rf"({_NUMBER})\s*(?:squared|의\s*제곱|の[2二]乗)", r"\1 ** 2"),
        (rf"({_NUMBER})\s*cubed", r"\1 ** 3"),
        (rf"({_NUMBER})\s*(?:의\s*({_NUMBER})\s*제곱|の({_NUMBER})乗)", r"\1 ** \2\3"),
        (rf"sum of ({_NUMBER}) and ({_NUMBER})", r"\1 + \2"),
        (rf"product of ({_NUMBER}) and ({_NUMBER})", r"\1 * \2"),
        (rf"difference between ({_NUMBER}) and ({_NUMBER})", r"\1 - \2"),
        (rf"(?<=\d)\s*(?:multiplied by|times|x|곱하기|かける|掛ける)\s*(?={_NUMBER})", " * "),
        (rf"(?<=\d)\s*(?:divided by|over|나누기|わる|割る|÷)\s*(?={_NUMBER})", " / "),
        (rf"(?<=\d)\s*(?:plus|더하기|플러스|足す|たす|プラス)\s*(?={_NUMBER})", " + "),
        (rf"(?<=\d)\s*(?:minus|빼기|마이너스|引く|ひく|マイナス)\s*(?={_NUMBER})", " - "),
        (rf"(?<=\d)\s*(?:to the power of|raised to)\s*(?={_NUMBER})", " ** "),
    )
)
_CUE = re.compile(
    r"what(?:'s| is|s)\b|calculat|comput|evaluat|how much|work out|solve|result|equals?\b|="
    r"|계산|얼마|몇|값|計算|いくつ|いくら|答え|求め",
    re.IGNORECASE,
)
_SURE = re.compile(r"[*+^×÷]|sqrt")
_OPERATION_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power", "%": "modulo"}
_HUGE = 10_000


@dataclass(frozen=True)
class Sum:
    """An expression found in a text: its offset in the rewritten text, and how it is written for a tool."""

    position: int
    expression: str

    @property
    def operands(self) -> list[int | float]:
        """The numbers, in order."""
        return [number(token) for token in _TOKEN.findall(self.expression) if token[0].isdigit()]

    @property
    def operation(self) -> str:
        """The name of the first operator (`add`, `multiply`, …), or `sqrt`."""
        for token in _TOKEN.findall(self.expression):
            if token in _OPERATION_NAMES:
                return _OPERATION_NAMES[token]
        return "sqrt"


def number(text: str) -> int | float:
    """Return the number that `text` writes, thousands separators or not."""
    plain = text.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def find_sums(text: str) -> list[Sum]:
    """Return the expressions of a text, left to right; dates, ranges and version numbers are none."""
    rewritten = text
    for pattern, symbol in _REWRITES:
        rewritten = pattern.sub(symbol, rewritten)
    found = []
    for match in EXPRESSION.finditer(rewritten):
        raw = match.group().strip()
        if not (_SURE.search(raw) or _CUE.search(text)):
            continue
        expression = _written(raw)
        if _balanced(expression) and evaluate(expression) is not None:
            found.append(Sum(match.start(), expression))
    return found


def _written(raw: str) -> str:
    """Write an expression as ASCII: as it stood where it already is, else with one space around operators."""
    if "," in raw or "^" in raw:
        raw = raw.replace(",", "").replace("^", "**")
    return re.sub(r"\s+", " ", raw)


def _balanced(expression: str) -> bool:
    return expression.count("(") == expression.count(")")


def evaluate(expression: str) -> str | None:
    """Return what an expression comes to, as text with at most six decimals; None when it means nothing."""
    reader = _Reader(_TOKEN.findall(expression.replace("^", "**")))
    try:
        value = reader.sum()
    except (ValueError, ZeroDivisionError, IndexError, OverflowError):
        return None
    if reader.left():
        return None
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6f}".rstrip("0")


class _Reader:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[:200]
        self._at = 0

    def left(self) -> bool:
        return self._at < len(self._tokens)

    def _take(self, *wanted: str) -> str:
        if self.left() and self._tokens[self._at] in wanted:
            self._at += 1
            return self._tokens[self._at - 1]
        return ""

    def sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+", "-"):
            other = self._product()
            value = value + other if sign == "+" else value - other
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while sign := self._take("*", "/", "%"):
            other = self._power()
            value = value * other if sign == "*" else value / other if sign == "/" else value % other
        return value

    def _power(self) -> Fraction:
        if self._take("-"):
            return -self._power()
        base = self._atom()
        if self._take("**"):
            exponent = self._power()
            if exponent.denominator != 1 or abs(exponent) > _HUGE or base.numerator.bit_length() > _HUGE:
                raise ValueError
            return Fraction(base**exponent.numerator)
        return base

    def _atom(self) -> Fraction:
        if self._take("sqrt"):
            return Fraction(float(self._atom()) ** 0.5).limit_denominator(10**9)
        if self._take("("):
            value = self.sum()
            if not self._take(")"):
                raise ValueError
            return value
        token = self._tokens[self._at]
        self._at += 1
        return Fraction(token.replace(",", ""))
