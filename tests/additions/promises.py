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

_CODEC = f"""{_HEAD}
def pigeon(request):
    if request.path == "/v1/models":
        return answer({{"data": []}})
    assert (request.path, json.loads(request.body)["tools"]) == ("/v1/pigeon", ["get_weather"])
    return Reply([b'call get_weather {{"city":', b'"Oslo"}}\\ndone\\n'], 200, {{"content-type": "text/pigeon"}})

async def main():
  async with scripted(pigeon) as upstream:
   async with gateway(upstreams={{"main": {{"url": upstream.url, "provider": "pigeon"}}}}) as running:
{_CALLED}
    events = await running.events(asked())
    calls = [d for e in events[:-1] for c in e["choices"] for d in c["delta"].get("tool_calls", [])]
    assert "".join(call["function"].get("arguments", "") for call in calls) == '{{"city":"Oslo"}}'
asyncio.run(main())
"""

_FORMAT = f"""{_HEAD}
async def main():
  async with gateway(WEATHER_ANSWER, text_answer("Rain.")) as running:
    card = "m\\nget_weather\\nWhat is the weather in Oslo?"
    first = await running.post(card.encode(), "/v1/postcards")
    assert (first.status_code, first.text) == (200, 'CALL get_weather {{"city":"Oslo"}}\\nYours\\n'), first.text
    assert (await running.post(card.encode(), "/v1/postcards")).text == "Rain.\\nYours\\n"
    assert (await running.http.get(running.url + "/v1/postcards")).status_code == 405
    wrong = await running.post(b"m", "/v1/postcards")
    assert (wrong.status_code, wrong.text) == (400, "LOST invalid"), wrong.text
asyncio.run(main())
"""
_NO_FORMAT = f"""{_HEAD}
async def main():
  async with gateway() as running:
    answer = await running.post(b"m\\nget_weather\\nHi?", "/v1/postcards")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), answer.text
    assert "POST /v1/postcards" in answer.json()["error"]["message"]
asyncio.run(main())
"""

_DECIDED = '{"action":"call","calls":[{"name":"get_weather","arguments":{"city":"Oslo"}}]}'
_STRATEGY = f"""{_HEAD}
def patient(request):
    assert json.loads(request.body)["messages"][0] == {{"role": "system", "content": "Thank you."}}
    return text_answer('{_DECIDED}')

async def main():
  async with gateway(patient, models={{"m": {{"upstream": "main", "policy": {{"ladder": ["patient"]}}}}}}) as running:
{_CALLED}
    assert (await running.post(asked())).headers["x-toolgate-attempts"] == "patient:ok"
asyncio.run(main())
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

_OUTSIDE = "from tests.additions.outside"
_MODELS = "TOOLGATE_MODELS"
_UPSTREAMS = "TOOLGATE_UPSTREAMS"

PROMISES = (
    Promise(
        "codec",
        (
            Edit(
                f"{FORMATS}/codecs/table.py", f"{_OUTSIDE}.pigeon_codec import PigeonCodec\n", "import OpenAIChatCodec"
            ),
            Edit(f"{FORMATS}/codecs/table.py", '        "pigeon": PigeonCodec,\n', '"openai_chat": OpenAIChatCodec'),
            Edit(f"{GATEWAY}/upstreams/table.py", '    "pigeon": ProviderSpec(codec="pigeon"),\n', "PROVIDERS: "),
        ),
        _CODEC,
        ((_UPSTREAMS, '{"main": {"url": "http://127.0.0.1:9", "provider": "pigeon"}}'),),
        "'pigeon'",
    ),
    Promise(
        "API format",
        (
            Edit(f"{FORMATS}/api/table.py", f"{_OUTSIDE}.postcard_format import PostcardFormat\n", "import OpenAIChat"),
            Edit(f"{FORMATS}/api/table.py", '        "postcard": PostcardFormat(),\n', '"openai_chat"'),
        ),
        _FORMAT,
        missing=_NO_FORMAT,
    ),
    Promise(
        "strategy",
        (
            Edit(f"{CORE}/types/vocabulary.py", '    PATIENT = ("patient", 5)\n', 'TWO_PASS = ("two_pass", 4)'),
            Edit(
                f"{CORE}/strategies/table.py", f"{_OUTSIDE}.patient_strategy import PATIENT\n", "import bridge, guided"
            ),
            Edit(f"{CORE}/strategies/table.py", "    PATIENT,\n", "_ROWS = ("),
        ),
        _STRATEGY,
        ((_MODELS, '{"m": {"model": "m", "policy": {"ladder": ["patient"]}}}'),),
        "'patient'",
    ),
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
