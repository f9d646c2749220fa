"""What an upstream says about trying again reaches the official clients, which obey it."""

from typing import Any, cast

import openai
import pytest

from tests.gateway.running import MODEL, QUESTION, gateway
from tests.support.upstream import answer


@pytest.mark.parametrize("path", ["/v1", "/passthrough/v1"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstream_that_forbids_retries_is_called_once(path: str, stream: bool) -> None:
    broken = answer({"error": {"message": "boom", "code": 7}}, status=500, x_should_retry="false", retry_after_ms="20")
    async with gateway(broken) as running:
        client, messages = running.openai(path, max_retries=2), cast("Any", QUESTION)
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model=MODEL, messages=messages, stream=stream)
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert caught.value.response.headers["retry-after-ms"] == "20"
        assert caught.value.code == "upstream_error"
        assert len(running.chats()) == 1


async def test_a_rate_limit_gives_its_wait_in_milliseconds() -> None:
    slow = answer({"error": {"message": "slow down"}}, status=429, retry_after_ms="15", retry_after="9")
    async with gateway(slow, slow, answer({"choices": [{"index": 0, "message": {"content": "Hi"}}]})) as running:
        client = running.openai(max_retries=2)
        await client.chat.completions.create(model=MODEL, messages=QUESTION)  # type: ignore[arg-type]
        assert len(running.chats()) == 3
        response = await running.post({"model": MODEL, "messages": QUESTION})
        assert response.status_code == 200
