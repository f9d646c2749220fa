"""Remembering what was made from a text."""

from functools import lru_cache

from toolgate_core.limits import MAX_REMEMBERED_BYTES
from toolgate_core.recall import recall


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
