"""Invalid requests: each is refused with the wrong field's name, before anything is sent upstream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.acceptance.scripted import ScriptedUpstream, scripted_upstream
from tests.acceptance.stacks import embedded

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

USER = {"role": "user", "content": "hi"}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "1"}


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}, **function}}


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "random", "messages": [USER], **fields}).encode()


CASES: dict[str, tuple[bytes, int, str | None]] = {
    "not JSON": (b'{"model": "random", "messages": [', 400, None),
    "empty": (b"", 400, None),
    "a list": (b"[]", 400, None),
    "bad UTF-8": (chat().replace(b"hi", b"\xff\xfe"), 400, None),
    "100,000 nested brackets": (b'{"model": "random", "messages": ' + b"[" * 100_000, 400, None),
    "100,000 nested brackets, closed": (
        b'{"model":"random","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        400,
        None,
    ),
    "a 5,000-digit number": (chat().replace(b'{"model"', b'{"seed": ' + b"9" * 5_000 + b', "model"'), 400, None),
    "no model": (json.dumps({"messages": [USER]}).encode(), 400, "model"),
    "unknown model": (chat(model="absent"), 404, None),
    "no messages": (json.dumps({"model": "random"}).encode(), 400, "messages"),
    "empty messages": (chat(messages=[]), 400, "messages"),
    "unknown role": (chat(messages=[{"role": "narrator", "content": "x"}]), 400, "messages[0].role"),
    "tool without name": (
        chat(tools=[{"type": "function", "function": {"parameters": {}}}]),
        400,
        "tools[0].function.name",
    ),
    "tool with a name of no use": (chat(tools=[tool(), tool("a b!")]), 400, "tools[1].function.name"),
    "129 tools": (chat(tools=[tool(f"f{n}") for n in range(129)]), 400, "tools"),
    "schema that does not compile": (
        chat(tools=[tool(parameters={"type": "objekt"})]),
        400,
        "tools[0].function.parameters",
    ),
    "schema with a remote reference": (
        chat(tools=[tool(parameters={"$ref": "http://127.0.0.1:9/x.json"})]),
        400,
        "tools[0].function.parameters",
    ),
    "tool_choice for an undeclared tool": (
        chat(tools=[tool()], tool_choice={"type": "function", "function": {"name": "g"}}),
        400,
        "tool_choice",
    ),
    "tool_choice of no kind": (chat(tools=[tool()], tool_choice="sometimes"), 400, "tool_choice"),
    "required without tools": (chat(tool_choice="required"), 400, "tool_choice"),
    "named without tools": (chat(tool_choice={"type": "function", "function": {"name": "f"}}), 400, "tool_choice"),
    "result without a call": (chat(messages=[USER, RESULT], tools=[tool()]), 400, "messages.[1].role"),
    "call without a result": (chat(messages=[USER, CALLED, USER], tools=[tool()]), 400, "messages.[2].role"),
    "call without a result at the end": (chat(messages=[USER, CALLED], tools=[tool()]), 400, "messages.[1].role"),
    "stream_options without stream": (chat(stream_options={"include_usage": True}), 400, "stream_options"),
    "n of none": (chat(n=0), 400, "n"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as serving:
        yield serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[str]:
    async with embedded(upstream.url) as stack:
        yield stack.url


@pytest.mark.parametrize("path", ["/v1", "/emulate/v1"])
@pytest.mark.parametrize("name", CASES)
async def test_a_bad_request_is_refused_before_anything_is_sent_upstream(
    name: str, path: str, gateway: str, upstream: ScriptedUpstream
) -> None:
    body, status, param = CASES[name]
    upstream.requests.clear()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway}{path}/chat/completions", data=body, headers=JSON) as response,
    ):
        error = (await response.json())["error"]
        assert (response.status, error["param"], error["type"]) == (status, param, "invalid_request_error"), error
        assert set(error) == {"message", "type", "param", "code"}
        assert response.headers["x-request-id"]
        assert response.headers["x-toolgate-priority"] == "none"
    assert upstream.requests == []


JSON = {"content-type": "application/json"}
