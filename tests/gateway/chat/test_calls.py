"""Whole answers: calls, text, choices and finish reasons, as the official client reads them."""

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.gateway.running import (
    MODEL,
    QUESTION,
    TIME_TOOL,
    TOOL,
    USAGE,
    WEATHER,
    WEATHER_ANSWER,
    asked,
    gateway,
    native,
    text_answer,
)
from tests.support.upstream import Reply, answer, chunk, completion, event, stream

NAMED = {"type": "function", "function": {"name": "get_weather"}}


def decided(*calls: tuple[str, dict[str, Any]]) -> Reply:
    """The decision JSON of a strategy that asks for it."""
    value = {"action": "call", "calls": [{"name": name, "arguments": arguments} for name, arguments in calls]}
    return text_answer(json.dumps(value))


async def test_a_native_call_is_delivered_with_what_served_it() -> None:
    async with gateway(WEATHER_ANSWER) as running:
        response = await running.post(asked())
        body = response.json()
        took = body["toolgate"]["attempts"][0].pop("duration_ms")
        assert took >= 0
        assert body == {
            "id": body["id"],
            "object": "chat.completion",
            "created": 1_800_000_000,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "refusal": None,
                        "tool_calls": [{key: value for key, value in WEATHER.items() if key != "index"}],
                    },
                    "logprobs": None,
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": {
                **USAGE,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            "toolgate": {
                "priority": 1,
                "strategy": "native",
                "attempts": [{"strategy": "native", "outcome": "success_tool"}],
                "repairs": [],
                "usage": body["usage"],
                "degraded": False,
            },
        }
        assert response.headers["x-toolgate-priority"] == "1"
        assert response.headers["x-toolgate-attempts"] == "native:ok"


async def test_smalltalk_has_no_key_for_calls() -> None:
    async with gateway(text_answer("Hello.")) as running:
        body = (await running.post(asked())).json()
        assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hello.", "refusal": None}
        assert body["choices"][0]["finish_reason"] == "stop"


async def test_a_fallback_shows_in_headers_field_stats_and_metrics() -> None:
    script = (text_answer("I can't."), text_answer("No."), decided(("get_weather", {"city": "Oslo"})))
    async with gateway(*script) as running:
        response = await running.post(asked(tool_choice="required"))
        message = response.json()["choices"][0]["message"]
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}
        assert response.headers["x-toolgate-attempts"] == "native:no_tool_call,guided:parse_error,bridge:ok"
        assert response.headers["x-toolgate-priority"] == "3"
        metadata = response.json()["toolgate"]
        assert (metadata["priority"], metadata["strategy"], len(metadata["attempts"])) == (3, "bridge", 3)
        assert metadata["usage"]["prompt_tokens"] == 27
        assert response.json()["usage"]["prompt_tokens"] == 9
        stats = (await running.http.get(f"{running.url}/stats")).json()
        assert stats["statistics"]["priority_3_success"] == 1
        assert stats["statistics"]["fallback_rate"] == 1.0
        assert stats["success_rates"] == {"priority_1": 0.0, "priority_2": 0.0, "priority_3": 1.0, "priority_4": None}
        assert stats["served_rates"] == {"priority_1": 0.0, "priority_2": 0.0, "priority_3": 1.0, "priority_4": 0.0}
        labels = {"model": MODEL, "tool_choice": "required", "priority": "3", "outcome": "success"}
        assert running.metric("toolgate_requests_total", **labels) == 1
        assert (
            running.metric("toolgate_fallbacks_total", from_priority="1", to_priority="2", reason="no_tool_call") == 1
        )
        assert running.metric("toolgate_fallbacks_total") == 2
        assert running.metric("toolgate_tokens_total", used="no") == 26
        assert running.metric("toolgate_tokens_total", used="yes") == 13
        assert running.metric("toolgate_upstream_requests_total", upstream="main", code="200") == 3


async def test_emulate_never_sends_tools_upstream() -> None:
    async with gateway(decided(("get_weather", {"city": "Oslo"}))) as running:
        response = await running.post(asked(), "/emulate/v1/chat/completions")
        assert response.json()["choices"][0]["finish_reason"] == "tool_calls"
        assert "tools" not in running.chats()[0].json
        assert response.headers["x-toolgate-attempts"] == "bridge:ok"


@pytest.mark.parametrize("served", [WEATHER_ANSWER, decided(("get_weather", {"city": "Oslo"}))])
async def test_a_named_choice_ends_with_stop_unless_the_switch_is_set(served: Reply) -> None:
    for switch, reason in (("stop", "stop"), ("tool_calls", "tool_calls")):
        async with gateway(served, named_finish_reason=switch) as running:
            body = (await running.post(asked(tools=[TOOL, TIME_TOOL], tool_choice=NAMED))).json()
            assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
            assert body["choices"][0]["finish_reason"] == reason


async def test_none_never_calls_and_leaks_no_markup() -> None:
    leaked = 'Well. <tool_call>{"name":"get_weather","arguments":{"city":"Oslo"}}</tool_call>'
    async with gateway(text_answer(leaked)) as running:
        body = (await running.post(asked(tool_choice="none"))).json()
        message = body["choices"][0]["message"]
        assert "tool_calls" not in message
        assert "<tool_call>" not in message["content"]


async def test_two_calls_keep_their_order_and_have_different_ids() -> None:
    calls = [WEATHER, native("get_weather", '{"city":"Rome"}', index=1, call_id="call_1")]
    async with gateway(answer(completion({"content": None, "tool_calls": calls}, "tool_calls"))) as running:
        body = (await running.post(asked())).json()
        found = body["choices"][0]["message"]["tool_calls"]
        assert [json.loads(call["function"]["arguments"])["city"] for call in found] == ["Oslo", "Rome"]
        assert len({call["id"] for call in found}) == 2
        assert "usage" not in body


async def test_without_parallel_calls_there_is_one() -> None:
    calls = [WEATHER, native("get_weather", '{"city":"Rome"}', index=1, call_id="call_2")]
    async with gateway(answer(completion({"content": None, "tool_calls": calls}, "tool_calls"))) as running:
        body = (await running.post(asked(parallel_tool_calls=False))).json()
        assert len(body["choices"][0]["message"]["tool_calls"]) == 1


async def test_a_tool_without_parameters_gets_an_empty_object() -> None:
    call = native("time_now", "")
    async with gateway(answer(completion({"content": None, "tool_calls": [call]}, "tool_calls"))) as running:
        body = (await running.post(asked(tools=[TIME_TOOL]))).json()
        assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_strings_and_big_numbers_survive_to_the_last_character() -> None:
    arguments = '{"city":"\\"a\\\\b\\n😀\\u2028</tool_call>","n":9007199254740993}'
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    call = native("f", arguments)
    async with gateway(answer(completion({"content": None, "tool_calls": [call]}, "tool_calls"))) as running:
        body = (await running.post(asked(tools=[tool]))).json()
        found = body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(found) == json.loads(arguments)
        assert "9007199254740993" in found


async def test_choices_are_separate_runs_and_share_the_prompt() -> None:
    async with gateway(WEATHER_ANSWER) as running:
        body = (await running.post(asked(n=3))).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (9, 12)
        assert body["toolgate"]["usage"]["prompt_tokens"] == 27
        assert [attempt["choice"] for attempt in body["toolgate"]["attempts"]] == [0, 1, 2]
        assert ["n" in request.json for request in running.chats()] == [False] * 3
        too_many = await running.post(asked(n=9))
        assert (too_many.status_code, too_many.json()["error"]["param"]) == (400, "n")


async def test_ids_are_unique_across_choices_also_where_the_upstream_counts_them() -> None:
    async with gateway(WEATHER_ANSWER) as running:
        body = (await running.post(asked(n=3))).json()
        ids = [choice["message"]["tool_calls"][0]["id"] for choice in body["choices"]]
        assert len(set(ids)) == 3


async def test_legacy_functions_are_answered_in_their_own_form() -> None:
    body = {"model": MODEL, "messages": QUESTION, "functions": [TOOL["function"]]}
    async with gateway(WEATHER_ANSWER) as running:
        choice = (await running.post(body)).json()["choices"][0]
        assert choice["finish_reason"] == "function_call"
        assert choice["message"]["function_call"] == WEATHER["function"]
        assert "tool_calls" not in choice["message"]
        named = (await running.post({**body, "function_call": {"name": "get_weather"}})).json()["choices"][0]
        assert named["finish_reason"] == "stop"


async def test_the_sdk_parses_calls_into_pydantic_models() -> None:
    class GetWeather(BaseModel):
        city: str

    tool = openai.pydantic_function_tool(GetWeather, name="get_weather")
    async with gateway(WEATHER_ANSWER) as running:
        parsed = await running.openai().chat.completions.parse(model=MODEL, messages=QUESTION, tools=[tool])  # type: ignore[arg-type]
        calls = parsed.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].function.parsed_arguments == GetWeather(city="Oslo")


async def test_exhaustion_is_502_that_clients_do_not_repeat() -> None:
    async with gateway(text_answer("I will not.")) as running:
        with pytest.raises(openai.InternalServerError) as caught:
            await running.openai(max_retries=2).chat.completions.create(**asked(tool_choice="required"))
        assert (caught.value.status_code, caught.value.code) == (502, "tool_call_unavailable")
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert caught.value.response.headers["x-toolgate-priority"] == "none"
        assert running.metric("toolgate_http_requests_total", route="chat", code="502") == 1
        assert running.metric("toolgate_requests_total", outcome="exhausted") == 1
        assert running.metric("toolgate_fallbacks_total", to_priority="none") == 1


async def test_reasoning_has_both_names() -> None:
    async with gateway(answer(completion({"content": "Hello.", "reasoning": "Hm."}))) as running:
        message = (await running.post(asked())).json()["choices"][0]["message"]
        assert (message["reasoning"], message["reasoning_content"], message["content"]) == ("Hm.", "Hm.", "Hello.")


async def test_a_cut_call_is_dropped_and_the_reason_stays_length() -> None:
    call = native("get_weather", '{"city":"Os')
    async with gateway(answer(completion({"content": "Wait.", "tool_calls": [call]}, "length"))) as running:
        choice = (await running.post(asked())).json()["choices"][0]
        assert choice["finish_reason"] == "length"
        assert "tool_calls" not in choice["message"]


async def test_a_blocking_client_sees_the_same() -> None:
    async with gateway(WEATHER_ANSWER) as running:

        def ask() -> str:
            with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client:
                reply = client.chat.completions.create(**asked())
                calls = reply.choices[0].message.tool_calls
                assert calls
                assert reply._request_id
                return str(calls[0].function.name)

        assert await asyncio.to_thread(ask) == "get_weather"


SIGNED = {"extra_content": {"google": {"thought_signature": "AbC="}}}
CITED = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "u"}}
REPORTED_USAGE = {**USAGE, "prompt_tokens_details": {"audio_tokens": 3, "cached_tokens": 2}, "cost": 0.25}


async def test_fields_of_calls_messages_and_answers_travel_there_and_back() -> None:
    call = {**WEATHER, **SIGNED}
    message = {"content": None, "tool_calls": [call], "reasoning_details": [{"type": "x"}], "annotations": [CITED]}
    unknown = {"service_tier": "flex", "system_fingerprint": "fp", "provider": "x", "usage": REPORTED_USAGE}
    whole = answer(completion(message, "tool_calls", **unknown), x_ratelimit_limit_requests="9", openai_version="v1")
    parts = stream(
        event(chunk({"reasoning_details": [{"type": "x"}], "annotations": [CITED]})),
        event(chunk({"tool_calls": [{**WEATHER, "function": {"name": "get_weather", "arguments": ""}}]})),
        event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":"Oslo"}'}, **SIGNED}]})),
        event(chunk({}, "tool_calls", **unknown)),
        event("[DONE]"),
    )
    async with gateway(lambda request: parts if request.json.get("stream") else whole) as running:
        response = await running.post(asked())
        found = response.json()
        said = found["choices"][0]["message"]
        assert said["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]
        assert (said["reasoning_details"], said["annotations"]) == ([{"type": "x"}], [CITED])
        assert (found["service_tier"], found["system_fingerprint"], found["provider"]) == ("flex", "fp", "x")
        assert (found["usage"]["cost"], found["usage"]["prompt_tokens_details"]) == (
            0.25,
            {"audio_tokens": 3, "cached_tokens": 2},
        )
        assert (response.headers["x-ratelimit-limit-requests"], response.headers["openai-version"]) == ("9", "v1")
        async with running.openai().chat.completions.stream(
            **asked(), stream_options={"include_usage": True}
        ) as streamed:
            final = (await streamed.get_final_completion()).model_dump()
        again = final["choices"][0]["message"]
        assert again["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]
        assert (again["reasoning_details"], again["annotations"]) == ([{"type": "x"}], [CITED])
        assert final["system_fingerprint"] == "fp"
        assert (await running.events(asked()))[-2]["service_tier"] == "flex"
        assert final["usage"]["cost"] == 0.25
        result = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}
        await running.post(asked(messages=[*QUESTION, said, result]))
        sent = running.chats()[-1].json["messages"][1]
        assert sent["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]
        assert (sent["reasoning_details"], sent["annotations"]) == ([{"type": "x"}], [CITED])
        await running.post({"model": MODEL, "messages": [*QUESTION, said, result]})
        assert running.chats()[-1].json["messages"][1]["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]


async def test_a_refusal_comes_as_one() -> None:
    refusing = stream(event(chunk({"refusal": "I can't."})), event(chunk({}, "stop")), event("[DONE]"))
    whole = answer(completion({"content": None, "refusal": "I can't."}))
    async with gateway(lambda request: refusing if request.json.get("stream") else whole) as running:
        for fields in (asked(), {"model": MODEL, "messages": QUESTION}):
            message = (await running.post(fields)).json()["choices"][0]["message"]
            assert (message["content"], message["refusal"]) == (None, "I can't.")
            deltas = [each["choices"][0]["delta"] for each in (await running.events(fields))[:-1]]
            assert "".join(delta.get("refusal") or "" for delta in deltas) == "I can't."
            assert not any(delta.get("content") for delta in deltas)
