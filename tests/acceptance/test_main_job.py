"""The main job: valid and right calls from a model that never calls tools natively, and true counts of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from toolgate_cli.stack import Stack

from tests.acceptance.asked import Asked, body_of, shown
from tests.acceptance.driver import Driver
from tests.acceptance.stacks import embedded, samples, simulator, until_up
from tests.acceptance.tally import Tally
from tests.support.questions import Question, plain_questions, tool_questions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

MODEL = "gpt-oss-20b"
CONCURRENCY = 16
COUNTED_S = 5
GROUPS = [
    (choice, mode, stream)
    for choice in ("required", "auto")
    for mode in ("auto", "emulate")
    for stream in (False, True)
]
PLAIN_GROUPS = [(mode, stream) for mode in ("auto", "emulate") for stream in (False, True)]


@dataclass
class Run:
    """All answers of one run, by group, and the two pages on which the gateway counts."""

    answers: dict[tuple[str, str, bool], list[Asked]] = field(default_factory=dict)
    tally: Tally = field(default_factory=lambda: Tally(MODEL))


async def ask_all(driver: Driver, run: Run, questions: list[Question], group: tuple[str, str, bool]) -> None:
    """Ask all questions of a group, sixteen at a time."""
    label, mode, stream = group
    choice = "auto" if label == "plain" else label
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(question: Question) -> Asked:
        async with limit:
            outcome = await driver.ask(body_of(question, MODEL, choice), mode=mode, stream=stream)
        run.tally.add(choice, outcome)
        return Asked(question, outcome)

    run.answers[group] = list(await asyncio.gather(*map(one, questions)))


async def settled_pages(session: aiohttp.ClientSession, run: Run, url: str, metrics_url: str) -> tuple[Any, Any]:
    """Return `/stats` and `/metrics` once the last request has been counted (which comes after its last byte)."""
    async with asyncio.timeout(COUNTED_S):
        while True:
            async with session.get(f"{url}/stats") as response:
                stats = await response.json()
            if stats["statistics"]["total_requests"] >= run.tally.total:
                return stats, await samples(session, metrics_url)
            await asyncio.sleep(0.05)


async def drive(url: str, metrics_url: str, *, tools: int, plain: int) -> tuple[Run, Any, Any]:
    """Ask everything; return the answers, `/stats` and `/metrics`."""
    run = Run()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
        driver = Driver(session, url)
        for seed, choice in ((1, "required"), (2, "auto")):
            for mode, stream in PLAIN_GROUPS:
                await ask_all(driver, run, tool_questions(seed, tools), (choice, mode, stream))
        for mode, stream in PLAIN_GROUPS:
            await ask_all(driver, run, plain_questions(3, plain), ("plain", mode, stream))
        stats, metrics = await settled_pages(session, run, url, metrics_url)
    return run, stats, metrics


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def driven(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Run, Any, Any]]:
    with simulator(tmp_path_factory.mktemp("simulator")) as upstream:
        async with aiohttp.ClientSession() as session:
            await until_up(session, f"{upstream}/models")
        async with embedded(upstream) as stack:
            yield await drive(stack.url, stack.metrics_url, tools=500, plain=300)


@pytest.mark.parametrize("group", GROUPS, ids=[f"{c}-{m}-{'streamed' if s else 'whole'}" for c, m, s in GROUPS])
async def test_nearly_every_tool_question_becomes_a_valid_and_right_call(
    group: tuple[str, str, bool], driven: tuple[Run, Any, Any], record_property: Callable[[str, object], None]
) -> None:
    answers = driven[0].answers[group]
    assert [flaw for answer in answers for flaw in answer.outcome.flaws] == []
    invalid = [answer for answer in answers if not answer.valid]
    wrong = [answer for answer in answers if not answer.right]
    choice, mode, stream = group
    record_property(
        "figures",
        f"{MODEL}, {choice}, mode {mode}, {'streamed' if stream else 'whole'}: "
        f"{len(answers)} asked, {len(invalid)} not valid, {len(wrong)} not right",
    )
    assert len(invalid) <= 0.005 * len(answers), shown(invalid)
    assert len(wrong) <= 0.01 * len(answers), shown(wrong)


@pytest.mark.parametrize("group", PLAIN_GROUPS, ids=[f"{m}-{'streamed' if s else 'whole'}" for m, s in PLAIN_GROUPS])
async def test_questions_that_need_no_tool_bring_no_call(group: tuple[str, bool], driven: tuple[Run, Any, Any]) -> None:
    answers = driven[0].answers["plain", *group]
    assert len(answers) == 300
    called = [answer for answer in answers if answer.outcome.calls]
    silent = [answer for answer in answers if not (answer.outcome.content or "").strip()]
    assert called == [], shown(called)
    assert silent == [], shown(silent)


async def test_stats_and_metrics_say_what_the_driver_counted(
    driven: tuple[Run, Any, Any], record_property: Callable[[str, object], None]
) -> None:
    run, stats, metrics = driven
    record_property("figures", f"/stats after {run.tally.total} requests: {json.dumps(stats['success_rates'])}")
    counted, said = run.tally.stats(stats)
    assert said == counted
    samples, exposed = run.tally.metrics(metrics)
    assert exposed == samples


async def test_the_same_holds_over_grpc_services(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        run, stats, metrics = await drive(stack.gateway_url, stack.metrics_url, tools=40, plain=20)
    wrong = [answer for group in GROUPS for answer in run.answers[group] if not (answer.valid and answer.right)]
    called = [answer for group in PLAIN_GROUPS for answer in run.answers["plain", *group] if answer.outcome.calls]
    assert wrong == [], shown(wrong)
    assert called == [], shown(called)
    assert [flaw for group in run.answers.values() for answer in group for flaw in answer.outcome.flaws] == []
    counted, said = run.tally.stats(stats)
    assert said == counted
    samples, exposed = run.tally.metrics(metrics)
    assert exposed == samples
