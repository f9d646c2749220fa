"""Notation: signs with one reading are rewritten, what has two is left for a hint."""

from __future__ import annotations

import pytest
from toolgate_tool_executor.notation import grouped_digits, hint_for, normalise


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2^3", "2**3"),
        ("6×7÷2−1", "6*7/2-1"),
        ("3·4⋅5", "3*4*5"),
        ("√2", "sqrt(2)"),
        ("√2.5+√x", "sqrt(2.5)+sqrt(x)"),
        ("√(2+2)", "sqrt(2+2)"),
        ("2*π", "2* pi"),
        ("2²+x⁻¹⁰", "2**(2)+x**(-10)"),
        ("3*½", "3*(1/2)"),
        ("１２＋（３）", "12+(3)"),
        ("log₂(8)", "log2(8)"),
        ("1\n+\t2", "1 + 2"),
        ("1≤2", "1<=2"),
        ("  1 ", "1"),
        ("", ""),
    ],
)
def test_sign_is_rewritten(written: str, meant: str) -> None:
    assert normalise(written) == meant


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("1,000+1", "1,000"),
        ("2*12,345,678", "12,345,678"),
        ("100,200", "100,200"),
        ("sqrt(1,024)", "1,024"),
        ("sqrt(12,004)", "12,004"),
        ("max(100,200)", None),
        ("[100,200,300]", None),
        ("max(1, 2)", None),
        ("1000", None),
        ("pow(2,10)", None),
    ],
)
def test_thousands_separator_is_found_where_it_is_none_of_a_list(expression: str, number: str | None) -> None:
    assert grouped_digits(expression) == number


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("10% of 50", "percent"),
        ("50*10%", "percent"),
        ("5!", "factorial"),
        ("2+2=", "without ="),
        ("x=5", "without ="),
        ("2(3)", "multiplication"),
        ("(1)(2)", "multiplication"),
        ("2x", "multiplication"),
        ("2 pi", "multiplication"),
        ("10 mod 3", "10 % 3"),
    ],
)
def test_hint_says_what_to_write_instead(expression: str, word: str) -> None:
    assert word in hint_for(expression)


@pytest.mark.parametrize("expression", ["1+1", "2e5", "2==2", "3!=4", "1<=2", "10%3", "sqrt(4)", "atan2(1, 2)"])
def test_nothing_is_hinted_where_nothing_is_known_to_be_wrong(expression: str) -> None:
    assert hint_for(expression) == ""
