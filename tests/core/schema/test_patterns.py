"""The cost of a regular expression, estimated from its text."""

from __future__ import annotations

import pytest
from toolgate_core.schema.compiling import compile_schema
from toolgate_core.schema.patterns import count_search_states, count_states, needs_backtracking


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
        ("[\\s\\S]{9}", 135),
        ("[a\\\\\\W]{9}", 135),
        ("[\\\\S]{9}", 9),
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
def test_states_of_a_pattern_are_estimated(pattern: str, count: int) -> None:
    assert count_states(pattern) == count


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("^.{0,5000}$", 16),
        ("^[a-z\\]]{1,300}$", 2),
        ("^\\w{1,2000}$", 2),
        ("^[^<>]+$", 16),
        ("^\\p{L}{1,90}$", 1_001),
        (".{0,50}$", 751),
        ("^a?.{0,50}$", 753),
        ("^(.{0,5}){9}$", 677),
    ],
)
def test_a_repeated_class_that_is_all_there_is_meets_one_state_at_a_time(pattern: str, count: int) -> None:
    assert count_search_states(pattern) == count


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600"])
@pytest.mark.parametrize("pattern", ["^.{0,5000}$", "^[^<>]{1,2000}$", "^\\S{1,2000}$"])
def test_long_texts_may_be_held_against_a_long_repetition(pattern: str, letter: str) -> None:
    check = compile_schema({"pattern": pattern}, object_only=False)
    assert check.is_valid(letter * 2_000)
    assert not check.is_valid(letter * 5_001)


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "(?>a)", "a*+b", "(?(1)a)"]
)
def test_what_looks_around_or_back_needs_backtracking(pattern: str) -> None:
    assert needs_backtracking(pattern)


@pytest.mark.parametrize("pattern", ["", "^a+$", "(?:a|b)*", "[(?=]", "\\(?=", "(?<n>a)", "a+?", "\\d\\\\1", "\\"])
def test_what_does_not_is_left_to_the_linear_engine(pattern: str) -> None:
    assert not needs_backtracking(pattern)
