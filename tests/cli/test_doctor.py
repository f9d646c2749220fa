"""What a doctor says of a server: symptoms as data, and real servers that are set up wrongly."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from toolgate_cli.__main__ import main
from toolgate_cli.doctor.checks import CHECKS, PLAIN, UPSTREAM
from toolgate_cli.doctor.diagnosis import KNOWN_PARSERS, in_health
from toolgate_cli.doctor.place import Place
from toolgate_cli.doctor.reading import Raw, read_answer, read_models
from toolgate_cli.doctor.seen import Call, Seen
from toolgate_cli.doctor.written import PARSERS
from toolgate_simulator.settings import Settings
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import TOOL_PARSERS, vllm_parser

from tests.cli.broken import script
from tests.gateway.running import gateway
from tests.support.simulator import simulator
from tests.support.upstream import Reply, Request, answer, scripted

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "doctor.yaml").read_text("utf-8"))
BROKEN = yaml.safe_load((Path(__file__).parent / "cases" / "broken_servers.yaml").read_text("utf-8"))
TOOL_FLAGS = ("--enable-auto-tool-choice", "--tool-call-parser=hermes")


def vllm_settings(*flags: str, model: str = "Qwen/Qwen2.5-7B") -> Settings:
    return settings_of(vllm_parser().parse_args([model, "--served-model-name=m", *flags, "--port=0"]), {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_a_symptom_is_named_with_its_remedy(case: dict[str, Any]) -> None:
    check = {each.name: each for each in (PLAIN, *CHECKS, UPSTREAM)}[case.get("check", "auto")]
    seen = dict(case["seen"])
    calls = tuple(Call(each["name"], each["arguments"]) for each in seen.pop("calls", []))
    place = Place(**dict.fromkeys(case.get("place", []), True))
    verdict = check.judge(Seen(calls=calls, **seen), place, case.get("model", "m"))
    assert (verdict.level, case["says"] in verdict.text) == (case["level"], True), verdict
    assert case.get("remedy", "") in verdict.remedy
    assert "values models" not in verdict.remedy or place.chart


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
async def test_a_broken_server_gets_the_line_that_names_its_fault(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async with scripted(script(case)) as server:
        status = await doctor(server.url, "--timeout", "1" if "hang" in case["name"] else "30")
    output = capsys.readouterr()
    said = [line for line in output.out.splitlines() if not line.startswith("ok")]
    assert len(said) == len(case["says"]), output.out
    for line, expected in zip(said, case["says"], strict=True):
        head, _, words = expected.partition(": ")
        level, check = head.split(" ", 1)
        assert line.startswith(f"{level:<4}  {check:<11}  "), line
        assert words in line, line
    also = f"(also: {', '.join(case['also'])})" if "also" in case else ""
    assert also in said[0], said[0]
    assert case.get("remedy", "") in said[0].partition("->")[2]
    assert (status, output.err) == (int(any(line.startswith("fail") for line in said)), "")


async def test_questions_are_short_and_alike() -> None:
    async with scripted(script({})) as server:
        assert await doctor(server.url, "--max-tokens", "77") == 0
    asked = [request.json for request in server.requests if request.method == "POST"]
    assert len(asked) == len(CHECKS) + 1
    assert {(body["temperature"], body["max_tokens"]) for body in asked} == {(0, 77)}


async def test_a_field_that_a_server_refuses_is_left_out_of_the_questions(capsys: pytest.CaptureFixture[str]) -> None:
    sound = script({})

    def strict(request: Request) -> Reply:
        body = request.json if request.method == "POST" else {}
        message = ""
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        elif "temperature" in body:
            message = "Unsupported value: 'temperature' does not support 0 with this model."
        return answer({"error": {"message": message}}, status=400) if message else sound(request)

    async with scripted(strict) as server:
        assert await doctor(server.url, "--strict") == 0
    assert server.requests[-1].json["max_completion_tokens"] == 512
    assert "temperature" not in server.requests[-1].json
    assert capsys.readouterr().out.count("\n") == len(CHECKS) + 2


async def test_only_a_few_of_many_models_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    cards = [{"id": f"m{number}"} for number in range(50)]
    async with scripted(script({"models": {"json": {"data": cards}}, "chat": {"status": 500, "text": ""}})) as server:
        await doctor(server.url)
        said = capsys.readouterr().out.splitlines()
        assert len(said) == 1 + 8 + 1
        assert "only the first 8 of 50 models were checked" in said[-1]
        await doctor(server.url, "--model", "m40", "--model", "m41")
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]] == ["m40:", "m41:"]


async def test_a_named_model_is_asked_although_the_models_cannot_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    async with scripted(script({"models": {"status": 404, "json": {}}})) as server:
        assert await doctor(server.url, "--model", "m") == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["fail", *["ok"] * (len(CHECKS) + 1)]


async def test_all_questions_together_have_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    cards = [{"id": f"m{number}"} for number in range(4)]
    case = {"models": {"json": {"data": cards}}, "chat": {"silence": True}}
    async with scripted(script(case)) as server:
        await doctor(server.url, "--timeout", "1", "--total", "1")
    said = capsys.readouterr().out
    assert said.count("no complete answer within") == 1
    assert said.count("not checked: this command ends after 1 s (--total)") == 3


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
        (b"-ERR unknown command\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "does not speak HTTP, or only over TLS"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\xff\xfe", "cut before its end"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello", "cut before its end"),
        (b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n", "does not speak HTTP"),
        (b"", "closed without an answer"),
    ],
    ids=["ssh", "redis", "tls", "latin", "gzip", "header", "nothing"],
)
async def test_what_is_not_http_is_one_line(first: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(first)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        assert await doctor(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "--timeout", "5") == 1
    finally:
        server.close()
    output = capsys.readouterr()
    assert (output.out.count("\n"), output.err) == (1, "")
    assert words in output.out


async def test_https_at_a_plain_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulator(vllm_settings()) as url:
        assert await doctor(url.replace("http:", "https:")) == 1
    output = capsys.readouterr()
    assert "the URL says https and the server speaks plain HTTP" in output.out
    assert output.out.count("\n") == 1


@pytest.mark.parametrize(
    "ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/models"], ids=lambda ending: ending or "none"
)
async def test_the_url_may_end_as_people_write_it(ending: str) -> None:
    async with scripted(script({})) as server:
        assert await doctor(server.url + ending) == 0
        assert await doctor(server.url.removeprefix("http://") + ending) == 0


@pytest.mark.parametrize("url", ["", "http://", "ftp://x", "http://x:port", "http://[::1", "http://a b"])
async def test_an_invalid_url_is_one_line_and_status_2(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(url) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nline"])
async def test_a_key_that_no_header_can_carry_is_one_line(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLGATE_API_KEY", key)
    assert await doctor("http://127.0.0.1:9") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert key not in said


KEYS = re.findall(
    r"\w+",
    "choices message delta content tool_calls function name arguments error id finish_reason index data detail code"
    " reasoning object text function_call",
)
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.integers(100, 599),
    st.sampled_from(["application/json", "text/event-stream", "text/html", "", "a/b; charset=x"]),
    st.one_of(
        st.binary(max_size=60),
        bodies.map(lambda value: json.dumps(value).encode()),
        st.lists(bodies, max_size=3).map(
            lambda values: b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
        ),
    ),
    st.booleans(),
    st.booleans(),
)
def test_every_answer_becomes_a_verdict(status: int, kind: str, body: bytes, cut: bool, stream: bool) -> None:
    raw = Raw(status=status, headers={"content-type": kind}, body=body, cut=cut)
    seen = read_answer(raw, stream=stream)
    for check in (PLAIN, *CHECKS):
        verdict = check.judge(seen, Place(), "m")
        assert verdict.level in ("ok", "warn", "fail")
        assert "\n" not in verdict.text + verdict.remedy
        assert len(verdict.text) < 500
    read_models(raw)


def test_every_parser_that_is_recommended_is_one_of_vllms() -> None:
    assert {parser for _, parser in PARSERS} <= set(TOOL_PARSERS)
    assert set(KNOWN_PARSERS) <= set(TOOL_PARSERS)


def test_a_service_that_does_not_serve_is_named() -> None:
    assert in_health({"extractor": "serving"}, Place()).level == "ok"
    away = in_health({"extractor": "unavailable", "tool-executor": "serving"}, Place())
    assert away.text == "extractor is unavailable"
    assert "kubectl" not in away.remedy
    assert "kubectl" in in_health({"extractor": "unavailable"}, Place(chart=True)).remedy


@asynccontextmanager
async def behind_a_gateway(settings: Settings) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator(settings))
        running = await stack.enter_async_context(gateway(upstreams={"gpu": {"url": url}}))
        yield running.url


async def doctor(url: str, *options: str) -> int:
    """Run the command beside the servers of this event loop."""
    return await asyncio.to_thread(main, ["doctor", url, *options])


async def lines(capsys: pytest.CaptureFixture[str], url: str, *options: str) -> tuple[int, dict[str, Any]]:
    status = await doctor(url, "--json", *options)
    said = json.loads(capsys.readouterr().out)
    return status, {line["check"]: line["verdict"] for line in said}


async def test_a_gateway_and_a_server_that_are_well_pass_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    names = [check.name for check in CHECKS]
    async with behind_a_gateway(vllm_settings(*TOOL_FLAGS)) as url:
        status, found = await lines(capsys, url, "--strict")
    assert (status, list(found)) == (0, ["reach", "services", "answers", "upstream", *names])
    async with simulator(vllm_settings(*TOOL_FLAGS)) as url:
        status, found = await lines(capsys, url, "--strict")
    assert (status, list(found)) == (0, ["reach", "answers", *names])


async def test_a_parser_that_is_off_is_found_behind_a_gateway(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with behind_a_gateway(vllm_settings()) as url:
        status, found = await lines(capsys, url, "--chart")
    assert status == 1
    assert "models.m.toolCalling.enabled" in found["upstream"]["remedy"]
    assert found["auto"]["level"] == found["required"]["level"] == "ok"


async def test_another_models_parser_is_found_with_the_right_one_named(capsys: pytest.CaptureFixture[str]) -> None:
    async with behind_a_gateway(vllm_settings("--enable-auto-tool-choice", "--tool-call-parser=mistral")) as url:
        status, found = await lines(capsys, url)
    assert status == 1
    assert "--tool-call-parser=hermes" in found["upstream"]["remedy"]
    assert found["auto"]["level"] == "ok"


async def test_a_missing_key_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with gateway(api_keys=["sesame"]) as running:
        status, found = await lines(capsys, running.url)
        assert (status, "--api-key-file" in found["reach"]["remedy"]) == (1, True)
        (tmp_path / "key").write_text("sesame\n")
        _, found = await lines(capsys, running.url, "--api-key-file", str(tmp_path / "key"))
        assert found["reach"]["level"] == "ok"


async def test_a_key_that_the_upstream_refuses_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    async with behind_a_gateway(vllm_settings(*TOOL_FLAGS, "--api-key=right")) as url:
        status, found = await lines(capsys, url, "--model", "gpu@m")
    assert status == 1
    assert "TOOLGATE_UPSTREAM_API_KEY" in found["answers"]["remedy"]


async def test_a_closed_port_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor("http://127.0.0.1:9") == 1
    said = capsys.readouterr().out
    assert said.startswith("fail  reach")
    assert said.count("\n") == 1
