"""`vllm serve …`: the simulator in vLLM's place, by the same command line."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError
from toolgate_simulator.settings import Settings, SettingsError
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import REASONING_PARSERS, TOOL_PARSERS, vllm_parser

from tests.support.simulator import simulator

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
HERMES = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")


def vllm_settings(*arguments: str, **environment: str) -> Settings:
    """The settings that a command line and an environment give, on a free port."""
    return settings_of(vllm_parser().parse_args([*arguments, "--host", "127.0.0.1", "--port", "0"]), environment)


async def ask(settings: Settings, **fields: Any) -> Any:
    """Ask the first served model, with the official client."""
    async with simulator(settings) as url, AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        said = await client.chat.completions.create(model=settings.served[0][0], messages=QUESTION, **fields)
    return said.choices[0].message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m", "--tool-call-parser", "nope", *HERMES[:1]], "invalid tool call parser: nope"),
        (["m", "--reasoning-parser", "nope"], "invalid reasoning parser: nope"),
        (["m", "--enable-auto-tool-choice"], "requires --tool-call-parser"),
        (["m", "--tensor-parallel-size", "3", "--nnodes", "2"], "must be divisible by --nnodes 2"),
        (["m", "--tensor-parallel-size", "0"], "--tensor-parallel-size must be at least 1"),
        (["m", "-tp", "8", "--nnodes", "2", "--node-rank", "1", "--master-addr", "a"], "it needs --headless"),
        (["m", "-tp", "8", "--nnodes", "2"], "needs --master-addr"),
        (["m", "-tp", "8", "--nnodes", "2", "--node-rank", "2", "--headless"], "outside of --nnodes"),
        (["m", "--gpu-memory-utilization", "1.2"], "at most 1"),
        (["m", "--chat-template", "/nowhere.jinja"], "neither a file nor a template"),
        (["m", "--structured-outputs-config", '{"backend": "magic"}'], "backend must be one of"),
        (["m", "--structured-outputs-config", '{"colour": 1}'], "unknown key colour"),
        (["m", "--lora-modules", "sql=/adapters/sql"], "--lora-modules needs --enable-lora"),
        (["m", "--enable-lora", "--lora-modules", "sql"], "--lora-modules takes name=path"),
        (["m", "--enable-lora", "--lora-modules", "{"], "--lora-modules takes name=path"),
        ([], "a model is needed"),
    ],
)
def test_what_vllm_would_not_start_with_is_an_error(arguments: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        settings_of(vllm_parser().parse_args(arguments), {})


@pytest.mark.parametrize(
    "arguments",
    [["m", "--made-up"], ["m", "--tensor-paralel-size", "2"], ["m", "--dtype", "int4"], ["m", "--port", "http"]],
)
def test_an_unknown_flag_or_value_ends_the_process_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        vllm_parser().parse_args(arguments)
    assert ended.value.code == 2


async def test_with_its_parser_a_model_calls_natively() -> None:
    message = await ask(vllm_settings("Qwen/Qwen3-8B", *HERMES), tools=[TOOL])
    assert message.tool_calls[0].function.name == "get_weather"


NAMED = {"type": "function", "function": {"name": "get_weather"}}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("auto", '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        ("required", 'tool_choice="required" requires --tool-call-parser to be set'),
        (NAMED, 'tool_choice=function "get_weather" requires --tool-call-parser to be set'),
    ],
)
async def test_without_the_flags_every_tool_choice_is_refused_in_vllms_words(choice: Any, words: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await ask(vllm_settings("Qwen/Qwen3-8B"), tools=[TOOL], tool_choice=choice)
    assert caught.value.body == {"message": words, "type": "BadRequestError", "param": None, "code": 400}
    assert (await ask(vllm_settings("Qwen/Qwen3-8B"), tools=[TOOL], tool_choice="none")).content


async def test_with_another_models_reasoning_parser_everything_is_reasoning() -> None:
    wrong = vllm_settings("Qwen/Qwen2.5-7B-Instruct", *HERMES, "--reasoning-parser=openai_gptoss")
    async with simulator(wrong) as url, httpx.AsyncClient() as http:
        body = {"messages": QUESTION, "tools": [TOOL], "tool_choice": "required"}
        [choice] = (await http.post(f"{url}/chat/completions", json=body)).json()["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert not choice["message"].get("tool_calls")
    assert "get_weather" in choice["message"]["reasoning"]


async def test_with_the_parser_xlam_a_stream_holds_calls_as_text() -> None:
    settings = vllm_settings("Salesforce/xLAM-2-8b", "--enable-auto-tool-choice", "--tool-call-parser=xlam")
    async with simulator(settings) as url, AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        asked: Any = {"model": settings.served[0][0], "messages": QUESTION, "tools": [TOOL]}
        whole = (await client.chat.completions.create(**asked)).choices[0].message
        async with client.chat.completions.stream(**asked) as stream:
            streamed = (await stream.get_final_completion()).choices[0].message
    assert [call.function.name for call in whole.tool_calls or []] == ["get_weather"]
    assert (streamed.tool_calls, streamed.content) == (None, '[{"name": "get_weather", "arguments": {"city": "Oslo"}}]')


def test_llamas_parser_needs_its_token() -> None:
    flags = ("--enable-auto-tool-choice", "--tool-call-parser=llama3_json")
    with pytest.raises(SettingsError, match="could not locate the bot token"):
        vllm_settings("Qwen/Qwen3-8B", *flags)
    assert vllm_settings("meta-llama/Llama-3.1-8B-Instruct", *flags).served


def test_every_parser_of_the_recorded_version_is_known() -> None:
    recorded = json.loads((Path(__file__).parent / "cases" / "vllm_0_32" / "parsers.json").read_text())
    assert set(recorded["tool"]) <= set(TOOL_PARSERS)
    assert set(recorded["reasoning"]) <= set(REASONING_PARSERS)


async def test_with_another_models_parser_the_markup_stays_in_the_text() -> None:
    wrong = vllm_settings("Qwen/Qwen3-8B", "--enable-auto-tool-choice", "--tool-call-parser=mistral")
    message = await ask(wrong, tools=[TOOL])
    assert not message.tool_calls
    assert message.content.startswith("<tool_call>")


async def test_without_a_reasoning_parser_thoughts_stay_in_the_text() -> None:
    flags = ("--enable-auto-tool-choice", "--tool-call-parser=openai")
    bare = await ask(vllm_settings("openai/gpt-oss-20b", *flags))
    split = await ask(vllm_settings("openai/gpt-oss-20b", *flags, "--reasoning-parser=openai_gptoss"))
    assert bare.content.startswith("<|channel|>analysis")
    assert "<|channel|>" not in split.content
    assert split.model_extra["reasoning"]


async def test_names_length_and_root_are_listed_as_configured() -> None:
    settings = vllm_settings("org/m", "--served-model-name", "a", "b", "--max-model-len", "32k")
    async with simulator(settings) as url, httpx.AsyncClient() as http:
        cards = (await http.get(f"{url}/models")).json()["data"]
    assert [(card["id"], card["root"], card["max_model_len"]) for card in cards] == [
        ("a", "org/m", 32_000),
        ("b", "org/m", 32_000),
    ]


async def test_adapters_are_asked_for_by_their_names() -> None:
    flags = ["--served-model-name=a", "--enable-lora", "--lora-modules", "sql=org/sql", '{"name": "b", "path": "/b"}']
    async with simulator(vllm_settings("org/m", *flags)) as url, httpx.AsyncClient() as http:
        cards = (await http.get(f"{url}/models")).json()["data"]
    assert [card["id"] for card in cards] == ["a", "sql", "b"]


async def test_a_key_is_asked_for_where_one_is_given() -> None:
    settings = vllm_settings("m", VLLM_API_KEY="secret")
    async with simulator(settings) as url, httpx.AsyncClient() as http:
        statuses = [
            (await http.get(f"{url}/models", headers=headers)).status_code
            for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer secret"})
        ]
        health = await http.get(url.removesuffix("/v1") + "/health")
    assert (statuses, health.status_code) == ([401, 401, 200], 200)


async def test_requests_beyond_the_sequences_wait_then_are_refused() -> None:
    settings = vllm_settings(
        "m", "--max-num-seqs", "1", "--max-num-queued-reqs", "1", TOOLGATE_SIMULATOR_TOKENS_PER_SECOND="100"
    )
    body = {"model": "m", "messages": [{"role": "user", "content": "Tell me about the sea."}]}
    async with simulator(settings) as url, httpx.AsyncClient(timeout=30) as http:
        answers = await asyncio.gather(*(http.post(f"{url}/chat/completions", json=body) for _ in range(3)))
        metrics = (await http.get(url.removesuffix("/v1") + "/metrics")).text
    assert sorted(each.status_code for each in answers) == [200, 200, 503]
    assert 'vllm:num_requests_waiting{engine="0",model_name="m"} 0.0' in metrics
    assert 'vllm:admission_rejections_total{engine="0",model_name="m",reason="max_num_queued_reqs"} 1.0' in metrics
    assert 'vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 2.0' in metrics


async def test_every_answer_says_which_process_it_came_from() -> None:
    async with simulator(vllm_settings("m")) as url, httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/models")).headers["x-simulator-instance"]


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command as a process, once it serves; gives its base URL."""
    command = [sys.executable, "-m", "toolgate_simulator.vllm", "serve", *arguments, "--host=127.0.0.1", "--port=0"]
    running = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdout is not None
    try:
        line = b""
        while line is not None and b"serving" not in line:
            line = await running.stdout.readline()
            assert line, "the process has ended"
        yield running, f"http://127.0.0.1:{line.decode().rsplit(':', 1)[1].strip()}/v1"
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def streamed(url: str, begun: asyncio.Event) -> str:
    """Ask for a stream; return its text as far as it came."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Tell me about the sea."}], "stream": True}
    text = ""
    try:
        async with (
            httpx.AsyncClient(timeout=30) as http,
            http.stream("POST", f"{url}/chat/completions", json=body) as s,
        ):
            async for line in s.aiter_lines():
                begun.set()
                text += line
    except httpx.HTTPError:
        pass
    return text


@pytest.mark.parametrize(("seconds", "whole"), [("20", True), ("0", False)])
async def test_requests_in_flight_finish_within_the_shutdown_timeout_alone(seconds: str, whole: bool) -> None:
    begun = asyncio.Event()
    async with process("m", "--shutdown-timeout", seconds, TOOLGATE_SIMULATOR_TOKENS_PER_SECOND="15") as (running, url):
        asking = asyncio.create_task(streamed(url, begun))
        await begun.wait()
        running.send_signal(signal.SIGTERM)
        text = await asking
        await running.wait()
    assert text.endswith("data: [DONE]") is whole


async def test_a_headless_worker_serves_nothing_and_ends_on_a_signal() -> None:
    flags = ["-tp=16", "--nnodes=2", "--node-rank=1", "--master-addr=leader", "--headless"]
    command = [sys.executable, "-m", "toolgate_simulator.vllm", "serve", "m", *flags]
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    first = await running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    rest = await running.stdout.read()
    assert (first, rest, await running.wait()) == (b"simulating m: world size 16 on 2 node(s)\n", b"", 0)
