"""The AI SDK and the OpenAI SDK for Node: agents with a tool, and a typed result beside it."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.clients.conftest import MODELS, Turns
from tests.acceptance.clients.node import FOLDER, run_client
from tests.acceptance.clients.weather import FACTS, SUNNY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", MODELS)
async def test_agents_for_node_end_with_their_results(name: str, gateway: str, turns: Turns) -> None:
    code = (FOLDER / "agents.mjs").read_text(encoding="utf-8")
    found = json.loads(await run_client(code, GATEWAY=gateway, MODEL=name))
    assert [SUNNY in answer for answer in found.pop("openai")] == [True, True]
    assert found == {"whole": [FACTS, 2], "streamed": [FACTS, 2]}
    turns.check(8)
