"""Every persona, with tools required and not: right calls where a model is able, clear errors where nothing helps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.acceptance.asked import Asked, body_of, shown
from tests.acceptance.driver import Driver
from tests.acceptance.stacks import embedded, simulator, until_up
from tests.support.questions import Question, tool_questions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

COUNT = 60
CONCURRENCY = 16
DEADLINE_S = 30
# A plain upstream has no constraint to help it, and a model's leaks can look like answers: one in twenty may be wrong.
ABLE = {"gpt-oss-20b": 0.98, "gpt-oss-20b-recent": 0.98, "qwen-strong": 1.0, "hermes-leaky": 0.95, "plain-text": 0.95}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def driver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driver]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    with simulator(folder) as upstream:
        async with aiohttp.ClientSession() as session:
            await until_up(session, f"{upstream}/models")
            async with embedded(upstream) as stack:
                yield Driver(session, stack.url)


async def ask(driver: Driver, model: str, choice: str, mode: str) -> list[Asked]:
    """Ask a model some questions, every other one streamed."""
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(number: int, question: Question) -> Asked:
        async with limit, asyncio.timeout(DEADLINE_S):
            outcome = await driver.ask(body_of(question, model, choice), mode=mode, stream=number % 2 == 0)
        return Asked(question, outcome)

    questions = tool_questions(11, COUNT)
    return list(await asyncio.gather(*(one(number, question) for number, question in enumerate(questions))))


@pytest.mark.parametrize("mode", ["auto", "emulate"])
@pytest.mark.parametrize("choice", ["required", "auto"])
@pytest.mark.parametrize("model", ABLE)
async def test_a_persona_that_is_able_gets_its_calls_right(
    model: str, choice: str, mode: str, driver: Driver, record_property: Callable[[str, object], None]
) -> None:
    asked = await ask(driver, model, choice, mode)
    assert [flaw for one in asked for flaw in one.outcome.flaws] == []
    invalid = [one for one in asked if one.outcome.calls and not one.valid]
    wrong = [one for one in asked if not one.right]
    record_property("figures", f"{model}, {choice}, mode {mode}: {len(asked)} asked, {len(wrong)} not right")
    assert invalid == [], shown(invalid)
    assert len(wrong) <= (1 - ABLE[model]) * len(asked) + 1e-9, shown(wrong)


@pytest.mark.parametrize("mode", ["auto", "emulate"])
@pytest.mark.parametrize("choice", ["required", "auto"])
async def test_chaos_brings_valid_calls_text_or_a_clear_error(
    choice: str, mode: str, driver: Driver, record_property: Callable[[str, object], None]
) -> None:
    asked = await ask(driver, "chaos", choice, mode)
    assert [flaw for one in asked for flaw in one.outcome.flaws] == []
    ends = Counter(
        "call" if one.outcome.calls else "text" if one.outcome.error is None else one.outcome.error["code"]
        for one in asked
    )
    record_property("figures", f"chaos, {choice}, mode {mode}: {dict(ends)}")
    assert [one for one in asked if one.outcome.calls and not one.valid] == []
    assert set(ends) <= {"call", "text", "tool_call_unavailable", "upstream_error", "upstream_cut"}
    if choice == "required":
        assert "text" not in ends
