"""The simulator is held to answers that a real vLLM 0.32 gave (`cases/vllm_0_32`), byte for byte where it refuses.

The real one was `vllm serve` with Qwen2.5-Coder-0.5B, a length of 4096, `--enable-auto-tool-choice` and
`--tool-call-parser hermes`. A request that names no messages asks for the weather.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolgate_simulator.engine import Engine
from toolgate_simulator.faults import RefusedError
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import vllm_parser

from tests.support.simulator import simulator

Json = dict[str, Any]
CASES = Path(__file__).parent / "cases" / "vllm_0_32"
REFUSED: dict[str, Json] = json.loads((CASES / "refused.json").read_text(encoding="utf-8"))
ACCEPTED: dict[str, Json] = json.loads((CASES / "accepted.json").read_text(encoding="utf-8"))
ASKED = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
FLAGS = ["--served-model-name=qwen2.5-coder-0.5b", "--max-model-len=4096", "--tool-call-parser=hermes"]
SETTINGS = settings_of(vllm_parser().parse_args(["qwen2.5-coder", *FLAGS, "--enable-auto-tool-choice"]), {})
ENGINE = Engine(SETTINGS)


def request(recorded: Json) -> Json:
    """Return a recorded request; the word `__absent__` stands for a field that was left out."""
    return {key: value for key, value in {**ASKED, **recorded}.items() if value != "__absent__"}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_in_the_same_words(name: str) -> None:
    case = REFUSED[name]
    with pytest.raises(RefusedError) as caught:
        ENGINE.accept(request(case["request"]), "x")
    assert (caught.value.status, caught.value.body["error"]) == (case["status"], case["error"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_request_that_was_taken_is_taken(name: str) -> None:
    assert ENGINE.accept(request(ACCEPTED[name]), "x").generations


ANSWERS: dict[str, Json] = json.loads((CASES / "answers.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """Return what a value looks like: keys in their order, kinds of leaves, the first element of a list."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_has_the_same_shape(name: str) -> None:
    case = ANSWERS[name]
    async with simulator(SETTINGS) as url, httpx.AsyncClient() as http:
        given = await http.post(f"{url}/chat/completions", json=case["request"])
    if "answer" in case:
        assert shape(given.json()) == shape(case["answer"])
        return
    lines = [line.removeprefix("data: ") for line in given.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    chunks, recorded = [json.loads(line) for line in lines], case["chunks"]
    # the beginning, the last delta, and what comes after it
    for place in (0, 1, 2, -2, -1):
        assert shape(chunks[place]) == shape(recorded[place])
