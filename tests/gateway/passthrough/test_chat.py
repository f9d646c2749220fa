"""Requests without tools over real sockets: one normal form, whole and streamed, in auto and emulate."""

import gzip
import json
from typing import Any

import openai
import pytest

from tests.gateway.running import MODEL, QUESTION, USAGE, RunningGateway, gateway, parse_events
from tests.support.upstream import Reply, answer, chunk, completion, event, stream

PATHS = ["/v1", "/emulate/v1"]
ALL_PATHS = [*PATHS, "/passthrough/v1"]
END = event("[DONE]")


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "nick", "messages": QUESTION, **fields}


def serving(*script: Reply, **settings: Any) -> Any:
    return gateway(*script, models={"nick": {"model": MODEL}}, **settings)


async def whole(running: RunningGateway, path: str, **fields: Any) -> Any:
    return (await running.post(asked(**fields), f"{path}/chat/completions")).json()


GOOD: dict[str, tuple[dict[str, Any], str, str]] = {
    "as it should be": (completion({"content": "Hello", "refusal": None}, usage=USAGE), "Hello", "stop"),
    "vLLM's nulls": (
        completion({"content": "Hello", "tool_calls": [], "annotations": None, "function_call": None}),
        "Hello",
        "stop",
    ),
    "calls that were not declared": (
        completion(
            {"content": "Hello", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
            "tool_calls",
        ),
        "Hello",
        "stop",
    ),
    "GLM's filter": (completion({"content": "Hello"}, "sensitive"), "Hello", "content_filter"),
    "eos in capitals": (completion({"content": "Hello"}, "EOS"), "Hello", "stop"),
    "Gemini's length": (completion({"content": "Hello"}, "MAX_TOKENS"), "Hello", "length"),
    "no reason": (completion({"content": "Hello"}, None), "Hello", "stop"),
    "the word null": (completion({"content": "Hello"}, "null"), "Hello", "stop"),
    "bare": ({"choices": [{"message": {"content": "Hello"}}]}, "Hello", "stop"),
    "null content": (completion({"content": None}, "length"), "", "length"),
    "no content": (completion({}, "length"), "", "length"),
    "content parts": (completion({"content": [{"type": "text", "text": "Hel"}, {"text": "lo"}]}), "Hello", "stop"),
    "an empty error": (completion({"content": "Hello"}) | {"error": {}}, "Hello", "stop"),
    "more choices than asked for": (
        {"choices": [{"index": at, "message": {"content": text}} for at, text in ((5, "Hello"), (1, "no"))]},
        "Hello",
        "stop",
    ),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", GOOD)
async def test_a_whole_answer_comes_in_normal_form(case: str, path: str) -> None:
    body, text, finish = GOOD[case]
    async with serving(answer(body)) as running:
        found = await whole(running, path)
        message = found["choices"][0]["message"]
        assert (found["object"], found["model"], len(found["choices"])) == ("chat.completion", "nick", 1)
        assert isinstance(found["id"], str)
        assert isinstance(found["created"], int)
        assert found["choices"][0] == {
            **found["choices"][0],
            "index": 0,
            "logprobs": None,
            "finish_reason": finish,
        }
        assert (message["role"], message["content"], message["refusal"]) == ("assistant", text, None)
        assert "tool_calls" not in message
        assert "function_call" not in message
        assert "error" not in found
        client = running.openai(path)
        parsed = await client.chat.completions.create(**asked())
        assert parsed.choices[0].message.content == text
        events = [each async for each in await client.chat.completions.create(**asked(stream=True))]
        assert "".join(each.choices[0].delta.content or "" for each in events) == text
        assert [each.choices[0].finish_reason for each in events][-1] == finish


BAD: dict[str, tuple[Reply, str]] = {
    "a web page": (Reply([b"<html>at 10.0.0.7</html>"], headers={"content-type": "text/html"}), "upstream_error"),
    "hello world": (answer({"hello": "world"}), "upstream_error"),
    "no choices": (answer({"object": "chat.completion", "choices": []}), "upstream_error"),
    "choices null": (answer({"choices": None}), "upstream_error"),
    "a choice of nothing": (answer({"choices": [None]}), "upstream_error"),
    "a choice without a message": (answer({"choices": [{"index": 0, "text": "x"}]}), "upstream_error"),
    "half": (answer(b'{"choices":[{"mess'), "upstream_error"),
    "nothing": (answer(b""), "upstream_error"),
    "a list": (answer([]), "upstream_error"),
    "network_error": (answer(completion({"content": "Hel"}, "network_error")), "upstream_error"),
    "an error": (answer({"error": {"message": "at http://10.0.0.7:8000/x", "code": 500}}), "upstream_error"),
    "an error text": (answer({"error": "at 10.0.0.7"}), "upstream_error"),
    "an error beside an answer": (answer(completion({"content": "x"}) | {"error": {"message": "x"}}), "upstream_error"),
    "a detail": (answer({"detail": "at 10.0.0.7"}), "upstream_error"),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("case", BAD)
async def test_an_invalid_answer_is_a_502(case: str, streamed: bool) -> None:
    reply, code = BAD[case]
    async with serving(reply) as running:
        for path in PATHS:
            response = await running.post(asked(stream=streamed), f"{path}/chat/completions")
            error = response.json()["error"]
            assert (response.status_code, error["code"], error["type"]) == (502, code, "server_error")
            assert set(error) == {"message", "type", "param", "code"}
            assert "10.0.0.7" not in response.text


INTERNAL = {"error": {"message": "no route to http://10.0.0.7:8000", "type": "x", "code": 500, "param": None}}


@pytest.mark.parametrize("path", ALL_PATHS)
async def test_an_error_inside_a_stream_is_openais_and_the_last_of_it(path: str) -> None:
    parts = (
        event(chunk({"role": "assistant", "content": "Hel"})),
        event(INTERNAL),
        event(chunk({"content": "x"})),
        END,
    )
    for pause in (False, True):
        async with serving(stream(*parts, pause=pause)) as running:
            response = await running.post(asked(stream=True), f"{path}/chat/completions")
            events = parse_events(response.text)
            assert ["error" in each for each in events] == [False, True]
            error = events[-1]["error"]
            assert (error["code"], error["param"], error["type"]) == ("upstream_error", None, "server_error")
            assert "10.0.0.7" not in response.text
            with pytest.raises(openai.APIError):
                async for _ in await running.openai(path).chat.completions.create(**asked(stream=True)):
                    pass


@pytest.mark.parametrize("path", ALL_PATHS)
async def test_an_error_that_begins_a_stream_is_a_status(path: str) -> None:
    async with serving(stream(event({"error": {"message": "slow down", "code": 429}}), END)) as running:
        response = await running.post(asked(stream=True), f"{path}/chat/completions")
        assert (response.status_code, response.json()["error"]["code"]) == (429, "429")


async def test_a_stream_where_a_whole_answer_was_asked_for_is_joined() -> None:
    parts = (
        event(chunk({"role": "assistant", "content": "Hel", "annotations": [1]}, system_fingerprint="fp")),
        event(chunk({"content": "lo", "annotations": [2]})),
        event(chunk({}, "length", service_tier="flex")),
        event(chunk(usage=USAGE) | {"choices": []}),
        END,
    )
    async with serving(stream(*parts)) as running:
        found = await whole(running, "/v1")
        assert found["choices"] == [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None, "annotations": [1, 2]},
                "logprobs": None,
                "finish_reason": "length",
            }
        ]
        assert (found["object"], found["model"], found["usage"]) == ("chat.completion", "nick", USAGE)
        assert (found["service_tier"], found["system_fingerprint"]) == ("flex", "fp")
    async with serving(stream(event(INTERNAL))) as running:
        assert (await running.post(asked())).status_code == 502


async def test_several_choices_come_whole_and_streamed() -> None:
    choices = [{"index": at, "message": {"content": text}, "finish_reason": "stop"} for at, text in enumerate("ab")]
    async with serving(answer({"choices": choices})) as running:
        found = await whole(running, "/v1", n=2)
        assert [choice["message"]["content"] for choice in found["choices"]] == ["a", "b"]
        async with running.openai().chat.completions.stream(**asked(n=2)) as streamed:
            final = await streamed.get_final_completion()
            assert [choice.message.content for choice in final.choices] == ["a", "b"]


async def test_usage_comes_only_where_it_was_asked_for() -> None:
    parts = (
        event(chunk({"content": "Hi"})),
        event(chunk({}, "stop")),
        event(chunk(usage=USAGE) | {"choices": []}),
        END,
    )
    async with serving(stream(*parts)) as running:
        events = await running.events(asked())
        assert not any(each.get("usage") for each in events if each != "[DONE]")
        assert all(each["choices"] for each in events if each != "[DONE]")
        events = await running.events(asked(stream_options={"include_usage": True}))
        assert (events[-2]["usage"], events[-2]["choices"], events[-1]) == (USAGE, [], "[DONE]")


async def test_the_models_name_is_the_clients_with_and_without_tools() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    reply = [event(chunk({"content": part})) for part in ("a", "b", "c")]
    async with serving(stream(*reply, event(chunk({}, "stop")), END)) as running:
        for fields in ({}, {"tools": [tool]}):
            events = await running.events(asked(**fields))
            assert {each["model"] for each in events[:-1]} == {"nick"}


async def test_a_connection_that_breaks_after_the_finish_breaks_nothing() -> None:
    parts = (event(chunk({"content": "Hi"})), event(chunk({}, "stop")))
    for then in ("cut", "hang"):
        async with serving(stream(*parts, then=then, pause=True)) as running:
            assert (await running.events(asked()))[-1] == "[DONE]"


async def test_a_cut_before_the_finish_is_reported() -> None:
    async with serving(stream(event(chunk({"content": "Hi"})), b'data: {"half', then="cut", pause=True)) as running:
        for path in ALL_PATHS:
            response = await running.post(asked(stream=True), f"{path}/chat/completions")
            assert parse_events(response.text)[-1]["error"]["code"] == "upstream_cut"
            assert "half" not in response.text


async def test_a_header_that_can_not_be_written_again_costs_no_answer() -> None:
    headers: dict[str, Any] = {"x_ratelimit_limit_requests": "ñ", "openai_organization": "us", "openai_odd": "a\x7fb"}
    async with serving(answer(completion({"content": "Hi"}), **headers)) as running:
        for path in ALL_PATHS:
            response = await running.post(asked(), f"{path}/chat/completions")
            assert response.status_code == 200
            assert response.headers["openai-organization"] == "us"
            assert "x-ratelimit-limit-requests" not in response.headers


async def test_a_compressed_answer_is_read_all_the_same() -> None:
    text = gzip.compress(json.dumps(completion({"content": "Hi"})).encode())
    zipped = Reply([text], headers={"content-type": "application/json", "content-encoding": "gzip"})
    async with serving(zipped) as running:
        for path in ALL_PATHS:
            assert (await whole(running, path))["choices"][0]["message"]["content"] == "Hi"


async def test_an_endless_answer_ends_at_its_bound() -> None:
    bomb = gzip.compress(b'{"x":"' + b"a" * 70_000_000)
    endless = Reply([bomb], headers={"content-type": "application/json", "content-encoding": "gzip"})
    async with serving(endless) as running:
        for path in ("/v1", "/passthrough/v1"):
            response = await running.post(asked(), f"{path}/chat/completions")
            assert response.status_code == 502
            assert response.json()["error"]["message"] == "The upstream's answer has more than 67108864 bytes."


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Par'}}


@pytest.mark.parametrize("arguments", ['{"city": "Par', "", "null", "[1]", "Paris", '{"city": "Paris",}'])
async def test_earlier_calls_are_repaired_without_tools_too(arguments: str) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
    ]
    async with serving(answer(completion({"content": "Hi"}))) as running:
        await whole(running, "/v1", messages=messages)
        sent = running.chats()[0].json["messages"]
        assert isinstance(json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]), dict)
        assert (sent[0], sent[2]) == (messages[0], messages[2])


@pytest.mark.parametrize("path", ALL_PATHS)
async def test_a_finished_stream_gives_its_connection_back(path: str) -> None:
    parts = (event(chunk({"content": "Hi"})), event(chunk({}, "stop")), END)
    async with serving(stream(*parts, pause=True)) as running:
        for _ in range(3):
            await running.events(asked(), f"{path}/chat/completions")
        assert len({request.connection for request in running.chats()}) == 1
