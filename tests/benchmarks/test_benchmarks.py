"""The measuring tools themselves: right answers are counted, wrong ones reported."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_gateway.upstreams.base import CallContext
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider

from benchmarks import scripts
from benchmarks.__main__ import CALLED, CHAT, STREAMED, main
from benchmarks.load import Job, Measured, measure
from benchmarks.report import Row, Sample, noise, peers_table, requests_table, streams_table
from benchmarks.upstream import Answers, Connection
from tests.gateway.upstreams.reading import joined, read_pieces
from tests.support.asking import asking


@asynccontextmanager
async def fake_upstream() -> AsyncIterator[int]:
    answers = Answers()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("stream", "spaced", "expect"), [(False, False, CALLED), (True, False, STREAMED), (True, True, STREAMED)]
)
async def test_the_load_generator_counts_whole_answers(stream: bool, spaced: bool, expect: str) -> None:
    async with fake_upstream() as port:
        measured = await measure(Job(port, CHAT, stream, 3, expect, spaced), 0.05)
    assert measured.wrong == 0
    assert measured.requests >= 3
    assert 0 < measured.first_p50 <= measured.p50 <= measured.p99


async def test_the_load_generator_reports_wrong_answers() -> None:
    async with fake_upstream() as port:
        measured = await measure(Job(port, CHAT, stream=False, connections=1, expect="no such text"), 0.01)
    assert measured.wrong == measured.requests
    assert measured.example.startswith("HTTP/1.1 200 OK")


async def test_the_fake_upstream_speaks_what_the_provider_reads() -> None:
    arguments = json.loads(scripts.native_answer())["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    async with fake_upstream() as port:
        provider = create_provider(UpstreamConfig(name="fake", url=f"http://127.0.0.1:{port}"))
        answers = []
        for stream in (False, True):
            answer = await provider.call(
                asking(json.loads(scripts.request(stream=stream))), CallContext(request_id="r", stream=stream)
            )
            pieces, failure = await read_pieces(answer)  # type: ignore[arg-type]
            assert failure is None
            answers.append(joined(pieces))
            await answer.close()  # type: ignore[union-attr]
        models = await provider.models()
        await provider.aclose()
    assert isinstance(models, list)
    assert [model["id"] for model in models] == [scripts.MODEL]
    called, text = answers
    call = CallDelta(0, "chatcmpl-tool-0123456789abcdef", "get_weather", arguments)
    assert called == ResponseChunk(calls=(call,), finish="tool_calls", usage=called.usage)
    assert text.text == "".join(f"{number:03} some text " for number in range(scripts.CHUNKS))


def test_requests_and_chunks_have_the_sizes_that_they_say() -> None:
    assert [len(scripts.request(stream=stream)) for stream in (False, True)] == [scripts.REQUEST_BYTES] * 2
    chunks = scripts.stream_chunks()[1 : 1 + scripts.CHUNKS]
    assert all(abs(len(chunk) - scripts.CHUNK_BYTES) < 40 for chunk in chunks)


def test_tables_show_medians_and_ratios_to_the_plain_proxy() -> None:
    def samples(cpu_s: float, p50: float) -> list[Sample]:
        return [Sample(Measured(1000, 0, 1.0, p50, p50, p50, ""), cpu_s * share) for share in (0.9, 1, 1.1)]

    direct = Row("direct", samples(0, 50), samples(0, 50))
    plain = Row("plain", samples(1, 150), samples(1, 150))
    ours = Row("ours", samples(0.25, 100), samples(0.25, 1050), samples(0.5, 100), 90, 0.5)
    assert requests_table([direct, plain, ours]).splitlines()[-1] == (
        "| ours | 250 | 20% | 4.0 | 1,000 | 50 | 1.0 | 90 | 0.50 |"
    )
    assert streams_table([direct, plain, ours]).splitlines()[-1] == "| ours | 2.50 | 20% | 4.0 | 100,000 | 5.0 | 50 |"
    peer = Row("peer", samples(2, 150), samples(2, 150))
    assert peers_table([direct, plain, ours, peer], ["peer"]).splitlines()[-1] == "| ours | 8.00 |"
    assert peers_table([direct, plain, ours], ["peer"]) == ""
    assert noise(direct.loaded).startswith("The direct limit's rounds lie 0% apart.")


@pytest.mark.slow
def test_a_short_run_measures_every_case(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--seconds", "0.05"]) == 0
    printed = capfd.readouterr().out
    names = ["direct (the limit)", "plain FastAPI + httpx", "passthrough", "native, embedded", "native, gRPC"]
    assert [printed.count(f"| {name} |") for name in names] == [2] * 5
    assert [printed.count(f"| bridge, {name} |") for name in ("embedded", "gRPC")] == [1, 1]
