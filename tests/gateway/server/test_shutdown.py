"""How a gateway ends: what is in flight may finish, and what takes too long gets an error and not a broken connection."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from toolgate_runtime.ports import ToolOutcome

from tests.gateway.running import MODEL, QUESTION, OneTool, RunningGateway, asked, gateway, text_answer
from tests.support.upstream import Reply, Request, answer, chunk, event, scripted, stream

BEGUN = stream(event(chunk({"role": "assistant", "content": "Hel"})), then="hang")


class Hanging(OneTool):
    """An executor whose tool never ends; `entered` is set when it runs."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        self.entered.set()
        await asyncio.Event().wait()
        raise AssertionError


class Silence:
    """The script of an upstream that never answers; `asked` is set by a question."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __call__(self, _: Request) -> Reply:
        self.asked.set()
        return Reply([], then="silence")


def insist(running: RunningGateway) -> None:
    """Two signals, as two ctrl-C."""
    running.shutdown.request()
    running.shutdown.request()


@pytest.mark.parametrize("tools", [True, False])
async def test_a_second_signal_ends_requests_in_flight_with_an_error(
    tools: bool, caplog: pytest.LogCaptureFixture
) -> None:
    script = Silence()
    async with gateway(script, drain_s=60) as running:
        body = asked() if tools else {"model": MODEL, "messages": QUESTION}
        waiting = asyncio.create_task(running.post(body))
        await script.asked.wait()
        insist(running)
        response = await waiting
        await running.serving
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (503, "server_error", "shutting_down")
    assert response.headers["retry-after"] == "1"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("mode", ["auto", "passthrough"])
async def test_a_shutdown_ends_a_stream_with_an_error_event(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    async with gateway(BEGUN, drain_s=60) as running:
        url = f"{running.url}/v1/chat/completions"
        headers = {"x-toolgate-mode": mode}
        async with running.http.stream("POST", url, json={**asked(), "stream": True}, headers=headers) as response:
            lines = response.aiter_lines()
            first = await anext(lines)
            insist(running)
            rest = [line async for line in lines if line]
        await running.serving
    assert first.startswith("data: ")
    assert json.loads(rest[-1].removeprefix("data: "))["error"]["code"] == "shutting_down"
    assert "data: [DONE]" not in rest
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_request_longer_than_the_drain_ends_with_an_error() -> None:
    script = Silence()
    async with gateway(script, drain_s=0) as running:
        waiting = asyncio.create_task(running.post(asked()))
        await script.asked.wait()
        running.shutdown.request()
        assert (await waiting).json()["error"]["code"] == "shutting_down"
        await running.serving


async def test_a_shutdown_ends_a_running_tool_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    executor = Hanging()
    async with gateway(executor=executor, drain_s=60) as running:
        waiting = asyncio.create_task(running.post({}, "/tools/echo"))
        await executor.entered.wait()
        insist(running)
        response = await waiting
        await running.serving
    assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_client_that_does_not_read_does_not_block_the_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    much = stream(*(event(chunk({"content": "x" * 100_000})) for _ in range(300)), then="hang")
    async with gateway(much, drain_s=0) as running:
        body = json.dumps({"model": MODEL, "messages": QUESTION, "stream": True}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports.http, limit=1024)
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert await reader.read(1024)
        insist(running)
        await running.serving
        writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_the_ports_mode_precedes_the_header_and_follows_the_path() -> None:
    async with gateway(text_answer("Hello."), emulate_port=0, passthrough_port=0) as running:
        at = {
            "auto": running.url,
            "emulate": f"http://127.0.0.1:{running.ports.emulate}",
            "passthrough": f"http://127.0.0.1:{running.ports.passthrough}",
        }

        async def asked_at(base: str, path: str = "/v1/chat/completions", **headers: str) -> Any:
            """Return what went upstream, and the priority of the answer."""
            response = await running.http.post(base + path, json=asked(), headers=headers)
            return "tools" in running.chats()[-1].json, response.headers.get("x-toolgate-priority")

        async def models_at(base: str, path: str) -> httpx.Response:
            return await running.http.get(base + path)

        assert await asked_at(at["auto"]) == (True, "1")
        assert await asked_at(at["emulate"]) == (False, "3")
        assert await asked_at(at["emulate"], **{"x-toolgate-mode": "passthrough"}) == (False, "3")
        assert await asked_at(at["emulate"], "/passthrough/v1/chat/completions") == (True, "none")
        assert await asked_at(at["passthrough"]) == (True, "none")
        assert await asked_at(at["passthrough"], "/emulate/v1/chat/completions") == (False, "3")
        assert await asked_at(at["emulate"], "/chat/completions") == (False, "3")
        forwarded = [await running.http.post(f"{base}/v1/embeddings", json={"model": MODEL}) for base in at.values()]
        assert [each.status_code for each in forwarded] == [200, 200, 200]
        for path in ("/models", "/v1/models", "/health", "/livez", "/readyz", "/stats", "/tools"):
            assert [(await models_at(base, path)).status_code for base in at.values()] == [200, 200, 200], path


async def test_an_unreachable_upstream_and_its_return_are_one_log_line_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="toolgate")
    replies = [Reply(None)]
    async with (
        scripted(lambda _: replies[0]) as upstream,
        gateway(upstreams={"main": {"url": upstream.url}}) as running,
    ):
        for reply in (Reply(None), Reply(None), answer({"data": [{"id": "m"}]})):
            replies[0] = reply
            await running.http.get(f"{running.url}/v1/models")
    events = [record.getMessage() for record in caplog.records if record.getMessage().startswith("upstream_")]
    assert events == ["upstream_unreachable", "upstream_reachable"]
