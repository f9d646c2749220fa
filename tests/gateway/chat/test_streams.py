"""Streamed answers: raw events, and what the official client makes of them."""

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.gateway.running import (
    MODEL,
    TIME_TOOL,
    TOOL,
    USAGE,
    WEATHER_ANSWER,
    WEATHER_STREAM,
    asked,
    gateway,
    native,
    text_stream,
)
from tests.support.upstream import Reply, Request, answer, chunk, completion, event, stream

NAMED = {"type": "function", "function": {"name": "get_weather"}}


def deltas(events: list[Any], choice: int = 0) -> list[dict[str, Any]]:
    return [c["delta"] for e in events if e != "[DONE]" for c in e["choices"] if c["index"] == choice]


def finishes(events: list[Any], choice: int = 0) -> list[str]:
    found = [c["finish_reason"] for e in events if e != "[DONE]" for c in e["choices"] if c["index"] == choice]
    return [reason for reason in found if reason is not None]


def decided(call: dict[str, Any]) -> Reply:
    text = json.dumps({"action": "call", "calls": [call]})
    return text_stream(*(text[at : at + 7] for at in range(0, len(text), 7)))


async def test_a_call_streams_in_the_normal_form() -> None:
    async with gateway(WEATHER_STREAM) as running:
        events = await running.events(asked())
        assert events[-1] == "[DONE]"
        assert deltas(events) == [
            {"role": "assistant", "content": None},
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": ""},
                    }
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":"Oslo"}'}}]},
            {},
        ]
        assert finishes(events) == ["tool_calls"]
        assert {(e["id"], e["object"], e["created"], e["model"]) for e in events[:-1]} == {
            (events[0]["id"], "chat.completion.chunk", 1_800_000_000, MODEL)
        }
        assert all("usage" not in e for e in events[:-1])
        assert events[-2]["toolgate"]["strategy"] == "native"


@pytest.mark.parametrize("choice", ["auto", "required", NAMED])
async def test_the_stream_equals_the_whole_answer(choice: Any) -> None:
    reply = {True: WEATHER_STREAM, False: WEATHER_ANSWER}
    async with gateway(lambda request: reply[request.json.get("stream", False)]) as running:
        client = running.openai()
        fields = asked(tool_choice=choice)
        whole = (await client.chat.completions.create(**fields)).choices[0]
        async with client.chat.completions.stream(**fields) as streamed:
            final = (await streamed.get_final_completion()).choices[0]
        assert final.finish_reason == whole.finish_reason == ("stop" if choice == NAMED else "tool_calls")
        assert final.message.content == whole.message.content is None
        assert [calls_of(final)] == [calls_of(whole)]


def calls_of(choice: Any) -> list[tuple[str, str, str]]:
    return [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]


async def test_text_flows_as_it_comes_and_the_head_before_the_end() -> None:
    pieces = ["Hel", "lo. ", "It is ", "cold."]
    more = asyncio.Event()

    def script(request: Request) -> Reply:
        events = [event(chunk({"content": piece})) for piece in pieces]
        return stream(*events, then="hang")

    async with gateway(script) as running:
        response = await running.openai().chat.completions.create(**asked(stream=True))
        seen = ""
        async for part in response:
            seen += part.choices[0].delta.content or ""
            if seen == "".join(pieces):
                more.set()
                break
        await response.close()
        assert more.is_set()


async def test_markup_never_leaks_and_text_before_a_call_stays() -> None:
    text = 'One moment.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    for size in (1, 5, len(text)):
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        async with gateway(text_stream(*parts)) as running:
            events = await running.events(asked())
            content = "".join(delta.get("content") or "" for delta in deltas(events))
            assert content.strip() == "One moment."
            calls = [delta["tool_calls"][0] for delta in deltas(events) if "tool_calls" in delta]
            assert calls[0]["function"]["name"] == "get_weather"
            assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"city": "Oslo"}
            assert finishes(events) == ["tool_calls"]
            order = ["content" if "content" in delta else "call" for delta in deltas(events)[1:-1]]
            assert order == sorted(order, reverse=True)


async def test_a_fallback_streams_the_call_of_the_later_strategy_only() -> None:
    replies = [
        text_stream("I can't."),
        text_stream("No."),
        decided({"name": "get_weather", "arguments": {"city": "Oslo"}}),
    ]
    async with gateway(*replies) as running:
        response = await running.post({**asked(tool_choice="required"), "stream": True})
        assert response.headers["x-toolgate-attempts"].startswith("native:no_tool_call,guided:parse_error,bridge:")
        assert response.headers["x-toolgate-priority"] == "3"
        assert "I can't" not in response.text
    replies = [
        text_stream("I can't."),
        text_stream("No."),
        decided({"name": "get_weather", "arguments": {"city": "Oslo"}}),
    ]
    async with (
        gateway(*replies) as running,
        running.openai().chat.completions.stream(**asked(tool_choice="required")) as s,
    ):
        final = await s.get_final_completion()
        assert final.choices[0].finish_reason == "tool_calls"
        assert final.choices[0].message.content is None


async def test_usage_comes_last_and_only_when_asked_for() -> None:
    async with gateway(WEATHER_STREAM) as running:
        events = await running.events(asked(stream_options={"include_usage": True}))
        assert events[-1] == "[DONE]"
        last = events[-2]
        assert last["choices"] == []
        assert {key: last["usage"][key] for key in USAGE} == USAGE
        assert last["toolgate"]["priority"] == 1
        assert [e["usage"] for e in events[:-2]] == [None] * (len(events) - 2)
        assert all("toolgate" not in e for e in events[:-2])


async def test_choices_stream_side_by_side_and_choice_0_opens() -> None:
    def script(request: Request) -> Reply:
        return WEATHER_STREAM

    async with gateway(script) as running:
        events = await running.events(asked(n=3, stream_options={"include_usage": True}))
        for choice in range(3):
            assert deltas(events, choice)[0]["role"] == "assistant"
            assert deltas(events, choice)[-1] == {}
            assert finishes(events, choice) == ["tool_calls"]
        assert events[0]["choices"][0]["index"] == 0
        assert (events[-2]["usage"]["prompt_tokens"], events[-2]["usage"]["completion_tokens"]) == (9, 12)
        async with running.openai().chat.completions.stream(**asked(n=3)) as streamed:
            final = await streamed.get_final_completion()
        assert [c.message.tool_calls[0].function.arguments for c in final.choices if c.message.tool_calls] == [
            '{"city":"Oslo"}'
        ] * 3


async def test_two_calls_are_dense_in_order_and_not_mixed() -> None:
    both = [native("get_weather", '{"city":"Oslo"}', index=2), native("time_now", "{}", index=7, call_id="call_2")]
    reply = stream(event(chunk({"tool_calls": both})), event(chunk({}, "tool_calls")), event("[DONE]"))
    async with gateway(reply) as running:
        events = await running.events(asked(tools=[TOOL, TIME_TOOL]))
        calls = [delta["tool_calls"][0] for delta in deltas(events) if "tool_calls" in delta]
        assert [call["index"] for call in calls] == [0, 0, 1, 1]
        async with running.openai().chat.completions.stream(**asked(tools=[TOOL, TIME_TOOL])) as streamed:
            final = await streamed.get_final_completion()
        found = final.choices[0].message.tool_calls
        assert found is not None
        assert [(call.function.name, call.function.arguments) for call in found] == [
            ("get_weather", '{"city":"Oslo"}'),
            ("time_now", "{}"),
        ]


async def test_legacy_functions_stream_in_their_own_form() -> None:
    body = {"model": MODEL, "messages": asked()["messages"], "functions": [TOOL["function"]]}
    async with gateway(WEATHER_STREAM) as running:
        events = await running.events(body)
        assert deltas(events) == [
            {"role": "assistant", "content": None},
            {"function_call": {"name": "get_weather", "arguments": ""}},
            {"function_call": {"arguments": '{"city":"Oslo"}'}},
            {},
        ]
        assert finishes(events) == ["function_call"]


async def test_reasoning_is_sent_first_and_separately() -> None:
    reply = stream(
        event(chunk({"reasoning": "Hm. "})),
        event(chunk({"reasoning": "Yes."})),
        event(chunk({"content": "Hello."})),
        event(chunk({}, "stop")),
        event("[DONE]"),
    )
    async with gateway(reply) as running:
        events = await running.events(asked())
        reasoning = [delta["reasoning"] for delta in deltas(events) if "reasoning" in delta]
        assert "".join(reasoning) == "Hm. Yes."
        assert all(delta["reasoning"] == delta["reasoning_content"] for delta in deltas(events) if "reasoning" in delta)
        assert "".join(delta.get("content") or "" for delta in deltas(events)) == "Hello."


async def test_an_error_before_the_first_byte_is_a_plain_error() -> None:
    refused = Reply([b'{"error": "down"}'], status=503, framing="length")
    async with gateway(refused) as running:
        response = await running.post({**asked(), "stream": True})
        assert (response.status_code, response.headers["content-type"]) == (503, "application/json")
        assert response.headers["retry-after"] == "1"
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_cut_stream_ends_with_an_error_and_never_looks_finished() -> None:
    async with gateway(text_stream("Once upon", " a time", finish=None, then="cut")) as running:
        response = await running.post({**asked(), "stream": True})
        assert response.status_code == 200
        assert "[DONE]" not in response.text
        assert '"finish_reason":"' not in response.text
        last = json.loads(response.text.rstrip().rsplit("data: ", 1)[1])
        assert set(last["error"]) == {"message", "type", "param", "code"}
        with pytest.raises(openai.APIError):
            async for _ in await running.openai().chat.completions.create(**asked(stream=True)):
                pass
        assert running.metric("toolgate_stream_aborts_total", by="upstream", phase="mid") == 2


async def test_a_forwarded_stream_is_unchanged_and_its_cut_is_reported() -> None:
    body = {"model": MODEL, "messages": asked()["messages"], "stream": True}
    whole = (event(chunk({"content": "Hi"})), b": odd comment\n\n", event(chunk({}, "stop")), event("[DONE]"))
    async with gateway(stream(*whole, pause=True)) as running:
        response = await running.post(body, "/passthrough/v1/chat/completions")
        assert response.content == b"".join(whole)
        assert response.headers["x-toolgate-priority"] == "none"
    async with gateway(stream(event(chunk({"content": "Hi"})), b'data: {"half', then="cut", pause=True)) as running:
        response = await running.post(body)
        assert "[DONE]" not in response.text
        assert json.loads(response.text.rstrip().rsplit("\n\ndata: ", 1)[1])["error"]["code"] == "upstream_cut"


async def test_silence_is_filled_with_comments_that_clients_skip() -> None:
    late = asyncio.Event()

    def script(request: Request) -> Reply:
        return text_stream("Hel", finish=None, then="hang") if not late.is_set() else text_stream("Hello.")

    async with gateway(script, keep_alive_s=0.05, request_timeout_ms=700) as running:
        response = await running.post({**asked(tool_choice="required"), "stream": True})
        assert response.text.startswith(": keep-alive\n\n: keep-alive\n\n")
        assert response.headers["x-toolgate-attempts"] == "native:pending"
        assert response.headers["x-toolgate-priority"] == "pending"
        assert json.loads(response.text.rstrip().rsplit("data: ", 1)[1])["error"]["code"] == "timeout"
        late.set()
        async with running.openai().chat.completions.stream(**asked()) as streamed:
            assert (await streamed.get_final_completion()).choices[0].message.content == "Hello."


@pytest.mark.parametrize("path", ["/v1", "/passthrough/v1"])
async def test_a_forwarded_stream_is_kept_alive_before_its_upstream_says_a_word(path: str) -> None:
    body = {"model": MODEL, "messages": asked()["messages"], "stream": True}
    async with gateway(Reply((), then="silence"), keep_alive_s=0.05, request_timeout_ms=500) as running:
        response = await running.post(body, path=f"{path}/chat/completions")
        assert response.text.startswith(": keep-alive\n\n: keep-alive\n\n")
        assert response.headers["x-toolgate-priority"] == "none"
        assert json.loads(response.text.rstrip().rsplit("data: ", 1)[1])["error"]["code"] == "timeout"


async def test_a_forwarded_stream_that_comes_as_a_whole_answer_is_passed_on() -> None:
    body = {"model": MODEL, "messages": asked()["messages"], "stream": True}
    async with gateway(answer(completion({"role": "assistant", "content": "Hi"}))) as running:
        response = await running.post(body, "/passthrough/v1/chat/completions")
        assert response.headers["content-type"] == "application/json"
        assert response.json()["choices"][0]["message"]["content"] == "Hi"


async def test_a_hundred_streams_at_once_do_not_mix() -> None:
    def script(request: Request) -> Reply:
        nonce = request.json["messages"][0]["content"]
        call = native("get_weather", json.dumps({"city": nonce}), call_id=f"call_{nonce}")
        return stream(event(chunk({"tool_calls": [call]})), event(chunk({}, "tool_calls")), event("[DONE]"), pause=True)

    async with gateway(script) as running:
        client = running.openai()

        async def ask(nonce: str) -> str:
            fields = asked(messages=[{"role": "user", "content": nonce}])
            async with client.chat.completions.stream(**fields) as streamed:
                calls = (await streamed.get_final_completion()).choices[0].message.tool_calls
                assert calls is not None
                return str(json.loads(calls[0].function.arguments)["city"])

        nonces = [f"n{number}" for number in range(100)]
        assert await asyncio.gather(*(ask(nonce) for nonce in nonces)) == nonces
