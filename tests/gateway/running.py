"""A gateway on a real socket, in front of a scripted upstream, with its services in this process."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry
from toolgate_gateway.deps import Deps, Process, Services
from toolgate_gateway.server.compose import compose
from toolgate_gateway.server.serve import Ports, serve
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.local import LocalExtractor, LocalHealth, LocalTransformer
from toolgate_runtime.ports import (
    EXECUTOR,
    EXTRACTOR,
    TRANSFORMER,
    ExecutorPort,
    ExtractorPort,
    ToolFailure,
    ToolInfo,
    ToolOutcome,
    TransformerPort,
)
from toolgate_runtime.shutdown import Shutdown
from toolgate_runtime.toolsets import toolset_cache

from tests.support.upstream import Reply, Request, ScriptedUpstream, answer, chunk, completion, event, scripted, stream

MODEL = "m"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TIME_TOOL = {"type": "function", "function": {"name": "time_now", "description": "The time."}}
QUESTION = [{"role": "user", "content": "What is the weather in Oslo?"}]
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def asked(**fields: Any) -> dict[str, Any]:
    """A chat request with one tool."""
    return {"model": MODEL, "messages": QUESTION, "tools": [TOOL], **fields}


def native(name: str, arguments: str, *, index: int = 0, call_id: str = "call_1") -> dict[str, Any]:
    """A native call in an upstream's message or delta."""
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = native("get_weather", '{"city":"Oslo"}')
WEATHER_ANSWER = answer(completion({"content": None, "tool_calls": [WEATHER]}, "tool_calls", usage=USAGE))
WEATHER_STREAM = stream(
    event(chunk({"role": "assistant", "content": ""})),
    event(chunk({"tool_calls": [native("get_weather", "")]})),
    event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]})),
    event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]})),
    event(chunk({}, "tool_calls")),
    event(chunk(usage=USAGE) | {"choices": []}),
    event("[DONE]"),
)


def text_answer(text: str, finish: str = "stop") -> Reply:
    return answer(completion({"content": text}, finish, usage=USAGE))


def text_stream(*parts: str, finish: str | None = "stop", then: str = "end") -> Reply:
    events = [event(chunk({"role": "assistant", "content": ""})), *(event(chunk({"content": part})) for part in parts)]
    if finish is not None:
        events += [event(chunk({}, finish)), event(chunk(usage=USAGE) | {"choices": []}), event("[DONE]")]
    return stream(*events, then=then, pause=True)


class OneTool:
    """An executor with one tool, which repeats what it is given."""

    async def tools(self, *, timeout_s: float) -> tuple[ToolInfo, ...]:
        return (ToolInfo(name="echo", description="Repeat.", parameters={"type": "object"}),)

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        if name != "echo":
            return ToolOutcome(error=ToolFailure(code="not_found", message=f"There is no tool {name!r}."))
        return ToolOutcome(content=arguments_json.decode(), structured=json.loads(arguments_json))


@dataclass
class RunningGateway:
    """A gateway on a free port, its scripted upstream, and clients for both."""

    url: str
    upstream: ScriptedUpstream
    registry: CollectorRegistry
    http: httpx.AsyncClient
    shutdown: Shutdown
    ports: Ports
    serving: asyncio.Task[None]
    clients: list[AsyncOpenAI] = field(default_factory=list)

    @property
    def stop(self) -> asyncio.Event:
        """Set it to start the shutdown."""
        return self.shutdown.asked

    def openai(self, path: str = "/v1", **options: Any) -> AsyncOpenAI:
        """An official client; it is closed with the gateway."""
        client = AsyncOpenAI(base_url=self.url + path, **{"api_key": "none", "max_retries": 0, **options})
        self.clients.append(client)
        return client

    async def post(self, body: Any, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        """A plain request; `headers` with underscores for dashes."""
        named = {"content-type": "application/json"}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(self.url + path, content=content, headers=named)

    async def events(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> list[Any]:
        """The events of a stream, `[DONE]` as text; comments are left out."""
        response = await self.post({**body, "stream": True}, path)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return parse_events(response.text)

    def chats(self) -> list[Request]:
        """The chat requests that came upstream."""
        return [request for request in self.upstream.requests if request.path == "/v1/chat/completions"]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def parse_events(text: str) -> list[Any]:
    blocks = [block for block in text.split("\n\n") if block.startswith("data: ")]
    return [block[6:] if block == "data: [DONE]" else json.loads(block[6:]) for block in blocks]


def _with_models(script: Any) -> Callable[[Request], Reply]:
    if not callable(script):
        left = list(script)
        chat: Callable[[Request], Reply] = lambda _: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    else:
        chat = script
    cards = [{"id": MODEL, "object": "model", "created": 5, "owned_by": "us"}, {"id": "org/model-b", "object": "model"}]
    return lambda request: answer({"object": "list", "data": cards}) if request.path == "/v1/models" else chat(request)


@asynccontextmanager
async def gateway(
    *script: Reply | Callable[[Request], Reply],
    transformer: TransformerPort | None = None,
    extractor: ExtractorPort | None = None,
    executor: ExecutorPort | None = None,
    **settings: Any,
) -> AsyncIterator[RunningGateway]:
    """Run a gateway whose upstream follows `script`: replies in turn, or one function."""
    chosen = script[0] if len(script) == 1 and callable(script[0]) else (script or (text_answer("Hello."),))
    registry = CollectorRegistry()
    numbers = itertools.count()

    services = Services(
        transformer=transformer or LocalTransformer(),
        extractor=extractor or LocalExtractor(toolset_cache()),
        executor=executor or OneTool(),
        health={service: LocalHealth() for service in (TRANSFORMER, EXTRACTOR, EXECUTOR)},
    )
    process = Process(
        registry=registry,
        clock=time.monotonic,
        now=lambda: 1_800_000_000.0,
        new_id=lambda: f"id{next(numbers):05}",
        version="1.2.3",
        instance="here",
    )

    def deps(settings: GatewaySettings) -> AbstractAsyncContextManager[Deps]:
        return compose(settings, services, process)

    async with scripted(_with_models(chosen)) as upstream, httpx.AsyncClient(timeout=20, trust_env=False) as http:
        places = {"main": {"url": upstream.url}}
        values = {"port": 0, "metrics": False, "metrics_port": 0, "upstreams": places, "drain_s": 2, **settings}
        shutdown = Shutdown()
        serving, ports = await _start(GatewaySettings(**values), deps, shutdown)
        running = RunningGateway(f"http://127.0.0.1:{ports.http}", upstream, registry, http, shutdown, ports, serving)
        try:
            yield running
        finally:
            for client in running.clients:
                await client.close()
            shutdown.asked.set()
            await serving


async def _start(settings: GatewaySettings, deps: Any, shutdown: Shutdown) -> tuple[asyncio.Task[None], Ports]:
    bound: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()

    async def ready(ports: Ports) -> None:
        bound.set_result(ports)

    serving = asyncio.create_task(serve(settings, deps, shutdown=shutdown, ready=ready))
    await asyncio.wait((serving, bound), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    return serving, bound.result()
