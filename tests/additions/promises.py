"""What CONTRIBUTING promises for the kinds of additions: each works from outside by its rows alone. Data.

The files are in `outside/`; that of the API format is `tests/formats/api/blocks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.additions.table import CORE, EXECUTOR, FORMATS, GATEWAY, Edit


@dataclass(frozen=True)
class Promise:
    """One addition from outside.

    Attributes:
        what: its row in CONTRIBUTING's table "Where do I add".
        rows: the edits, all of them rows of tables and their imports.
        script: runs it end to end; raises where it does not work.
        settings: variables of a gateway that uses it, for the start without its rows.
        fault: what the one line of that start names; empty where no setting names the addition.
        missing: a script that shows what happens without the rows instead.
    """

    what: str
    rows: tuple[Edit, ...]
    script: str
    settings: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    missing: str = ""


_HEAD = """
import asyncio, json
from tests.gateway.running import *
"""
_CALLED = """
    [choice] = (await running.post(asked())).json()["choices"]
    [call] = choice["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("get_weather", {"city": "Oslo"})
"""

_DIALECT = f"""{_HEAD}
TEXT = '<angle_call>{{"name": "get_weather", "arguments": {{"city": "Oslo"}}}}</angle_call>'
async def main():
  models = {{"m": {{"upstream": "main", "policy": {{"native_dialect": "angle"}}}}}}
  async with gateway(text_answer(TEXT), models=models) as running:
{_CALLED}
asyncio.run(main())
"""

_TOOL = f"""{_HEAD}
from toolgate_tool_executor.executor import Executor

async def main():
  async with gateway(executor=Executor()) as running:
    answer = (await running.post({{"name": "Ada"}}, "/tools/greet")).json()
    assert answer["content"] == "Hello, Ada.", answer
    listed = (await running.http.get(running.url + "/tools")).json()["data"]
    assert "greet" in [tool["function"]["name"] for tool in listed]
asyncio.run(main())
"""
_NO_TOOL = f"""{_HEAD}
from toolgate_tool_executor.executor import Executor

async def main():
  async with gateway(executor=Executor()) as running:
    answer = await running.post({{"name": "Ada"}}, "/tools/greet")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "tool_not_found"), answer.text
asyncio.run(main())
"""

_SINK = f"""{_HEAD}
from tests.additions.outside.memory_sink import KEPT
async def main():
  async with gateway(WEATHER_ANSWER) as running:
    assert (await running.post(asked())).status_code == 200
  assert [(str(record.outcome), record.model, record.status) for record in KEPT] == [("success", "m", 200)], KEPT
asyncio.run(main())
"""
_NO_SINK = _SINK.replace('== [("success", "m", 200)]', "== []")

_FORMAT = f"""{_HEAD}
async def main():
  async with gateway(WEATHER_ANSWER) as running:
    for path in ("/v1/blocks", "/blocks"):
      events = (await running.post(asked(), path)).json()["events"]
      assert [event["name"] for event in events if event.get("block") == "call"] == ["get_weather"], events
    wrong = await running.post(asked(n=2), "/v1/blocks")
    assert (wrong.status_code, wrong.json()["type"]) == (400, "error"), wrong.text
asyncio.run(main())
"""
_NO_FORMAT = f"""{_HEAD}
async def main():
  async with gateway(WEATHER_ANSWER) as running:
    answer = await running.post(asked(), "/v1/blocks")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), answer.text
asyncio.run(main())
"""

_OUTSIDE = "from tests.additions.outside"
_MODELS = "TOOLGATE_MODELS"

PROMISES = (
    Promise(
        "dialect",
        (
            Edit(f"{CORE}/dialects/table.py", f"{_OUTSIDE}.angle_dialect import ANGLE\n", "import APRIEL"),
            Edit(f"{CORE}/dialects/table.py", "    ANGLE,\n", "    HERMES,"),
        ),
        _DIALECT,
        ((_MODELS, '{"m": {"model": "m", "policy": {"native_dialect": "angle"}}}'),),
        "angle",
    ),
    Promise(
        "API format",
        (
            Edit(f"{FORMATS}/api/table.py", "from tests.formats.api.blocks import Blocks\n", "import ApiFormat"),
            Edit(f"{FORMATS}/api/table.py", '        "blocks": Blocks(),\n', '"openai_chat"'),
        ),
        _FORMAT,
        missing=_NO_FORMAT,
    ),
    Promise(
        "tool",
        (
            Edit(f"{EXECUTOR}/tools/__init__.py", f"{_OUTSIDE}.greet_tool import Greet\n", "import Calculator"),
            Edit(f"{EXECUTOR}/tools/__init__.py", "    Greet,\n", "    SystemInfo,"),
        ),
        _TOOL,
        missing=_NO_TOOL,
    ),
    Promise(
        "sink of request records",
        (
            Edit(
                f"{GATEWAY}/telemetry/sinks/table.py", f"{_OUTSIDE}.memory_sink import MemorySink\n", "import LogSink"
            ),
            Edit(f"{GATEWAY}/telemetry/sinks/table.py", "    MemorySink,\n", "    LogSink,"),
        ),
        _SINK,
        missing=_NO_SINK,
    ),
)
