"""What the services remember about a request's tools."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonTextError
from toolgate_core.types.errors import RequestError
from toolgate_runtime.toolsets import (
    MAX_BYTES,
    DeclaredTools,
    compiled_tools,
    declared_tools,
    declared_tools_cache,
    toolset_cache,
)

TOOLS = b'[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"b":{},"a":{}}}}}]'


def padded(tools_json: bytes, to: int) -> bytes:
    """Return the same tools with white space behind them."""
    return tools_json + b" " * (to - len(tools_json))


def test_the_number_of_remembered_toolsets_is_bounded() -> None:
    cache = toolset_cache(2)
    for length in (200, 201, 202):
        cache.get(padded(TOOLS, length))
    assert [cache.peek(padded(TOOLS, length)) is None for length in (200, 201, 202)] == [True, False, False]


def test_the_sum_of_the_remembered_texts_is_bounded() -> None:
    cache = declared_tools_cache()
    for extra in range(3):
        cache.get(padded(TOOLS, MAX_BYTES // 2 - extra))
    assert len(cache) == 2


def test_a_toolset_counts_its_validators_and_its_text() -> None:
    cache = toolset_cache()
    cache.get(padded(TOOLS, MAX_BYTES))
    assert len(cache) == 0


def test_tools_that_cannot_be_compiled_are_not_remembered() -> None:
    cache = toolset_cache()
    for _ in range(2):
        with pytest.raises((JsonTextError, RequestError)):
            cache.get(b"[")
    assert len(cache) == 0


def test_no_bytes_are_no_tools() -> None:
    assert declared_tools(b"") == DeclaredTools((), b"")
    assert compiled_tools(b"").names == ()


def test_tools_are_read_as_values_and_as_the_text_that_servers_accept() -> None:
    declared = declared_tools(TOOLS)
    assert [tool.name for tool in declared.definitions] == ["f"]
    assert declared.sent == TOOLS
    assert declared_tools(b'[{"type":"function","function":{"name":"f"}}]').sent == (
        b'[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]'
    )
    assert compiled_tools(TOOLS).names == ("f",)
