"""The cache remembers what was used last, within its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from toolgate_core.jsontext import JsonTextError
from toolgate_core.types.errors import RequestError
from toolgate_runtime.cache import Cache, DeclaredTools, compiled_tools, declared_tools

TOOLS = b'[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"b":{},"a":{}}}}}]'


def counting(**bounds: Any) -> tuple[Cache[str], list[bytes]]:
    built: list[bytes] = []

    def build(key: bytes) -> str:
        built.append(key)
        return key.decode()

    return Cache(build, **bounds), built


def test_a_value_is_built_once() -> None:
    cache, built = counting()
    assert [cache.get(b"a"), cache.get(b"a"), cache.get(b"b")] == ["a", "a", "b"]
    assert built == [b"a", b"b"]
    assert (cache.hits, cache.misses, len(cache)) == (1, 2, 2)


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    cache, built = counting(max_entries=2)
    for key in (b"a", b"b", b"a", b"c", b"a", b"b"):
        cache.get(key)
    assert built == [b"a", b"b", b"c", b"b"]


def test_the_sum_of_the_keys_is_bounded() -> None:
    cache, _ = counting(max_bytes=10)
    for key in (b"aaaa", b"bbbb", b"cccc"):
        cache.get(key)
    assert len(cache) == 2


def test_a_key_over_the_bound_is_served_and_pushes_nothing_out() -> None:
    cache, built = counting(max_bytes=4)
    for key in (b"aaa", b"too long", b"too long", b"aaa"):
        cache.get(key)
    assert built == [b"aaa", b"too long", b"too long"]


def test_a_failure_is_not_remembered() -> None:
    cache = Cache(compiled_tools)
    for _ in range(2):
        with pytest.raises((JsonTextError, RequestError)):
            cache.get(b"[")
    assert len(cache) == 0


def test_no_bytes_are_no_tools() -> None:
    assert declared_tools(b"") == DeclaredTools((), None)
    assert compiled_tools(b"").names == ()


def test_tools_are_read_as_values_and_as_what_goes_back_into_a_body() -> None:
    declared = declared_tools(TOOLS)
    assert [tool.name for tool in declared.definitions] == ["f"]
    value: Any = declared.value
    assert list(value[0]["function"]["parameters"]["properties"]) == ["b", "a"]
    assert compiled_tools(TOOLS).names == ("f",)
