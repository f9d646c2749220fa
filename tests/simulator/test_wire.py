import asyncio
import json
import signal
import subprocess
import sys
from typing import Any, cast

import httpx
import openai
import pytest
from toolgate_simulator.engine import served_models
from toolgate_simulator.settings import Settings, SettingsError

from tests.simulator.samples import CALCULATOR, TOOLS, WEATHER, ask, constrained, decision_schema, user
from tests.support.questions import tool_questions
from tests.support.simulator import simulator

JSON = {"content-type": "application/json"}
CITIES = user("What's the weather in Tokyo and Paris?")


def client(url: str) -> Any:
    """The official client, untyped: the requests here are plain JSON, and some are wrong on purpose."""
    return openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)


async def raw_stream(url: str, **body) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/chat/completions", json={"stream": True, **body})
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert (answer.headers["content-type"], lines[-1]) == ("text/event-stream; charset=utf-8", "[DONE]")
    return [json.loads(line) for line in lines[:-1]]


async def test_the_models_are_the_personas_with_vllms_fields():
    async with simulator() as url, client(url) as api:
        models = (await api.models.list()).data
    assert "gpt-oss-20b" in [model.id for model in models]
    assert {(model.owned_by, model.model_extra["root"] == model.id) for model in models} == {("vllm", True)}


async def test_a_whole_answer_has_vllms_shape():
    async with simulator() as url, httpx.AsyncClient() as http:
        body = {"model": "qwen-strong", "messages": CITIES, "tools": TOOLS}
        answer = (await http.post(f"{url}/chat/completions", json=body, headers={"X-Request-Id": "abc"})).json()
    [choice] = answer["choices"]
    calls = choice["message"]["tool_calls"]
    assert (answer["id"], answer["object"], answer["kv_transfer_params"]) == ("chatcmpl-abc", "chat.completion", None)
    assert (choice["finish_reason"], choice["stop_reason"], choice["message"]["content"]) == ("tool_calls", None, None)
    assert [call["function"]["arguments"] for call in calls] == ['{"city": "Tokyo"}', '{"city": "Paris"}']
    assert all(call["id"].startswith("chatcmpl-tool-") and len(call["id"]) == 30 for call in calls)
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


async def test_a_stream_has_vllms_shape():
    async with simulator() as url:
        chunks = await raw_stream(
            url, model="qwen-strong", messages=user("Hello!"), stream_options={"include_usage": True}
        )
    first, *_, last, usage = chunks
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert (last["choices"][0]["finish_reason"], last["choices"][0]["delta"]) == ("stop", {"content": "?"})
    assert ("system_fingerprint" in last, "system_fingerprint" in usage) == (False, True)
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], len(chunks) - 2)
    assert [chunk for chunk in chunks[:-1] if "usage" in chunk] == []
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_usage_can_come_with_every_chunk():
    async with simulator() as url:
        options = {"include_usage": True, "continuous_usage_stats": True}
        chunks = await raw_stream(url, model="qwen-strong", messages=user("Hello!"), stream_options=options)
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts[:3] == [0, 1, 2]


@pytest.mark.parametrize("persona", ["qwen-strong", "gpt-oss-20b", "gpt-oss-20b-recent", "hermes-leaky"])
async def test_a_stream_says_what_the_whole_answer_says(persona):
    async with simulator(Settings(chunk_tokens=3)) as url, client(url) as api:
        for one in tool_questions(5, 12):
            asked = {"model": persona, "messages": user(one.text), "tools": list(one.tools)}
            whole = (await api.chat.completions.create(**asked)).choices[0]
            async with api.chat.completions.stream(**asked) as stream:
                joined = (await stream.get_final_completion()).choices[0]

            def comparable(choice) -> tuple[Any, ...]:
                calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
                return choice.message.content or None, calls, choice.finish_reason

            assert comparable(joined) == comparable(whole)


async def test_a_named_choice_finishes_with_stop_and_empty_content():
    named = {"type": "function", "function": {"name": "calculator"}}
    async with simulator() as url, client(url) as api:
        asked = {"model": "qwen-strong", "messages": user("What is 17 * 23?"), "tools": TOOLS}
        one = (await api.chat.completions.create(**asked, tool_choice=named)).choices[0]
        some = (await api.chat.completions.create(**asked, tool_choice="required")).choices[0]
    assert (one.finish_reason, one.message.content) == ("stop", "")
    assert (some.finish_reason, some.message.content) == ("tool_calls", "")


async def test_limits_and_stop_strings_cut_the_text():
    async with simulator() as url, client(url) as api:
        asked = {"model": "qwen-strong", "messages": user("Hello!")}
        short = (await api.chat.completions.create(**asked, max_tokens=3)).choices[0]
        cut = (await api.chat.completions.create(**asked, stop=["help", "zzz"])).choices[0]
        call = (
            await api.chat.completions.create(model="qwen-strong", messages=CITIES, tools=TOOLS, max_tokens=4)
        ).choices[0]
    assert (short.message.content, short.finish_reason) == ("Hello! How", "length")
    assert (cut.message.content, cut.finish_reason, cut.model_extra["stop_reason"]) == (
        "Hello! How can I ",
        "stop",
        "help",
    )
    assert (call.message.tool_calls[0].function.arguments, call.finish_reason) == ('{"city', "length")


async def test_several_choices_come_interleaved():
    async with simulator() as url, client(url) as api:
        whole = await api.chat.completions.create(model="qwen-strong", messages=CITIES, tools=TOOLS, n=3)
        chunks = await raw_stream(url, model="qwen-strong", messages=user("Hello!"), n=2)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert [chunk["choices"][0]["index"] for chunk in chunks[:6]] == [0, 1, 0, 1, 0, 1]


async def test_reasoning_comes_in_the_field_of_the_persona():
    async with simulator() as url, client(url) as api:
        asked = {"messages": user("Hello!")}
        old = (await api.chat.completions.create(model="gpt-oss-20b", **asked)).choices[0].message
        new = (await api.chat.completions.create(model="gpt-oss-20b-recent", **asked)).choices[0].message
    assert old.model_extra["reasoning_content"] == new.model_extra["reasoning"] == "I can answer this without a tool."


async def test_logprobs_accompany_the_text():
    async with simulator() as url, client(url) as api:
        choice = (
            await api.chat.completions.create(model="qwen-strong", messages=user("Hello!"), logprobs=True)
        ).choices[0]
    assert "".join(entry.token for entry in choice.logprobs.content) == choice.message.content


@pytest.mark.parametrize(
    ("more", "status", "param"),
    [
        ({"tools": []}, 400, "tools"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "nope"}}}, 400, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, 400, "tool_choice.function"),
        ({"tools": TOOLS, "tool_choice": "any"}, 400, "tool_choice"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, 400, "body.tools.0.type"),
        ({"model": "unknown"}, 404, "model"),
        ({"messages": []}, 400, None),
        ({"n": 0}, 400, None),
        ({"max_tokens": "many"}, 400, "body.max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "body.stop"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"response_format": {"type": "poem"}}, 400, "body.response_format.type"),
        ({"model": "plain-text", "tools": TOOLS}, 400, None),
        ({"model": "plain-text", "response_format": constrained(decision_schema([WEATHER]))}, 400, "response_format"),
    ],
)
async def test_what_vllm_refuses_is_refused_in_its_shape(more, status, param):
    async with simulator() as url, httpx.AsyncClient() as http:
        answer = await http.post(
            f"{url}/chat/completions", json={"model": "qwen-strong", "messages": user("Hello!"), **more}
        )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, status, param)
    assert set(error) == {"message", "type", "param", "code"}


async def test_bodies_that_are_no_requests_are_refused():
    async with simulator() as url, httpx.AsyncClient() as http:
        for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
            answer = await http.post(f"{url}/chat/completions", content=body, headers=JSON)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
        assert (await http.get(f"{url}/nowhere")).json() == {"detail": "Not Found"}
        assert (await http.get(f"{url}/chat/completions")).status_code == 405


async def test_a_body_of_another_type_is_refused():
    async with simulator() as url, httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
    assert (answer.status_code, "Unsupported Media Type" in answer.json()["error"]["message"]) == (400, True)


async def test_the_engines_refusals_come_inside_a_stream_all_others_before():
    schema = constrained({"type": "object", "properties": {"a": {"type": "string", "format": "colour"}}})
    asked = {"model": "qwen-strong", "messages": user("Hello!"), "stream": True}
    async with simulator() as url, httpx.AsyncClient() as http:
        late = await http.post(f"{url}/chat/completions", json={**asked, "response_format": schema})
        early = await http.post(f"{url}/chat/completions", json={**asked, "max_tokens": 0})
    assert (late.status_code, late.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert late.text == (
        'data: {"error": {"message": "Grammar error: Unknown format: colour", "type": "BadRequestError",'
        ' "param": null, "code": 400}}\n\ndata: [DONE]\n\n'
    )
    assert (early.status_code, early.headers["content-type"]) == (400, "application/json")


async def test_unknown_fields_and_an_omitted_model_are_accepted():
    async with simulator(Settings(models=("local/qwen-strong",))) as url, httpx.AsyncClient() as http:
        body = {"messages": user("What is 2 + 3?"), "tools": [CALCULATOR], "guided_json": {}, "made_up": 1}
        answer = (await http.post(f"{url}/chat/completions", json=body)).json()
    assert (answer["model"], len(answer["choices"][0]["message"]["tool_calls"])) == ("local/qwen-strong", 1)


def fate_question(seed: int, fate: str) -> str:
    return next(
        one.text
        for one in tool_questions(2, 200)
        if ask(one.text, tools=TOOLS, persona="chaos", seed=seed).fate == fate
    )


async def test_a_failing_engine_answers_500_in_vllms_shape():
    async with simulator(Settings(seed=3)) as url, client(url) as api:
        with pytest.raises(openai.InternalServerError) as caught:
            await api.chat.completions.create(model="chaos", messages=user(fate_question(3, "http_500")), tools=TOOLS)
    assert (caught.value.status_code, caught.value.type) == (500, "InternalServerError")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_answer_ends_inside(stream):
    body = {"model": "chaos", "messages": user(fate_question(3, "cut_stream")), "tools": TOOLS, "stream": stream}
    async with simulator(Settings(seed=3)) as url, httpx.AsyncClient() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(f"{url}/chat/completions", json=body)


async def metrics_of(url: str) -> dict[str, float]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(url.removesuffix("/v1") + "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_the_metrics_count_what_happened():
    async with simulator(Settings(models=("qwen-strong",))) as url, client(url) as api:
        answers = [
            await api.chat.completions.create(model="qwen-strong", messages=CITIES, tools=TOOLS) for _ in range(3)
        ]
        counted = await metrics_of(url)
    label = 'engine="0",model_name="qwen-strong"'
    assert counted[f"vllm:prompt_tokens_total{{{label}}}"] == sum(one.usage.prompt_tokens for one in answers)
    assert counted[f"vllm:generation_tokens_total{{{label}}}"] == sum(one.usage.completion_tokens for one in answers)
    assert counted[f'vllm:request_success_total{{{label},finished_reason="stop"}}'] == 3
    assert counted[f"vllm:e2e_request_latency_seconds_count{{{label}}}"] == 3
    assert counted[f"vllm:num_requests_running{{{label}}}"] == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_ends_the_answer(stream):
    async with simulator(Settings(models=("qwen-strong",), tokens_per_second=0.5)) as url:
        async with httpx.AsyncClient() as http:
            body = {"model": "qwen-strong", "messages": CITIES, "tools": TOOLS, "stream": stream}
            asking = asyncio.create_task(http.post(f"{url}/chat/completions", json=body))
            running = 'vllm:num_requests_running{engine="0",model_name="qwen-strong"}'
            while not (await metrics_of(url))[running]:
                pass
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        while (await metrics_of(url))[running]:
            pass
        counted = await metrics_of(url)
    assert counted['vllm:request_success_total{engine="0",model_name="qwen-strong",finished_reason="abort"}'] == 1


async def test_the_small_endpoints_answer():
    async with simulator() as url, httpx.AsyncClient(base_url=url.removesuffix("/v1")) as http:
        assert [(await http.get(path)).status_code for path in ("/health", "/ping", "/version")] == [200, 200, 200]
        counted = (await http.post("/tokenize", json={"model": "qwen-strong", "prompt": "one two, three"})).json()
    assert (counted["count"], len(counted["tokens"])) == (4, 4)


def test_the_synchronous_client_works_against_the_command():
    command = [sys.executable, "-m", "toolgate_simulator", "--port", "0", "--model", "mine=qwen-strong", "--seed", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        with openai.OpenAI(base_url=said["url"], api_key="none") as api:
            messages, tools = cast("Any", CITIES), cast("Any", TOOLS)
            answer = api.chat.completions.create(model="mine", messages=messages, tools=tools)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (said["service"], len(answer.choices[0].message.tool_calls or [])) == ("simulator", 2)


def test_a_model_without_a_persona_stops_the_start():
    with pytest.raises(SettingsError, match="model unknown: no such persona"):
        served_models(Settings(models=("unknown",)))
    done = subprocess.run(
        [sys.executable, "-m", "toolgate_simulator", "--model", "unknown"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
