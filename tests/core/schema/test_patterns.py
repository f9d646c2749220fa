"""What a regular expression costs, told from its text."""

from __future__ import annotations

import pytest
from toolgate_core.schema.patterns import needs_backtracking, states


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("", 0),
        ("^abc$", 5),
        ("a|b", 3),
        ("[a-z]", 1),
        ("[^a]", 15),
        (".", 15),
        ("\\d\\D\\.", 17),
        ("ä", 15),
        ("a{5}", 5),
        ("a{2,7}", 7),
        ("a{3,}", 3),
        ("a{0}", 1),
        ("a*b+?c?", 3),
        ("(ab){3}", 6),
        ("(?:a(b|c){2}){10}", 70),
        ("((a{10}){10}){10}", 1_000),
        ("^0\\p{L}{200}$", 200_003),
        ("[\\p{L}\\p{N} ]{3}", 3_000),
        ("(?i)a", 2),
        ("(?<year>\\d{4})", 4),
        ("(((a", 1),
        ("a)))b", 2),
        ("[]a]", 1),
        ("[abc", 1),
        ("a{x}", 4),
        ("a{99999999999999999999}", 999_999_999),
        ("(((a{9999}){9999}){9999}){9999}", 10**9),
        ("(" * 100_000 + "a", 1),
        ("a" * 100_000, 100_000),
    ],
)
def test_states_are_about_what_the_engine_makes(pattern: str, count: int) -> None:
    assert states(pattern) == count


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "(?>a)", "a*+b", "(?(1)a)"]
)
def test_what_looks_around_or_back_needs_backtracking(pattern: str) -> None:
    assert needs_backtracking(pattern)


@pytest.mark.parametrize("pattern", ["", "^a+$", "(?:a|b)*", "[(?=]", "\\(?=", "(?<n>a)", "a+?", "\\d\\\\1", "\\"])
def test_what_does_not_is_left_to_the_linear_engine(pattern: str) -> None:
    assert not needs_backtracking(pattern)
