"""Attacks with bodies, schemas and arguments: each is refused or served, and nobody else waits for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.attacks.driver import Attacked, attacked, shown
from tests.support.upstream import Reply, Request, answer, completion

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

USER = {"role": "user", "content": "hi"}


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}, separators=(",", ":")).encode()


def tool(parameters: Any, name: str = "t") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def script(request: Request) -> Reply:
    """An upstream whose model says what the request's `user` field says, as native arguments; else a word."""
    if request.method == "GET":
        return answer({"object": "list", "data": [{"id": "m", "object": "model"}]})
    said = json.loads(request.body).get("user", "")
    if not said:
        return answer(completion({"content": "yes"}))
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": said}}
    return answer(completion({"content": None, "tool_calls": [call]}, "tool_calls"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Attacked]:
    async with attacked(script, request_timeout_ms=20_000) as running:
        yield running


async def test_plain_question_is_served_and_livez_answers(
    gateway: Attacked, record_property: Callable[[str, object], None]
) -> None:
    async with gateway.watched("one plain question") as cost:
        found = await gateway.post(chat(tools=[tool({"type": "object"})]))
        cost.statuses.append(found.status)
    shown(cost, record_property)
    assert found.status == 200
