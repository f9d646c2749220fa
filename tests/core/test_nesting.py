"""The depth of JSON text, found without building its value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonValue, encode_str
from toolgate_core.nesting import bytes_deeper_than, deeper_than, outside_strings

VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=20,
)


def depth(value: JsonValue) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0


@given(VALUES, st.integers(0, 6))
def test_the_depth_is_that_of_the_value(value: JsonValue, limit: int) -> None:
    assert deeper_than(encode_str(value), limit) == (depth(value) > limit)


@pytest.mark.parametrize(
    ("text", "limit", "deeper"),
    [
        ("[" * 5, 4, True),
        ("[" * 5, 5, False),
        ("[[]" * 5, 5, False),
        ("[[]" * 6, 5, True),
        ("]" * 9 + "[]", 1, False),
        ('{"a": "[[[[[[["}', 2, False),
        ('"\\"[[[[[[["', 2, False),
        ('"\ud800[[[["[[[[', 3, True),
        ("[]" * 500_000, 1, False),
        ("[" * 500_000 + "]" * 500_000, 128, True),
    ],
)
def test_brackets_in_strings_and_adjacent_ones_do_not_count(text: str, limit: int, deeper: bool) -> None:
    assert deeper_than(text, limit) is deeper


def test_what_strings_hold_is_left_out() -> None:
    assert outside_strings(b'{"a\\"b": ["\\\\", 1], "[": "]"}') == b"{: [, 1], : }"


def test_few_brackets_are_never_deep() -> None:
    assert not bytes_deeper_than(b"[[]]", 2)
    assert bytes_deeper_than(b"[[]]", 1)
