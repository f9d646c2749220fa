"""The cache keeps what was used last, within its bounds."""

from __future__ import annotations

import threading

import pytest
from toolgate_core.cache import Cache


class Builder:
    """Builds the double of a key, and records what it built."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def __call__(self, key: str) -> str:
        self.built.append(key)
        if key == "bad":
            raise ValueError(key)
        return key * 2


def caching(max_cost: int = 1_000, max_entries: int | None = None) -> tuple[Cache[str, str], list[str]]:
    build = Builder()
    cache = Cache(build, cost=lambda key, value: len(key) + len(value), max_cost=max_cost, max_entries=max_entries)
    return cache, build.built


def test_a_value_is_built_once() -> None:
    cache, built = caching()
    assert [cache.get("a"), cache.get("a"), cache.get("b")] == ["aa", "aa", "bb"]
    assert built == ["a", "b"]
    assert (cache.hits, cache.misses, len(cache)) == (1, 2, 2)


def test_the_least_recently_used_is_evicted_by_cost() -> None:
    cache, built = caching(max_cost=9)
    assert [cache.get(key) for key in ("a", "b", "a", "c", "d", "a")] == ["aa", "bb", "aa", "cc", "dd", "aa"]
    assert built == ["a", "b", "c", "d"]
    assert cache.get("b") == "bb"
    assert built == ["a", "b", "c", "d", "b"]


def test_the_least_recently_used_is_evicted_by_number() -> None:
    cache, built = caching(max_entries=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key)
    assert built == ["a", "b", "c", "b"]


def test_several_small_values_make_room_for_a_large_one() -> None:
    cache, _ = caching(max_cost=12)
    for key in ("aa", "bb", "ccc"):
        cache.get(key)
    assert [cache.peek(key) for key in ("aa", "bb", "ccc")] == [None, None, "cccccc"]


def test_a_value_over_the_bound_is_returned_and_evicts_nothing() -> None:
    cache, built = caching(max_cost=9)
    assert [cache.get(key) for key in ("aaa", "long", "long", "aaa")] == ["aaaaaa", "longlong", "longlong", "aaaaaa"]
    assert built == ["aaa", "long", "long"]


def test_an_error_is_raised_and_not_remembered() -> None:
    cache, built = caching()
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            cache.get("bad")
    assert (built, len(cache)) == (["bad", "bad"], 0)


def test_peeking_builds_nothing_and_does_not_count_as_use() -> None:
    cache, built = caching(max_entries=2)
    assert cache.peek("a") is None
    for key in ("a", "b"):
        cache.get(key)
    assert cache.peek("a") == "aa"
    cache.get("c")
    assert (cache.peek("a"), built) == (None, ["a", "b", "c"])


def test_threads_share_a_cache_within_its_bounds() -> None:
    cache, _ = caching(max_entries=3)
    found: list[bool] = []

    def use() -> None:
        keys = [str(number % 7) for number in range(2_000)]
        found.append(all(cache.get(key) == key * 2 for key in keys))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, len(cache)) == ([True] * 4, 3)
    assert cache.hits + cache.misses == 8_000
