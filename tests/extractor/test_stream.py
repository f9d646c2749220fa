"""The stream as the contract has it: order, ends, cancellation, and a service that dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import grpc
import msgspec
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from toolgate.extractor.v1 import extractor_pb2
from toolgate.extractor.v1.extractor_service_pb2 import (
    StreamEnd,
    StreamExtractRequest,
    StreamExtractResponse,
    StreamSetup,
)
from toolgate.extractor.v1.extractor_service_pb2_grpc import ExtractorServiceStub
from toolgate_core.types.events import CallEnd, Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd
from toolgate_extractor.service import DESCRIPTOR, ExtractorService
from toolgate_runtime import wire
from toolgate_runtime.channel import Channel
from toolgate_runtime.ports import ExtractionSession, ServiceError
from toolgate_runtime.remote import RemoteExtractor

from tests.extractor.test_contract import CALL, PLAN, START, TOOLS, local, merged, service
from tests.services.serving import handling, serving

SETUP = StreamExtractRequest(setup=StreamSetup(setup=wire.setup_to_proto(PLAN, TOOLS, START), text=CALL[:30]))
DELTA = StreamExtractRequest(text_delta=extractor_pb2.TextDelta(text=CALL[30:60]))
END = StreamExtractRequest(end=StreamEnd(text=CALL[60:], end=extractor_pb2.TEXT_END_STOP))


async def answers(channel: Channel, *requests: StreamExtractRequest) -> list[list[Event]]:
    async def sent() -> AsyncIterator[StreamExtractRequest]:
        for request in requests:
            yield request

    stub = ExtractorServiceStub(channel.grpc)
    responses: AsyncIterator[StreamExtractResponse] = stub.StreamExtract(sent(), timeout=10)  # type: ignore[assignment]
    return [list(wire.events_from_proto(response.events)) async for response in responses]


async def test_every_message_has_exactly_one_answer() -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        found = await answers(channel, SETUP, DELTA, END)
    assert len(found) == 3
    assert merged(event for events in found for event in events)[-1] == CallEnd(0)


async def test_half_close_without_an_end_counts_as_cut() -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        found = await answers(channel, SETUP, DELTA)
        cut = await answers(channel, SETUP, DELTA, StreamExtractRequest(end=StreamEnd(end=extractor_pb2.TEXT_END_CUT)))
        unsaid = await answers(channel, SETUP, DELTA, StreamExtractRequest(end=StreamEnd()))
    assert len(found) == 3
    assert found == cut == unsaid


async def test_a_stream_without_a_message_ends_without_an_answer() -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        assert await answers(channel) == []


@pytest.mark.parametrize(
    ("requests", "code", "reason"),
    [
        ([DELTA], grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_ORDER"),
        ([END], grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_ORDER"),
        ([SETUP, SETUP], grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_ORDER"),
        ([StreamExtractRequest()], grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MESSAGE"),
        ([StreamExtractRequest(setup=StreamSetup())], grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MESSAGE"),
    ],
)
async def test_messages_in_another_order_are_refused(
    requests: list[StreamExtractRequest], code: grpc.StatusCode, reason: str
) -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(channel, *requests)
    status, info = rpc_status.from_call(cast("grpc.Call", caught.value)), ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (caught.value.code(), info.reason) == (code, reason)


class Watched:
    """An extractor that signals the start of a feed and holds it back."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def extract(
        self, plan: Plan, tools_json: bytes, text: str, end: TextEnd, state: ScannerState, *, timeout_s: float
    ) -> tuple[Event, ...]:
        return await local().extract(plan, tools_json, text, end, state, timeout_s=timeout_s)

    def open(self, plan: Plan, tools_json: bytes, state: ScannerState, *, timeout_s: float) -> ExtractionSession:
        return self

    async def feed(self, text: str) -> tuple[Event, ...]:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return ()

    async def finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        return ()

    async def aclose(self) -> None:
        pass


async def test_a_cancelled_feed_cancels_the_rpc_and_ends_the_session() -> None:
    watched = Watched()
    async with serving(ExtractorService(watched, handling()), DESCRIPTOR) as channel:
        session = RemoteExtractor(channel).open(PLAN, TOOLS, START, timeout_s=30)
        feed = asyncio.create_task(session.feed("x"))
        await watched.entered.wait()
        feed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await feed
        await watched.cancelled.wait()
        with pytest.raises(ServiceError, match="has ended"):
            await session.feed("y")


async def test_a_session_that_is_abandoned_between_feeds_ends_its_rpc() -> None:
    ended = asyncio.Event()

    class SignallingService(ExtractorService):
        async def StreamExtract(self, request_iterator, context):  # noqa: N802
            try:
                async for response in super().StreamExtract(request_iterator, context):
                    yield response
            finally:
                ended.set()

    async with serving(SignallingService(local(), handling()), DESCRIPTOR) as channel:
        session = RemoteExtractor(channel).open(PLAN, TOOLS, START, timeout_s=30)
        await session.feed("x")
        await session.aclose()
        await ended.wait()


async def test_a_session_ends_at_its_time_limit() -> None:
    watched = Watched()
    async with serving(ExtractorService(watched, handling()), DESCRIPTOR) as channel:
        session = RemoteExtractor(channel).open(PLAN, TOOLS, START, timeout_s=0.2)
        with pytest.raises(ServiceError) as caught:
            await session.feed("x")
        assert (caught.value.reason, caught.value.retryable) == ("DEADLINE", True)


@contextmanager
def process(folder: Path, port: str = "0") -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    environment = {**os.environ, "TOOLGATE_GRPC_PORT": port, "TOOLGATE_METRICS_PORT": "0"}
    command = [sys.executable, "-m", "toolgate_extractor"]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        try:
            yield running, msgspec.json.decode(running.stderr.readline())["grpc"]
        finally:
            running.kill()


async def test_a_service_killed_mid_stream_fails_fast_and_recovers(tmp_path: Path) -> None:
    with process(tmp_path) as (running, address):
        channel = Channel(address)
        extractor = RemoteExtractor(channel)
        streams = [extractor.open(PLAN, TOOLS, START, timeout_s=600) for _ in range(3)]
        for session in streams:
            await session.feed("some text ")
        running.send_signal(signal.SIGKILL)
        running.wait()
        errors = []
        for session in streams:
            with pytest.raises(ServiceError) as caught:
                await session.feed("more")
            errors.append(caught.value)
        assert {(error.reason, error.retryable) for error in errors} == {("UNAVAILABLE", True)}
    with process(tmp_path, address.rpartition(":")[2]):
        events = await extractor.extract(PLAN, TOOLS, CALL, "stop", START, timeout_s=10)
        assert merged(events)[-1] == CallEnd(0)
    await channel.aclose()


@pytest.mark.slow
async def test_a_hanging_service_is_given_up_before_the_deadline(
    tmp_path: Path,
) -> None:
    with process(tmp_path) as (running, address):
        channel = Channel(address)
        session = RemoteExtractor(channel).open(PLAN, TOOLS, START, timeout_s=600)
        await session.feed("x")
        running.send_signal(signal.SIGSTOP)
        with pytest.raises(ServiceError) as caught:
            await session.feed("y")
        assert (caught.value.reason, caught.value.retryable) == ("UNAVAILABLE", True)
        await channel.aclose()
