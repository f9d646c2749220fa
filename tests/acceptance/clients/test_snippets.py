"""Every block of `docs/clients.md` runs unchanged against the address of a running gateway."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.acceptance.clients.node import run_client
from tests.acceptance.clients.snippets import Snippet, snippets

SUNNY = "sunny in Paris, 21 degrees"
PRINTED = {
    "OpenAI SDK for Python": SUNNY,
    "LangChain and LangGraph": "city='Paris' degrees=21.5",
    "pydantic-ai": "city='Paris' degrees=21.5",
    "OpenAI Agents SDK": "Weather agent city='Paris' degrees=21.5",
    "smolagents": SUNNY,
    "Instructor": "city='Paris' days=3",
    "OpenAI SDK for Node": SUNNY,
    "AI SDK": '{"output":{"city":"Paris","degrees":21.5},"steps":2}',
}


def test_every_block_has_an_expectation() -> None:
    assert [one.heading for one in snippets()] == list(PRINTED)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("snippet", snippets(), ids=lambda one: one.heading)
async def test_a_block_prints_the_result(snippet: Snippet, gateway: str, tmp_path: Path) -> None:
    code = snippet.against(gateway)
    if snippet.language == "js":
        output = await run_client(code)
    else:
        file = tmp_path / "snippet.py"
        file.write_text(code, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
    assert PRINTED[snippet.heading] in output.strip().splitlines()[-1]
