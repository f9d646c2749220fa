"""Two clients at one model: whatever one of them sends and receives, the other is served as well as alone.

The upstream is a real server that refuses, quotes what it was sent, and changes what it can do in between.
"""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.running import MODEL, RunningGateway, gateway, native
from tests.support.upstream import Reply, Request, answer, completion, event, stream

BAD_MARK = "please fail"
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PHRASES = (
    "Some guidance, please.",
    "outlines of the json schema",
    "this model does not support tools",
    "tools are not supported",
    "requires --enable-auto-tool-choice and --tool-call-parser to be set",
    "response_format is not supported, nor is tool_choice",
    "tools: Extra inputs are not permitted",
    "failed to parse grammar",
    "keywords such as 'if' are not supported",
    "outlines: the regex's look-ahead",
)


def said(request: Request) -> str:
    return str(request.json["messages"][-1]["content"])


def python_list(request: Request) -> str:
    """vLLM's text of a request that pydantic refuses."""
    error = {"type": "value_error", "loc": ("body",), "msg": "Value error, bad flags", "input": request.json}
    return repr([error])


QUOTES: tuple[Callable[[Request], str], ...] = (
    lambda request: f"Invalid message content: {request.json['messages'][-1]['content']!r}",
    lambda request: f"Invalid message content: {request.json['messages'][-1]['content']}",
    lambda request: f"Bad request: {json.dumps(request.json)}",
    lambda request: (
        f"1 validation error for Chat\n  bad [type=value_error, input_value={request.json!r}, input_type=dict]"
    ),
    python_list,
    lambda request: f"Could not process: {said(request).upper()}",
    lambda request: f"Could not process: {html.escape(said(request))}",
    lambda request: f"Could not process: {json.dumps(json.dumps(request.json))}",
    lambda request: f"Could not process: {said(request)[:60]}... (truncated)",
)


class MoodyUpstream:
    """Calls natively, decides under a schema; `mood` says what it can't do now."""

    def __init__(self) -> None:
        self.mood = "well"
        self.quote = QUOTES[0]

    def __call__(self, request: Request) -> Reply:
        body = request.json
        text = json.dumps(body)
        if BAD_MARK in text:
            return refuse(self.quote(request))
        if "(?=" in json.dumps([body.get("tools"), body.get("response_format")]):
            return refuse("failed to parse grammar")
        if "x-unknown" in body:
            return refuse("1 validation error: x-unknown: Extra inputs are not permitted")
        if "tools" in body and self.mood in ("no tools", "nothing"):
            return refuse('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
        if "response_format" in body and self.mood in ("no schema", "nothing"):
            return refuse("response_format of type json_schema is not supported")
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> Reply:
        name = re.findall(r"\b(?:get_weather|[a-g]\d)\b", json.dumps(body))[0]
        arguments = {"city": "Oslo"} if name == "get_weather" else {}
        if "response_format" in body:
            call = {"name": name, "arguments": arguments}
            return answer(completion({"content": json.dumps({"action": "call", "calls": [call]})}))
        if "tools" in body:
            return answer(completion({"tool_calls": [native(name, json.dumps(arguments))]}, "tool_calls"))
        city = '<parameter name="city">Oslo</parameter>\n' if arguments else ""
        invoke = f'<invoke name="{name}">\n{city}</invoke>'
        return answer(completion({"content": f"<function_calls>\n{invoke}\n</function_calls>"}))


def refuse(message: str) -> Reply:
    return answer({"error": {"message": message, "type": "BadRequestError", "code": 400}}, status=400)


def question(content: str, tool: dict[str, Any] = TOOL, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], "tools": [tool], **fields}


def another(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def bad_request(dice: random.Random) -> dict[str, Any]:
    content = f"{BAD_MARK}: {dice.choice(PHRASES)}"
    tool = dice.choice([TOOL, another(f"f{dice.randrange(9)}", {"type": "object"})])
    lookahead = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)a"}}}
    fields: dict[str, Any] = dice.choice([{}, {"tool_choice": "required"}, {"parallel_tool_calls": False}])
    return dice.choice(
        [
            question(content, tool, **fields),
            question(content, tool, **fields),
            question("Call it.", another(f"g{dice.randrange(9)}", lookahead), **fields),
            question("Hi.", tool, **{**fields, "x-unknown": True}),
        ]
    )


async def good(running: RunningGateway, **fields: Any) -> tuple[int, str]:
    """Ask well; return the status and the priority that served, with the call checked."""
    response = await running.post(question("Weather in Oslo?", **fields))
    if response.status_code == 200:
        (call,) = response.json()["choices"][0]["message"]["tool_calls"]
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    return response.status_code, response.headers["x-toolgate-priority"]


async def play(seed: int, *, alone: bool) -> list[tuple[int, str]]:
    """Play one sequence; return how the good client was served. The dice fall alike with and without the bad one."""
    dice, bad_dice = random.Random(seed), random.Random(seed + 1)
    upstream = MoodyUpstream()
    served = []
    async with gateway(upstream) as running:
        for _ in range(30):
            upstream.mood = dice.choice(["well"] * 6 + ["no tools", "no schema", "nothing"])
            for _ in range(dice.randrange(4)):
                upstream.quote = bad_dice.choice(QUOTES)
                if not alone:
                    response = await running.post(bad_request(bad_dice))
                    assert response.status_code in (200, 400)
            served.append(await good(running, **dice.choice([{}, {"tool_choice": "required"}])))
    return served


@pytest.mark.parametrize("seed", range(4))
async def test_a_bad_client_does_not_lower_the_success_of_a_good_one(seed: int) -> None:
    beside, alone = await play(seed, alone=False), await play(seed, alone=True)
    assert [status for status, _ in alone] == [200] * len(alone)
    assert [status for status, _ in beside] == [200] * len(beside)


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("phrase", PHRASES)
async def test_nothing_that_is_quoted_takes_native_calls_from_another_client(
    quote: Callable[[Request], str], phrase: str
) -> None:
    upstream = MoodyUpstream()
    upstream.quote = quote
    async with gateway(upstream) as running:
        bad = f"{BAD_MARK}: {phrase}"
        for tool in (TOOL, *(another(name, {"type": "object"}) for name in ("a1", "b1", "c1", "d1"))):
            for escaped in (False, True):
                body = json.dumps(question(bad, tool))
                sent = body.replace(bad, "".join(f"\\u{ord(letter):04x}" for letter in bad)) if escaped else body
                response = await running.post(sent.encode())
                assert response.status_code == 400
        assert await good(running) == (200, "1")


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize("code", [400, 500, "invalid_request_error"])
async def test_an_error_inside_an_answer_takes_nothing_from_the_next_one(phrase: str, code: int | str) -> None:
    upstream = MoodyUpstream()
    error = {"error": {"message": phrase, "type": "BadRequestError", "code": code}}

    def reply(request: Request) -> Reply:
        if BAD_MARK not in json.dumps(request.json) or "tools" not in request.json:
            return upstream(request)
        return stream(event(error), event("[DONE]")) if request.json.get("stream") else answer(error)

    async with gateway(reply) as running:
        for streamed in (True, False):
            await running.post(question(BAD_MARK, stream=streamed))
            assert await good(running) == (200, "1")


async def test_a_refused_schema_is_about_its_own_tools() -> None:
    lookahead = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)a"}}}
    async with gateway(MoodyUpstream()) as running:
        for number in range(5):
            await running.post(question("Call it.", another(f"g{number}", lookahead)))
        assert await good(running) == (200, "1")
        before = len(running.chats())
        await running.post(question("Call it.", another("g0", lookahead)))
        assert len(running.chats()) == before + 1


async def test_a_missing_feature_is_learned_from_different_requests() -> None:
    upstream = MoodyUpstream()
    upstream.mood = "nothing"
    async with gateway(upstream) as running:
        for number in range(4):
            await running.post(question("Weather?", another(f"g{number}", {"type": "object"})))
        before = len(running.chats())
        assert await good(running) == (200, "3")
        assert len(running.chats()) == before + 1
