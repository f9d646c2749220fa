"""Attacks with bodies, schemas and arguments: each is refused or served, and no other client waits for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.attacks.driver import Attacked, attacked, shown
from tests.support.upstream import Reply, Request, answer, completion

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

USER = {"role": "user", "content": "hi"}


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}, separators=(",", ":")).encode()


def tool(parameters: Any, name: str = "t") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def script(request: Request) -> Reply:
    """An upstream whose model says what the request's `user` field says, as native arguments; else a word."""
    if request.method == "GET":
        return answer({"object": "list", "data": [{"id": "m", "object": "model"}]})
    said = json.loads(request.body).get("user", "")
    if not said:
        return answer(completion({"content": "yes"}))
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": said}}
    return answer(completion({"content": None, "tool_calls": [call]}, "tool_calls"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Attacked]:
    async with attacked(script, request_timeout_ms=20_000) as running:
        yield running


async def test_plain_question_is_served_and_livez_answers(
    gateway: Attacked, record_property: Callable[[str, object], None]
) -> None:
    async with gateway.watched("one plain question") as cost:
        found = await gateway.post(chat(tools=[tool({"type": "object"})]))
        cost.statuses.append(found.status)
    shown(cost, record_property)
    assert found.status == 200


def numbered(count: int, value: Any) -> dict[str, Any]:
    return {f"p{place}": value for place in range(count)}


def props(**named: Any) -> dict[str, Any]:
    return {"type": "object", "properties": named}


def with_schema(schema: dict[str, Any]) -> bytes:
    return chat(tools=[tool(schema)])


def as_format(schema: dict[str, Any]) -> bytes:
    described = {"name": "answer", "schema": schema}
    return chat(response_format={"type": "json_schema", "json_schema": described})


def history(calls: int) -> bytes:
    made = [{"id": f"c{n}", "type": "function", "function": {"name": "t", "arguments": "{}"}} for n in range(calls)]
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": "x"} for n in range(calls)]
    return chat(messages=[USER, {"role": "assistant", "content": None, "tool_calls": made}, *results])


def long_history(turns: int) -> bytes:
    messages: list[Any] = [USER]
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "t", "arguments": '{"a": [1, {"b": 2}]}'}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{turn}", "content": "x"},
        ]
    return chat(messages=messages, tools=[tool({"type": "object"})])


def field(value: bytes) -> bytes:
    return chat(tools=[tool({"type": "object"})])[:-1] + b',"metadata":' + value + b"}"


WIDE = "^0\\p{L}{200}$"
SCHEMA = "tools[0].function.parameters"
BAD = "invalid_function_parameters"

# name: body, status, param, code
REFUSED: dict[str, tuple[bytes, str | None, str | None]] = {
    "C3 type of 40,000 [": (with_schema(props(a={"type": "[" * 40_000})), SCHEMA, BAD),
    "C3 type of 1 MB of <": (with_schema(props(a={"type": "<" * 1_000_000})), SCHEMA, BAD),
    "C3 type, list of 300,000": (with_schema(props(a={"type": ["string"] * 300_000})), SCHEMA, BAD),
    "C3 type in response_format": (
        as_format(props(a={"type": "[" * 40_000})),
        "response_format.json_schema.schema",
        "invalid_json_schema",
    ),
    "C4 20,000 calls in one message": (history(20_000), "messages[1].tool_calls", "array_above_max_length"),
    "C4 100,000 calls in one message": (history(100_000), "messages", "too_many_values"),
    "C5 30 wide patterns": (with_schema(props(**numbered(30, {"pattern": WIDE}))), SCHEMA, BAD),
    "C5 60 in patternProperties": (
        with_schema({"type": "object", "patternProperties": {WIDE + "x" * n: {} for n in range(60)}}),
        SCHEMA,
        BAD,
    ),
    "C5 30 in response_format": (
        as_format(props(**numbered(30, {"pattern": WIDE}))),
        "response_format.json_schema.schema",
        "invalid_json_schema",
    ),
    "C5 nested repetition": (with_schema(props(a={"pattern": "((((a{99}){99}){99}){99})"})), SCHEMA, BAD),
    "C7 10 MB of []": (field(b"[" + b",".join([b"[]"] * 3_300_000) + b"]"), "metadata", "too_many_values"),
    'C7 10 MB of {"a":1}': (field(b"[" + b",".join([b'{"a":1}'] * 1_250_000) + b"]"), "metadata", "too_many_values"),
    "C7 10 MB of short strings": (field(b"[" + b",".join([b'"a"'] * 2_500_000) + b"]"), "metadata", "too_many_values"),
    "C7 1,000,000 nested [": (field(b"[" * 1_000_000 + b"]" * 1_000_000), None, None),
    "C8 20,000 properties": (with_schema(props(**numbered(20_000, {"type": "string"}))), SCHEMA, BAD),
    "C8 enum of 200,000": (with_schema(props(a={"enum": [f"v{n}" for n in range(200_000)]})), SCHEMA, BAD),
    "M5 reference with 4,400 digits": (
        with_schema({"type": "object", "anyOf": [{}], "properties": {"a": {"$ref": "#/anyOf/" + "9" * 4_400}}}),
        SCHEMA,
        BAD,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_would_cost_much_is_refused(
    gateway: Attacked, record_property: Callable[[str, object], None], name: str
) -> None:
    body, param, code = REFUSED[name]
    async with gateway.watched(name) as cost:
        found = await gateway.post(body)
        cost.statuses.append(found.status)
    shown(cost, record_property)
    assert found.status == 400
    assert (found.error["param"], found.error["code"]) == (param, code)
    assert len(found.body) < 2_000
    assert cost.livez_s < 5
    assert cost.rss_after - cost.rss_before < 300


def asked(schema: dict[str, Any], arguments: Any) -> bytes:
    """A request whose model calls `t` with these arguments."""
    return chat(tools=[tool(schema)], user=arguments if isinstance(arguments, str) else json.dumps(arguments))


def union(*members: Any) -> dict[str, Any]:
    return {"anyOf": list(members)}


PARTS = [f"v{place}" for place in range(600)]
NAMES = [f"r{place}" for place in range(1_500)]
DEEP: Any = {"type": "string", "maxLength": 1}
for _ in range(10):
    DEEP = union(DEEP, {"type": "integer"}, {"const": "y"})

# name: body, and the statuses that may come: served, or a call that does not settle
SERVED: dict[str, tuple[bytes, set[int]]] = {
    "C4 5,000 turns": (long_history(5_000), {200}),
    "C5 a look-ahead, 20 in a list": (
        asked(props(l={"items": {"pattern": "^(?=.*[A-Z])(?=.*\\d).{8,}$"}}), {"l": ["Abcdefg1"] * 20}),
        {200},
    ),
    "C5 patterns that just pass, 40 tools": (
        chat(tools=[tool(props(a={"pattern": "^\\p{L}{9}$"}), f"t{n}") for n in range(40)]),
        {200},
    ),
    "C6 (x+x+)+y(?!z), 25 strings, a member fits": (
        asked(props(l={"items": union({"pattern": "(x+x+)+y(?!z)"}, {"type": "string"})}), {"l": ["x" * 60] * 25}),
        {200},
    ),
    "C6 ^(?=x)(x*)*\\1y$, 25 strings": (
        asked(props(l={"items": {"pattern": "^(?=x)(x*)*\\1y$"}}), {"l": ["x" * 60] * 25}),
        {200, 502},
    ),
    "C6 3,000 strings": (
        asked(props(l={"items": {"pattern": "(x+x+)+y(?!z)"}}), {"l": ["x" * 40] * 3_000}),
        {200, 502},
    ),
    "C6 patternProperties": (
        asked({"type": "object", "patternProperties": {"(x+x+)+y(?!z)": {}}}, {"x" * n: 1 for n in range(30, 90)}),
        {200, 502},
    ),
    "C7 5 MB of tools, 128 x 300 properties": (
        chat(
            tools=[
                tool(props(**numbered(300, {"type": "string", "description": "x" * 80})), f"t{n}") for n in range(128)
            ]
        ),
        {200},
    ),
    "C8 enum of 600 x 600 items": (asked(props(l={"items": {"enum": PARTS}}), {"l": ["V7"] * 600}), {200, 502}),
    "C8 enum of 1,000 x 1,000 items": (
        asked(props(l={"items": {"enum": [f"v{n}" for n in range(1_000)]}}), {"l": ["V7"] * 1_000}),
        {200, 502},
    ),
    "C8 mixed enum of 10,000 x 10,000": (
        asked(props(l={"items": {"enum": [*range(9_999), "a"]}}), {"l": [10_000] * 10_000}),
        {200, 502},
    ),
    "C8 1,500 required x 1,500 keys": (
        asked({"type": "object", "required": NAMES}, {f"k{n}": "x" * 20 for n in range(1_500)}),
        {200, 502},
    ),
    "C8 deep anyOf x 2,000 strings": (asked(props(l={"items": DEEP}), {"l": ["xx"] * 2_000}), {200, 502}),
    "C8 1 MB of quotes": (asked(props(a={"type": "string"}), '{"a": ' + '"' * 1_000_000), {200, 502, 504}),
    "C8 1 MB of brackets": (asked({"type": "object"}, '{"a": ' + "[]," * 330_000 + "1}"), {200, 502}),
}


@pytest.mark.parametrize("mode", ["auto", "emulate"])
@pytest.mark.parametrize("name", SERVED)
async def test_large_work_does_not_block_other_requests(
    gateway: Attacked, record_property: Callable[[str, object], None], name: str, mode: str
) -> None:
    body, statuses = SERVED[name]
    path = "/v1/chat/completions" if mode == "auto" else "/emulate/v1/chat/completions"
    async with gateway.watched(f"{name}, {mode}"[:60]) as cost:
        found = await gateway.post(body, path)
        cost.statuses.append(found.status)
    shown(cost, record_property)
    assert found.status in statuses | ({502} if mode == "emulate" else set())
    assert cost.livez_s < 5
    assert cost.rss_after - cost.rss_before < 400


async def test_caches_are_bounded_by_what_they_hold(
    gateway: Attacked, record_property: Callable[[str, object], None]
) -> None:
    async with gateway.watched("C5 60 different toolsets with wide patterns") as cost:
        for number in range(60):
            found = await gateway.post(with_schema(props(**{f"n{number}": {"pattern": "^\\p{L}{140}$"}})))
            cost.statuses[:] = [found.status]
            assert found.status == 200
    shown(cost, record_property)
    assert cost.rss_after - cost.rss_before < 600
