"""The real engine, the gateway in front of it, and all answers of a run; each made once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import httpx
import pytest

from tests.acceptance.stacks import embedded
from tests.engine.asking import ANSWER_S, Answered, Asker, Run, colour, several, unsatisfiable
from tests.engine.engines import Engine, command, main_engine
from tests.support.figures import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]


SEVERAL = {"auto": "/v1", "emulate": "/emulate/v1"}


@dataclass
class Measured:
    """A run, and what the engine counted and logged during the gateway's part of it."""

    run: Run
    model: str
    isolated: list[Answered]
    choices: dict[str, list[list[str]]]
    counted: tuple[int, int]
    errors: list[str]
    seconds: float


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if not command():
        pytest.skip("TOOLGATE_ENGINE names no command that starts a vLLM")
    with main_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def model(engine: Engine) -> str:
    return str(httpx.get(f"{engine.api}/models", trust_env=False, timeout=60).json()["data"][0]["id"])


@pytest.fixture(scope="session")
def measured(engine: Engine, model: str) -> Measured:
    return asyncio.run(_measure(engine, model))


async def _measure(engine: Engine, model: str) -> Measured:
    run, began = Run(), time.monotonic()
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, embedded(engine.api) as gateway:
        asker = Asker(session, engine, gateway.url, model)
        await asker.ask_all(run, "direct")
        before, logged = await tokens(session, engine), engine.logged()
        for way in ("auto", "emulate"):
            await asker.ask_all(run, way)
        after, errors = await tokens(session, engine), engine.logged()[len(logged) :]
        isolated = [
            await asker.ask(question, way, streamed=False)
            for way in ("auto", "emulate")
            for question in (colour("green"), unsatisfiable(), colour("blue"))
        ]
        choices = {way: await several(session, f"{gateway.url}{path}", model) for way, path in SEVERAL.items()}
    counted = (after[0] - before[0], after[1] - before[1])
    return Measured(run, model, isolated, choices, counted, errors, time.monotonic() - began)


async def tokens(session: aiohttp.ClientSession, engine: Engine) -> tuple[int, int]:
    """Return the prompt and generation tokens that the engine has counted since it started."""
    async with session.get(engine.metrics_url) as response:
        text = await response.text()
    return _counter(text, "vllm:prompt_tokens_total"), _counter(text, "vllm:generation_tokens_total")


def _counter(text: str, name: str) -> int:
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines() if line.startswith(name + "{"))
