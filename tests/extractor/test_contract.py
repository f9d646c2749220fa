"""What the extractor promises, in-process and over gRPC alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from toolgate_core.extraction import Extraction
from toolgate_core.jsontext import encode
from toolgate_core.schema import Toolset, parse_tools
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Event, ReasoningDelta, TextDelta
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import Strategy, TextEnd
from toolgate_extractor.service import DESCRIPTOR, ExtractorService
from toolgate_runtime.local import LocalExtractor
from toolgate_runtime.ports import ExtractorPort, ServiceError
from toolgate_runtime.remote import RemoteExtractor
from toolgate_runtime.toolsets import toolset_cache

from tests.services.serving import handling, serving
from tests.support.certificates import issue

TOOLS = encode(
    [
        {
            "type": "function",
            "function": {
                "name": "add",
                "parameters": {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}},
            },
        }
    ]
)
TOOLSET = Toolset.compile(parse_tools(TOOLS))
PLAN = Plan(strategy=Strategy.BRIDGE, form="dialect", dialect="hermes")
START = ScannerState()
CALL = 'Sure ☂. <tool_call>\n{"name": "add", "arguments": {"b": 9007199254740993, "a": 1}}\n</tool_call>'


def local() -> LocalExtractor:
    return LocalExtractor(toolset_cache())


def service() -> ExtractorService:
    return ExtractorService(local(), handling("extractor"))


@pytest.fixture(params=["local", "remote", "secured"])
async def extractor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ExtractorPort]:
    if request.param == "local":
        yield local()
        return
    tls_dir = issue(tmp_path / "tls", trustme.CA()) if request.param == "secured" else ""
    async with serving(service(), DESCRIPTOR, tls_dir=tls_dir) as channel:
        yield RemoteExtractor(channel)


def merged(events: Any) -> list[Event]:
    """Events with neighbouring pieces joined, which is how they mean the same."""
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ArgumentsDelta) and isinstance(last, ArgumentsDelta) and last.index == event.index:
            joined[-1] = ArgumentsDelta(event.index, last.json + event.json)
        else:
            joined.append(event)
    return joined


def whole(text: str, end: TextEnd, plan: Plan = PLAN, state: ScannerState = START) -> list[Event]:
    extraction = Extraction(plan, TOOLSET, state)
    return [*extraction.feed(text), *extraction.finish(end)]


@pytest.mark.parametrize("end", ["stop", "length", "cut"])
@pytest.mark.parametrize("text", ["", "plain", CALL, CALL[:-20], CALL + CALL])
async def test_a_whole_text_gives_the_events_of_the_core(extractor: ExtractorPort, text: str, end: TextEnd) -> None:
    for _ in range(2):  # the second time out of the cache
        assert list(await extractor.extract(PLAN, TOOLS, text, end, START, timeout_s=5)) == whole(text, end)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("end", ["stop", "length", "cut"])
async def test_a_stream_returns_the_events_of_each_piece(extractor: ExtractorPort, size: int, end: TextEnd) -> None:
    pieces = [CALL[at : at + size] for at in range(0, len(CALL), size)]
    core = Extraction(PLAN, TOOLSET)
    session = extractor.open(PLAN, TOOLS, START, timeout_s=30)
    for piece in pieces[:-1]:
        assert await session.feed(piece) == tuple(core.feed(piece))
    expected = (*core.feed(pieces[-1]), *core.finish(end))
    assert merged(await session.finish(pieces[-1], end)) == merged(expected)
    await session.aclose()


async def test_a_call_arrives_exactly(extractor: ExtractorPort) -> None:
    events = merged(await extractor.extract(PLAN, TOOLS, CALL, "stop", START, timeout_s=5))
    assert [event for event in events if isinstance(event, CallStart | ArgumentsDelta | CallEnd)] == [
        CallStart(0, "add"),
        ArgumentsDelta(0, '{"b": 9007199254740993, "a": 1}'),
        CallEnd(0),
    ]


async def test_extraction_uses_the_plan_and_the_scanner_state(extractor: ExtractorPort) -> None:
    plan = Plan(strategy=Strategy.BRIDGE, form="dialect", dialect="hermes", reasoning_open=True)
    thought = await extractor.extract(plan, TOOLS, "hm</think>yes", "stop", START, timeout_s=5)
    assert merged(thought) == [ReasoningDelta("hm"), *merged(whole("hm</think>yes", "stop", plan)[1:])]
    fenced = ScannerState(fence="```", started=True)
    assert list(await extractor.extract(PLAN, TOOLS, CALL, "stop", fenced, timeout_s=5)) == whole(
        CALL, "stop", PLAN, fenced
    )


async def test_a_native_answer_is_read_in_the_dialect_of_its_plan(extractor: ExtractorPort) -> None:
    text = "[add(a=1, b=2)]"
    for dialect, starts in (("pythonic", [CallStart(0, "add")]), ("auto", [])):
        plan = Plan(strategy=Strategy.NATIVE, form="native", dialect=dialect)
        events = await extractor.extract(plan, TOOLS, text, "stop", START, timeout_s=5)
        assert [event for event in events if isinstance(event, CallStart)] == starts


async def test_a_stream_may_end_at_once(extractor: ExtractorPort) -> None:
    session = extractor.open(PLAN, b"", START, timeout_s=5)
    assert merged(await session.finish("all of it", "stop")) == [TextDelta("all of it")]


async def test_many_streams_run_concurrently(extractor: ExtractorPort) -> None:
    sessions = [extractor.open(PLAN, TOOLS, START, timeout_s=30) for _ in range(20)]
    for place, session in enumerate(sessions):
        await session.feed(f"{place} ")
    ends = [await session.finish(CALL, "stop") for session in sessions]
    assert all(merged(events)[-1] == CallEnd(0) for events in ends)


async def test_nothing_can_be_fed_after_the_end(extractor: ExtractorPort) -> None:
    session = extractor.open(PLAN, TOOLS, START, timeout_s=5)
    await session.finish("x", "stop")
    abandoned = extractor.open(PLAN, TOOLS, START, timeout_s=5)
    await abandoned.feed("x")
    await abandoned.aclose()
    await abandoned.aclose()
    for over in (session, abandoned):
        with pytest.raises(ServiceError) as caught:
            await over.feed("y")
        assert (caught.value.reason, caught.value.message) == ("OUT_OF_ORDER", "the extraction has ended")


@pytest.mark.parametrize(
    ("plan", "tools", "reason", "message", "field"),
    [
        (
            Plan(strategy=Strategy.BRIDGE, form="dialect", dialect="klingon"),
            TOOLS,
            "UNKNOWN_DIALECT",
            "unknown dialect: klingon",
            None,
        ),
        (PLAN, b'[{"type":"function","function":{}}]', "INVALID_REQUEST", None, "tools[0].function.name"),
        (PLAN, b"[", "INVALID_REQUEST", None, "tools"),
    ],
)
async def test_both_adapters_refuse_bad_arguments_alike(
    extractor: ExtractorPort, plan: Plan, tools: bytes, reason: str, message: str | None, field: str | None
) -> None:
    session = extractor.open(plan, tools, START, timeout_s=5)
    errors = []
    with pytest.raises(ServiceError) as caught:
        await extractor.extract(plan, tools, "x", "stop", START, timeout_s=5)
    errors.append(caught.value)
    with pytest.raises(ServiceError) as caught:
        await session.feed("x")
    errors.append(caught.value)
    for error in errors:
        assert (error.service, error.reason, error.field, error.retryable) == ("extractor", reason, field, False)
        assert message is None or error.message == message
    assert errors[0].message == errors[1].message
