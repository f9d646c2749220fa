"""Remembering what was made from a text."""

from functools import lru_cache

import pytest
from toolgate_core.limits import MAX_REMEMBERED_BYTES
from toolgate_core.recall import Memory, recall


def test_small_texts_are_remembered_and_large_ones_are_made_anew() -> None:
    made: list[int] = []

    @lru_cache(maxsize=2)
    def size(text: bytes, *, plus: int) -> int:
        made.append(len(text))
        return len(text) + plus

    small, large = b"x", b"x" * (MAX_REMEMBERED_BYTES + 1)
    found = [recall(size, text, plus=1) for text in (small, small, large, large)]
    assert found == [2, 2, MAX_REMEMBERED_BYTES + 2, MAX_REMEMBERED_BYTES + 2]
    assert made == [1, MAX_REMEMBERED_BYTES + 1, MAX_REMEMBERED_BYTES + 1]


def test_a_memory_keeps_what_was_asked_for_last_within_its_bound() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        if key == "bad":
            raise ValueError(key)
        return key * 2

    memory = Memory(make, lambda key, value: len(key) + len(value), 9)
    assert [memory.get(key) for key in ("a", "b", "a", "c", "d", "a")] == ["aa", "bb", "aa", "cc", "dd", "aa"]
    assert made == ["a", "b", "c", "d"]
    assert memory.get("b") == "bb"
    assert made == ["a", "b", "c", "d", "b"]
    for _ in range(2):
        assert memory.get("toolong") == "toolongtoolong"
        with pytest.raises(ValueError, match="bad"):
            memory.get("bad")
    assert made[5:] == ["toolong", "bad", "toolong", "bad"]


def test_a_look_at_a_memory_makes_nothing() -> None:
    memory = Memory(str.upper, lambda key, value: len(key) + len(value), 9)
    assert memory.peek("a") is None
    memory.get("a")
    assert memory.peek("a") == "A"


def test_what_was_used_longest_ago_makes_room() -> None:
    memory = Memory(str.upper, lambda key, value: len(value), 4)
    for key in ("aa", "bb", "ccc"):
        memory.get(key)
    assert [memory.peek(key) for key in ("aa", "bb", "ccc")] == [None, None, "CCC"]
