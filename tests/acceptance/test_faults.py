"""A service that dies under load: clear errors, no hang, and full service soon after its return."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from toolgate_cli.stack import Stack

from tests.acceptance.asked import Asked, body_of
from tests.acceptance.driver import Driver
from tests.support.questions import tool_questions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

DEADLINE_S = 6
MARGIN_S = 1.5
RECOVERY_S = 5
CONCURRENCY = 12


class Load:
    """Asks without pause until it is stopped."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._questions = tool_questions(7, 400)
        self._began = time.monotonic()
        self._count = 0
        self.stopped = False
        self.asked: list[Asked] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(CONCURRENCY)))

    async def _work(self) -> None:
        while not self.stopped:
            self._count += 1
            number = self._count
            question = self._questions[number % len(self._questions)]
            began = self.now
            outcome = await self._driver.ask(
                body_of(question, "gpt-oss-20b", "required"), mode="emulate", stream=number % 2 == 0
            )
            self.asked.append(Asked(question, outcome, began, self.now))
            if outcome.error is not None:
                await asyncio.sleep(0.02)  # a client that receives `retry-after` would wait longer


@pytest.mark.parametrize("name", ["extractor", "prompt-transformer"])
async def test_a_service_killed_under_load_is_said_clearly_and_served_again_soon(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with Stack(tmp_path, settings={"TOOLGATE_REQUEST_TIMEOUT_MS": DEADLINE_S * 1000}) as stack:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            load = Load(Driver(session, stack.gateway_url))
            running = asyncio.create_task(load.run())
            await asyncio.sleep(2)
            service = stack.services[name]
            killed = load.now
            service.kill()
            await asyncio.sleep(3)
            service.start()
            returned = load.now
            await asyncio.sleep(RECOVERY_S + 3)
            load.stopped = True
            await running
    record_property("figures", f"{name} killed: {judge(load.asked, killed=killed, returned=returned)}")


def judge(asked: list[Asked], *, killed: float, returned: float) -> str:
    """Check every answer of the run; return the measurements."""
    failed = [one for one in asked if not one.valid]
    slow = [one for one in asked if one.ended - one.began > DEADLINE_S + MARGIN_S]
    last = max((one.began for one in failed), default=killed)
    assert [one for one in asked if one.began < killed - 1 and not one.valid] == []
    assert failed, "nothing noticed the kill"
    assert slow == []
    assert {one.outcome.status for one in failed} <= {200, 502, 503, 504}
    assert [one.outcome for one in failed if one.outcome.error is None or one.outcome.calls] == []
    assert [one.outcome.error for one in failed if not (one.outcome.error or {}).get("message")] == []
    assert [flaw for one in asked for flaw in one.outcome.flaws] == []
    assert last < returned + RECOVERY_S
    after = [one for one in asked if one.began > returned + RECOVERY_S]
    assert after
    assert [one for one in after if not one.valid] == []
    return (
        f"{len(asked)} asked, {len(failed)} failed, the longest took {max(one.ended - one.began for one in asked):.2f} s, "
        f"the last failure began {last - returned:+.2f} s from the service's return"
    )


async def test_without_the_tool_executor_tools_say_so_and_chat_goes_on(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            stack.services["tool-executor"].kill()
            url = f"{stack.gateway_url}/tools/calculator"
            async with session.post(url, json={"expression": "1 + 1"}) as response:
                status, error = response.status, (await response.json())["error"]
            assert (status, error["code"]) == (503, "service_unavailable")
            assert "tool-executor" in error["message"]
            [question] = tool_questions(8, 1)
            outcome = await Driver(session, stack.gateway_url).ask(body_of(question, "qwen-strong", "required"))
            assert Asked(question, outcome).right
            stack.services["tool-executor"].start()
            stack.wait_until_ready(RECOVERY_S)
            async with session.post(url, json={"expression": "1 + 1"}) as response:
                assert (await response.json())["structured"]["value"] == 2


async def test_without_the_upstream_every_request_fails_at_once(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        assert stack.simulator is not None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            driver = Driver(session, stack.gateway_url)
            questions = tool_questions(9, 4)
            stack.simulator.kill()
            for number, question in enumerate(questions):
                outcome = await driver.ask(body_of(question, "qwen-strong", "auto"), stream=number % 2 == 0)
                assert outcome.error is not None
                assert (outcome.status, outcome.error["code"]) == (502, "upstream_unreachable")
            stack.simulator.start()
            stack.simulator.wait_until_listening()
            for question in questions:
                assert Asked(question, await driver.ask(body_of(question, "qwen-strong", "auto"))).right
