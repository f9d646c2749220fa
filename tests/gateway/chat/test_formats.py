"""A second API format needs nothing of the gateway but to be handed to it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from toolgate_formats.api.table import API_FORMATS
from toolgate_gateway.deps import Process, Services
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.server.app import App
from toolgate_gateway.server.compose import compose
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.local import LocalExtractor, LocalTransformer
from toolgate_runtime.toolsets import toolset_cache

from tests.formats.api.blocks import Blocks
from tests.formats.api.reading import Said, blocks
from tests.gateway.running import MODEL, WEATHER_ANSWER, WEATHER_STREAM, OneTool, asked, text_answer, text_stream
from tests.support.upstream import Reply, scripted, stream

OSLO = '{"city":"Oslo"}'


@asynccontextmanager
async def serving(*script: Reply) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that serves the table and one format more."""
    numbers = itertools.count()
    services = Services(
        transformer=LocalTransformer(), extractor=LocalExtractor(toolset_cache()), executor=OneTool(), health={}
    )
    process = Process(
        registry=CollectorRegistry(),
        clock=time.monotonic,
        now=lambda: 7.0,
        new_id=lambda: f"id{next(numbers)}",
        version="1",
        instance="here",
    )
    async with scripted(list(script)) as upstream:
        models = {MODEL: {"upstream": "main"}}
        settings = GatewaySettings.model_validate({"upstreams": {"main": {"url": upstream.url}}, "models": models})
        async with compose(settings, services, process) as deps:
            app = App(Gateway(settings, deps), {**API_FORMATS, "blocks": Blocks()})
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield client


def read(response: httpx.Response) -> Said:
    assert response.status_code == 200, response.text
    data = response.content
    begin = data.index(b"msg_")
    return blocks(data.replace(data[begin : data.index(b'"', begin)], b"msg_fresh"))


@pytest.mark.parametrize(("reply", "streamed"), [(WEATHER_ANSWER, False), (WEATHER_STREAM, True)])
async def test_calls_are_written_in_the_formats_own_shape(reply: Reply, streamed: bool) -> None:
    async with serving(reply) as client:
        said = read(await client.post("/v1/blocks", json=asked(stream=streamed)))
    assert [(name, arguments) for _, name, arguments in said.calls] == [("get_weather", OSLO)]
    assert (said.finish, said.metadata["strategy"]) == ("tool_calls", "native")


@pytest.mark.parametrize("prefix", ["", "/emulate"])
@pytest.mark.parametrize(("reply", "streamed"), [(text_answer("Hello."), False), (text_stream("Hel", "lo."), True)])
async def test_without_a_normal_form_no_tools_go_through_the_ladder(prefix: str, reply: Reply, streamed: bool) -> None:
    question: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": streamed}
    async with serving(reply) as client:
        said = read(await client.post(f"{prefix}/v1/blocks", json=question))
    assert (said.text, said.calls, said.finish, said.metadata["strategy"]) == ("Hello.", [], "stop", "native")


async def test_errors_before_and_inside_a_stream_have_the_formats_shape() -> None:
    async with serving(text_stream("Hel", finish=None, then="cut")) as client:
        wrong = await client.post("/v1/blocks", json={"model": MODEL, "messages": []})
        unknown = await client.post("/v1/blocks", json=asked(n=2))
        cut = await client.post("/v1/blocks", json=asked(stream=True))
    assert [(each.status_code, each.json()["type"]) for each in (wrong, unknown)] == [(400, "error"), (400, "error")]
    assert unknown.json()["error"] == {"kind": "invalid", "text": "n is not known here.", "code": None}
    last = json.loads(cut.text.rstrip().rsplit("data: ", 1)[1])
    assert (last["type"], last["error"]["kind"], last["toolgate"]["degraded"]) == ("error", "cut", False)


async def test_passthrough_forwards_bytes_up_to_an_error() -> None:
    good = b'event: delta\ndata: {"text":"Hel"}\n\n'
    reply = stream(good, b'event: error\ndata: {"error":{"message":"No."}}\n\n')
    async with serving(reply) as client:
        response = await client.post("/passthrough/v1/blocks", json={"model": MODEL, "stream": True})
    assert response.content.startswith(good)
    assert json.loads(response.text.rstrip().rsplit("data: ", 1)[1])["error"]["kind"] == "error"


async def test_openais_format_is_served_as_before() -> None:
    async with serving(WEATHER_ANSWER) as client:
        response = await client.post("/v1/chat/completions", json=asked())
    assert response.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == OSLO
