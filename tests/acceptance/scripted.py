"""An adversarial upstream: it writes random values that satisfy the schema that it receives.

Models: `random` ignores `tools` and obeys `response_format`; `random-native` answers with native calls whose arguments
are random; `random-text` obeys nothing and writes prose and markup. Each question names its case (`case-17`), so that a test can look up what was written for it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiohttp import web

from tests.acceptance.sampling import NASTY, Sampler, sample_text

# Behind a code fence markup is prose, and whether one is open is another test's question.
PROSE = tuple(text for text in NASTY if "```" not in text)
MODELS = ("random", "random-native", "random-text")
_CASE = re.compile(r"case-(\d+)")


class ScriptedUpstream:
    """Its requests and answers, by case."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.written: dict[str, list[str]] = defaultdict(list)

    async def models(self, _request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "created": 1, "owned_by": "no one"} for name in MODELS]
        return web.json_response({"object": "list", "data": listed})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        found = _CASE.search(json.dumps(body["messages"], ensure_ascii=False))
        case = found.group(1) if found else "none"
        random = Random(f"{case}-{len(self.written[case])}")
        message = self._message(body, random)
        written = message["content"] if message["content"] is not None else json.dumps(message["tool_calls"])
        self.written[case].append(written)
        if body.get("stream"):
            return await _stream(request, body, message, random)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
        return web.json_response({**_head(body, "chat.completion"), "choices": [choice], "usage": _USAGE})

    def _message(self, body: dict[str, Any], random: Random) -> dict[str, Any]:
        if body["model"] == "random-text":
            parts = [
                f"{random.choice(('Well,', 'then', 'ok'))} {random.choice(PROSE)}" for _ in range(random.randint(1, 3))
            ]
            return {"content": " ".join(parts)}
        wanted = body.get("response_format") or {}
        if wanted.get("type") == "json_schema":
            return {"content": sample_text(wanted["json_schema"]["schema"], random)}
        if body["model"] == "random-native" and body.get("tools"):
            return {"content": None, "tool_calls": _native(body, random)}
        return {"content": "I would rather think aloud. " + random.choice(NASTY[6:8])}


def _native(body: dict[str, Any], random: Random) -> list[dict[str, Any]]:
    calls = []
    for index in range(random.randint(1, 3)):
        function = random.choice(body["tools"])["function"]
        schema = function.get("parameters") or {"type": "object"}
        arguments = json.dumps(Sampler(schema, random).value(schema), ensure_ascii=random.random() < 0.5)
        calls.append(
            {"id": f"c{index}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}
        )
    return calls


_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


async def _stream(
    request: web.Request, body: dict[str, Any], message: dict[str, Any], random: Random
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    data = b"".join(_events(body, message, random))
    # The cuts between writes know nothing of events or characters.
    while data:
        size = random.choice((1, 7, 64, 1000, 5000))
        await response.write(data[:size])
        data = data[size:]
        if random.random() < 0.1:
            await asyncio.sleep(0)
    await response.write_eof()
    return response


def _events(body: dict[str, Any], message: dict[str, Any], random: Random) -> list[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(message["content"] or "", random)]
    for index, call in enumerate(message.get("tool_calls", ())):
        name = call["function"]["name"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]})
        for piece in _pieces(call["function"]["arguments"], random):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    head = _head(body, "chat.completion.chunk")
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": _USAGE})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _pieces(text: str, random: Random) -> list[str]:
    size = random.choice((1, 2, 3, 7, 40, 10_000))
    return [text[start : start + size] for start in range(0, len(text), size)]


@asynccontextmanager
async def scripted_upstream() -> AsyncIterator[ScriptedUpstream]:
    """Serve one on a free port."""
    upstream = ScriptedUpstream()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_get("/v1/models", upstream.models)
    app.router.add_post("/v1/chat/completions", upstream.chat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield upstream
    finally:
        await runner.cleanup()
