"""Deltas become calls, however a server numbers and repeats them."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.chunks import CallDelta
from toolgate_formats.codecs.openai_chat.calls import CallJoiner

Given = tuple[int | None, str | None, str, str, JsonObject]


def joined(deltas: list[Given]) -> tuple[CallDelta, ...]:
    joiner = CallJoiner()
    for delta in deltas:
        joiner.add(*delta)
    return joiner.take(final=True)


CASES: dict[str, tuple[list[Given], tuple[CallDelta, ...]]] = {
    "a name in pieces": (
        [(0, "a", "get_", "", {}), (0, None, "weather", "", {}), (0, None, "", '{"x":1}', {})],
        (CallDelta(0, "a", "get_weather", '{"x":1}'),),
    ),
    "one index for all": (
        [(0, "a", "f", '{"x":1}', {}), (0, "b", "f", '{"x":2}', {})],
        (CallDelta(0, "a", "f", '{"x":1}'), CallDelta(1, "b", "f", '{"x":2}')),
    ),
    "no index and no id": (
        [(None, None, "f", '{"x":1}', {}), (None, None, "f", '{"x":2}', {})],
        (CallDelta(0, None, "f", '{"x":1}'), CallDelta(1, None, "f", '{"x":2}')),
    ),
    "an index with every delta": (
        [(0, "a", "f", '{"x":', {}), (1, None, "", "1}", {}), (2, "a", "", " ", {})],
        (CallDelta(0, "a", "f", '{"x":1} '),),
    ),
    "a name repeated after part of the arguments": (
        [(0, "a", "f", '{"x":{"y":1}', {}), (0, None, "f", ',"z":{}}', {})],
        (CallDelta(0, "a", "f", '{"x":{"y":1},"z":{}}'),),
    ),
    "another name after part of the arguments": (
        [(0, None, "f", '{"x":', {}), (0, None, "g", "{}", {})],
        (CallDelta(0, None, "f", '{"x":'), CallDelta(1, None, "g", "{}")),
    ),
    "all arguments repeated at the end": (
        [(0, "a", "f", '{"x":', {}), (0, None, "", "1}", {}), (0, "a", "f", ' {"x":1}', {})],
        (CallDelta(0, "a", "f", '{"x":1}'),),
    ),
    "arguments that are no object": (
        [(0, "a", "f", '"}', {}), (0, None, "f", '"}', {})],
        (CallDelta(0, "a", "f", '"}"}'),),
    ),
    "unknown fields": (
        [(0, "a", "f", "", {"x": 1}), (0, None, "", "{}", {"y": 2})],
        (CallDelta(0, "a", "f", "{}", {"x": 1, "y": 2}),),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_deltas_become_the_calls_that_they_describe(case: str) -> None:
    deltas, expected = CASES[case]
    assert joined(deltas) == expected


def test_a_call_is_held_until_its_name_is_complete() -> None:
    joiner = CallJoiner()
    assert (joiner.has_content, joiner.take(final=False)) == (False, ())
    joiner.add(0, "a", "f", "", {})
    assert (joiner.has_content, joiner.take(final=False)) == (False, ())
    joiner.add(1, "b", "g", "", {})
    assert (joiner.has_content, joiner.take(final=False)) == (True, (CallDelta(0, "a", "f", ""),))
    joiner.add(1, None, "", "{", {})
    assert joiner.take(final=False) == (CallDelta(1, "b", "g", "{"),)
    joiner.add(1, None, "", "}", {})
    joiner.add(0, None, "", "", {})
    assert (joiner.take(final=False), len(joiner)) == ((CallDelta(1, None, None, "}"),), 2)
