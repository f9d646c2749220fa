"""Instructor: a result by a named tool, whole and growing while it streams, and by `response_format`."""

from __future__ import annotations

import instructor
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.acceptance.clients.conftest import MODELS, Turns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MESSAGES = [{"role": "user", "content": "What will the weather be in Paris for 3 days?"}]
# Without tools a request goes up untouched: a schema holds where the server knows one.
ASKED = [
    *((name, instructor.Mode.TOOLS) for name in MODELS),
    *((name, instructor.Mode.JSON_SCHEMA) for name in ("gpt-oss-20b-recent", "qwen-strong", "hermes-leaky")),
]


class Forecast(BaseModel):
    """Which forecast is asked for."""

    city: str
    days: int


WANTED = Forecast(city="Paris", days=3)


@pytest.mark.parametrize(("name", "mode"), ASKED)
def test_a_response_model_is_filled(name: str, mode: instructor.Mode, gateway: str, turns: Turns) -> None:
    with OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as http:
        client = instructor.from_openai(http, mode=mode)
        found = client.chat.completions.create(model=name, response_model=Forecast, messages=MESSAGES, max_retries=0)
    assert found.model_dump() == WANTED.model_dump()
    turns.check(1)


@pytest.mark.parametrize("name", MODELS)
def test_a_streamed_response_model_grows_to_the_same(name: str, gateway: str, turns: Turns) -> None:
    with OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as http:
        client = instructor.from_openai(http)
        parts = list(client.chat.completions.create_partial(model=name, response_model=Forecast, messages=MESSAGES))
    assert parts[-1].model_dump() == WANTED.model_dump()
    turns.check(1)
