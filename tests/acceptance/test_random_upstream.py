"""An upstream whose constrained answers are random values of the schema it was sent: nothing breaks or leaks."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import pytest_asyncio
from toolgate_cli.stack import Stack

from tests.acceptance.driver import Driver, Outcome
from tests.acceptance.scripted import ScriptedUpstream, scripted_upstream
from tests.acceptance.stacks import embedded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

COUNT = 240
CONCURRENCY = 16
DEADLINE_S = 30

SCHEMAS: dict[str, dict[str, Any]] = {
    "nothing": {"type": "object", "properties": {}},
    "closed": {"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": ["string", "null"]}},
               "required": ["id"], "additionalProperties": False},
    "open": {"type": "object"},
    "text": {"type": "object", "properties": {"html": {"type": "string"}, "lang": {"enum": ["en", "ko", "007", 7, None]}},
             "required": ["html"]},
    "nested": {"type": "object", "properties": {
        "filter": {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
                                                    "deep": {"type": "object", "properties": {"x": {"type": "number"}}}}},
        "items": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}}},
        "required": ["filter", "items"]},
    "tree": {"type": "object", "properties": {"root": {"$ref": "#/$defs/node"}}, "required": ["root"], "$defs": {
        "node": {"type": "object", "properties": {"value": {"type": "string"},
                                                  "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}},
                 "required": ["value"], "additionalProperties": False}}},
    "bounds": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 14},
                                                "s": {"type": "string", "minLength": 2, "maxLength": 9},
                                                "big": {"type": "integer", "minimum": 9007199254740992}},
               "required": ["n", "s", "big"]},
    "map": {"type": "object", "properties": {"headers": {"type": "object", "additionalProperties": {"type": "string"}}},
            "required": ["headers"]},
}  # fmt: skip
# How a call begins in the text of `random-text`; the closers alone are prose, but for a token that ends a turn where
# nothing but such tokens follows.
LEAKS = ("<tool_call>{", "<function_calls>\n<invoke", "<|channel|>commentary to=")
LAST = re.compile(r"(?:\s*<\|call\|>)+\s*\Z")
VALIDATORS = {name: jsonschema_rs.validator_for(schema) for name, schema in SCHEMAS.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as serving:
        yield serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def driver(upstream: ScriptedUpstream) -> AsyncIterator[Driver]:
    async with embedded(upstream.url) as stack, aiohttp.ClientSession() as session:
        yield Driver(session, stack.url)


def request(case: int, choice: str) -> dict[str, Any]:
    random = Random(case)
    names = random.sample(list(SCHEMAS), random.randint(1, 4))
    chosen: Any = {"type": "function", "function": {"name": names[0]}} if choice == "named" else choice
    return {
        "model": "random",
        "messages": [{"role": "user", "content": f"case-{case}: do what you like."}],
        "tools": [{"type": "function", "function": {"name": name, "parameters": SCHEMAS[name]}} for name in names],
        "tool_choice": chosen,
        "parallel_tool_calls": case % 3 != 0,
    }


def problems(body: dict[str, Any], outcome: Outcome, written: list[str]) -> list[str]:
    """Return the flaws of an answer, given the upstream's text for it."""
    found = list(outcome.flaws)
    answer, calls = read(written[-1])
    valid = [call for call in calls if fits(*call)]
    if outcome.error is not None:
        # A grammar does not express a schema's bounds, so all attempts may have broken them. The error says so, and no
        # more.
        excused = outcome.error["code"] == "tool_call_unavailable" and calls and not fits(*calls[0])
        return found if excused and not outcome.calls else [*found, f"status {outcome.status}: {outcome.error}"]
    declared = {tool["function"]["name"] for tool in body["tools"]}
    delivered = [(name, json.loads(text)) for name, text in outcome.calls]
    found += [f"invalid call {call}" for call in delivered if call[0] not in declared or not fits(*call)]
    if delivered != (valid if body["parallel_tool_calls"] else valid[:1]):
        found.append(f"delivered {delivered}, written {calls}")
    if outcome.content != answer:
        found.append(f"content {outcome.content!r}, written {answer!r}")
    return found


def fits(name: str, arguments: Any) -> bool:
    return VALIDATORS[name].is_valid(arguments)


def read(written: str) -> tuple[str | None, list[tuple[str, Any]]]:
    """Return the answer and the calls in what the upstream wrote: a decision, or native calls."""
    said = json.loads(written)
    if isinstance(said, list):
        return None, [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in said]
    return said.get("answer"), [(call["name"], call["arguments"]) for call in said.get("calls", ())]


async def check(driver: Driver, upstream: ScriptedUpstream, cases: list[tuple[dict[str, Any], str, bool]]) -> None:
    """Ask everything; every answer must be valid, and match the upstream's text."""
    limit = asyncio.Semaphore(CONCURRENCY)
    bad: list[str] = []
    served: Counter[str] = Counter()

    async def one(body: dict[str, Any], mode: str, stream: bool) -> None:
        case = body["messages"][0]["content"].split(":")[0].removeprefix("case-")
        async with limit, asyncio.timeout(DEADLINE_S):
            outcome = await driver.ask(body, mode=mode, stream=stream)
        served[str(outcome.facts.get("strategy"))] += 1
        bad.extend(
            f"case {case} {mode} {stream}: {problem}" for problem in problems(body, outcome, upstream.written[case])
        )

    await asyncio.gather(*(one(*case) for case in cases))
    assert bad == [], "\n".join(bad[:10]) + f"\n{len(bad)} in all; served by {dict(served)}"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("choice", ["required", "named", "auto"])
async def test_random_decisions_are_delivered_exactly_or_not_at_all(
    choice: str, stream: bool, driver: Driver, upstream: ScriptedUpstream
) -> None:
    base = (1 + ["required", "named", "auto"].index(choice)) * 1_000_000 + stream * 500_000
    # Under auto a model that ignores tools may answer in text for good: only emulation asks it for a decision.
    modes = ("emulate",) if choice == "auto" else ("auto", "emulate")
    cases = [(request(base + n, choice), modes[n % len(modes)], stream) for n in range(COUNT)]
    await check(driver, upstream, cases)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_random_native_calls_are_delivered_exactly(
    stream: bool, driver: Driver, upstream: ScriptedUpstream
) -> None:
    base = 9_000_000 + stream * 500_000
    cases = [({**request(base + n, "auto"), "model": "random-native"}, "auto", stream) for n in range(COUNT)]
    await check(driver, upstream, cases)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_random_prose_and_markup_bring_valid_calls_text_or_a_clear_error(
    stream: bool, driver: Driver, upstream: ScriptedUpstream
) -> None:
    base = 12_000_000 + stream * 500_000
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(case: int) -> list[str]:
        # One in two declares the tool that the markup calls.
        tool = {"name": "save" if case % 2 else "tree", "parameters": {"type": "object"}}
        body = {
            "model": "random-text",
            "messages": [{"role": "user", "content": f"case-{case}: do what you like."}],
            "tools": [{"type": "function", "function": tool}],
        }
        async with limit, asyncio.timeout(DEADLINE_S):
            outcome = await driver.ask(body, stream=stream)
        found = list(outcome.flaws)
        found += [
            f"call {call}" for call in outcome.calls if call[0] != "save" or not isinstance(json.loads(call[1]), dict)
        ]
        found += [f"leaked {mark}" for mark in LEAKS if mark in (outcome.content or "")]
        first = upstream.written[str(case)][0]
        if not any(mark in first for mark in LEAKS) and (outcome.content or "") != LAST.sub("", first):
            found.append(f"content {outcome.content!r}, written {first!r}")
        if outcome.error is not None and outcome.error["code"] != "tool_call_unavailable":
            found.append(f"status {outcome.status}: {outcome.error}")
        return [f"case {case}: {problem}" for problem in found]

    bad = [problem for problems in await asyncio.gather(*(one(base + n) for n in range(COUNT))) for problem in problems]
    assert bad == [], "\n".join(bad[:10])


async def test_the_same_holds_over_grpc_services(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with Stack(tmp_path, upstream=upstream.url) as stack:
        async with aiohttp.ClientSession() as session:
            cases = [
                (request(20_000_000 + n, ("required", "named", "auto")[n % 3]), "emulate", n % 2 == 0)
                for n in range(COUNT)
            ]
            await check(Driver(session, stack.gateway_url), upstream, cases)
