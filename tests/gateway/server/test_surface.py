"""Routes, errors, keys and models, as clients of OpenAI's API expect them."""

import json

import openai
import pytest

from tests.gateway.running import MODEL, QUESTION, WEATHER_ANSWER, asked, gateway, text_answer
from tests.support.upstream import answer

FOUR_KEYS = {"message", "type", "param", "code"}


async def test_models_are_listed_and_described_also_by_ids_with_a_slash() -> None:
    async with gateway() as running:
        client = running.openai()
        listed = [model async for model in client.models.list()]
        assert [(m.id, m.object, m.created, m.owned_by) for m in listed] == [
            ("m", "model", 5, "us"),
            ("org/model-b", "model", 0, "main"),
        ]
        assert (await client.models.retrieve("org/model-b")).id == "org/model-b"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("unknown")
        assert caught.value.code == "model_not_found"


async def test_an_unknown_model_is_404_without_an_upstream_request() -> None:
    async with gateway() as running:
        with pytest.raises(openai.NotFoundError) as caught:
            await running.openai().chat.completions.create(model="unknown", messages=QUESTION)  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.type, caught.value.param) == (
            "model_not_found",
            "invalid_request_error",
            None,
        )
        assert running.chats() == []


@pytest.mark.parametrize("key", [None, "wrong", "right-but-longer"])
async def test_a_missing_or_wrong_key_is_401_before_the_body_is_read(key: str | None) -> None:
    async with gateway(api_keys=["right"]) as running:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        for path in ("/v1/chat/completions", "/tools/echo"):
            response = await running.post(b"not json", path, **headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
            assert set(response.json()["error"]) == FOUR_KEYS
        assert (await running.http.get(f"{running.url}/v1/models", headers=headers)).status_code == 401
        assert (await running.http.get(f"{running.url}/livez", headers=headers)).status_code == 200


async def test_keys_of_settings_and_of_the_file_are_accepted(tmp_path) -> None:
    (tmp_path / "keys").write_text("one\ntwo\n")
    async with gateway(text_answer("Hi."), api_keys=["zero"], api_keys_file=tmp_path / "keys") as running:
        for key in ("zero", "one", "two"):
            reply = await running.openai(api_key=key).chat.completions.create(model=MODEL, messages=QUESTION)  # type: ignore[arg-type]
            assert reply.choices[0].message.content == "Hi."


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/chat/completions/", 404),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/tools", 405),
    ],
)
async def test_unknown_routes_and_methods_are_error_objects(method: str, path: str, status: int) -> None:
    async with gateway() as running:
        response = await running.http.request(method, running.url + path)
        assert response.status_code == status
        assert set(response.json()["error"]) == FOUR_KEYS
        assert response.headers["x-request-id"]


async def test_the_chat_route_allows_only_post() -> None:
    async with gateway() as running:
        for method in ("GET", "PUT", "DELETE"):
            response = await running.http.request(method, f"{running.url}/emulate/v1/chat/completions")
            assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_bodies_that_are_not_json_or_too_large_are_rejected() -> None:
    async with gateway(max_body_bytes=2048) as running:
        assert (await running.post(b"{")).status_code == 400
        assert (await running.post(b"\xff\xfe")).status_code == 400
        assert (await running.post(b"[" * 1500)).status_code == 400
        assert (await running.post(asked(), content_type="text/plain")).status_code == 415
        assert (await running.post(asked(), content_encoding="gzip")).status_code == 415
        assert (await running.post(b" " * 4096)).status_code == 413
        assert running.chats() == []

        async def parts():
            for _ in range(5):
                yield b" " * 1000

        response = await running.http.post(f"{running.url}/v1/chat/completions", content=parts())
        assert response.status_code == 413
        assert set(response.json()["error"]) == FOUR_KEYS


async def test_a_response_has_the_callers_request_id_or_a_new_one() -> None:
    async with gateway(text_answer("Hi.")) as running:
        seen = set()
        for path in ("/health", "/v1/models", "/stats", "/tools", "/nothing"):
            seen.add((await running.http.get(running.url + path)).headers["x-request-id"])
        seen.add((await running.post(asked(tools=None))).headers["x-request-id"])
        assert len(seen) == 6
        mine = await running.post(asked(tools=None), x_request_id="mine-1")
        assert mine.headers["x-request-id"] == "mine-1"
        assert running.chats()[-1].headers["x-request-id"] == "mine-1"
        bad = await running.post(asked(tools=None), x_request_id="not fit for a log")
        assert bad.headers["x-request-id"] != "not fit for a log"


async def test_the_paths_mode_precedes_the_headers_and_a_bad_header_is_400() -> None:
    async with gateway(text_answer("Hi.")) as running:
        for path, header in (("/passthrough/v1/chat/completions", "auto"), ("/v1/chat/completions", "passthrough")):
            response = await running.post(asked(), path, x_toolgate_mode=header)
            assert response.json()["choices"][0]["message"]["content"] == "Hi."
            assert response.headers["x-toolgate-priority"] == "none"
        bad = await running.post(asked(), x_toolgate_mode="turbo")
        assert (bad.status_code, bad.json()["error"]["code"]) == (400, "invalid_value")


async def test_passthrough_forwards_the_bytes_unchanged() -> None:
    async with gateway(text_answer("Hi.")) as running:
        body = b'{ "messages" : 7, "model":"m" , "x":[null, 1e2],"tools":[] }'
        response = await running.post(body, "/passthrough/v1/chat/completions")
        assert running.chats()[0].body == body
        assert response.json()["choices"][0]["message"]["content"] == "Hi."


async def test_an_alias_changes_only_the_model_in_the_body() -> None:
    async with gateway(text_answer("Hi."), models={"nick": {"model": MODEL}}) as running:
        body = b'{"model": "nick", "x": 12345678901234567890123, "messages": [{"role": "user", "content": "\\u00e9"}]}'
        assert (await running.post(body)).status_code == 200
        sent = running.chats()[0].body
        assert json.loads(sent) == {**json.loads(body), "model": MODEL}
        assert b"12345678901234567890123" in sent
        assert b"\\u00e9" in sent


async def test_a_request_without_tools_is_forwarded_without_a_ladder() -> None:
    async with gateway(text_answer("Hi.")) as running:
        body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"min_p":0.5,"n":1}'
        response = await running.post(body)
        assert running.chats()[0].body == body
        assert response.json()["choices"][0]["message"]["content"] == "Hi."
        assert "toolgate" not in response.json()
        assert response.headers["x-toolgate-priority"] == "none"
        statistics = (await running.http.get(f"{running.url}/stats")).json()["statistics"]
        assert (statistics["total_requests"], statistics["ladder_requests"]) == (1, 0)


async def test_nulls_and_empty_lists_of_tools_do_not_reach_the_upstream() -> None:
    async with gateway(text_answer("Hi.")) as running:
        response = await running.post({"model": MODEL, "messages": QUESTION, "tools": [], "stop": None})
        assert response.status_code == 200
        assert running.chats()[0].json == {"model": MODEL, "messages": QUESTION}
        history = [*QUESTION, {"role": "assistant", "content": "Cold.", "tool_calls": []}, *QUESTION]
        await running.post({"model": MODEL, "messages": history})
        assert running.chats()[1].json["messages"][1] == {"role": "assistant", "content": "Cold."}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/passthrough/v1/chat/completions"])
async def test_an_upstream_error_with_status_200_is_an_error(path: str) -> None:
    async with gateway(answer({"error": {"message": "No endpoint.", "code": 429}})) as running:
        response = await running.post({"model": MODEL, "messages": QUESTION}, path)
        assert response.status_code == 429
        assert set(response.json()["error"]) == FOUR_KEYS


async def test_an_upstream_can_be_named_before_the_model() -> None:
    async with gateway(text_answer("Hi.")) as running:
        response = await running.post({"model": "main@other", "messages": QUESTION})
        assert response.status_code == 200
        assert running.chats()[0].json["model"] == "other"


async def test_health_is_200_and_lists_what_is_degraded() -> None:
    async with gateway() as running:
        response = await running.http.get(f"{running.url}/health")
        assert (response.status_code, response.json()) == (
            200,
            {
                "status": "ok",
                "service": "toolgate-gateway",
                "version": "1.2.3",
                "mode": "auto",
                "timestamp": "2027-01-15T08:00:00Z",
                "upstreams": {"main": "ok"},
                "services": {"prompt-transformer": "serving", "extractor": "serving", "tool-executor": "serving"},
            },
        )
    async with gateway(upstreams={"gone": {"url": "http://127.0.0.1:9"}}) as running:
        response = await running.http.get(f"{running.url}/health")
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["upstreams"] == {"gone": "unreachable"}
        assert (await running.http.get(f"{running.url}/readyz")).status_code == 200
        assert (await running.post(asked())).status_code == 503


async def test_tools_are_listed_and_run() -> None:
    async with gateway() as running:
        listed = (await running.http.get(f"{running.url}/tools")).json()
        assert [tool["function"]["name"] for tool in listed["data"]] == ["echo"]
        done = await running.post(b'{"b": 9007199254740993, "a": 1}', "/tools/echo")
        assert done.json()["content"] == '{"b":9007199254740993,"a":1}'
        assert (await running.post(b"[]", "/tools/echo")).status_code == 400
        missing = await running.post(b"{}", "/tools/unknown")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "tool_not_found")


async def test_browsers_may_call_from_configured_origins_but_never_the_tools() -> None:
    async with gateway(text_answer("Hi."), cors_origins=["https://page.example"]) as running:
        origin = {"origin": "https://page.example"}
        chat = await running.post(asked(tools=None), **origin)
        assert chat.headers["access-control-allow-origin"] == "https://page.example"
        asks = {**origin, "access-control-request-method": "POST"}
        allowed = await running.http.options(f"{running.url}/v1/chat/completions", headers=asks)
        assert allowed.status_code == 200
        tools = await running.http.get(f"{running.url}/tools", headers=origin)
        assert "access-control-allow-origin" not in tools.headers
        assert (await running.http.options(f"{running.url}/tools/echo", headers=asks)).status_code == 405


async def test_metrics_are_served_on_their_own_port() -> None:
    async with gateway(WEATHER_ANSWER, metrics=True) as running:
        await running.post(asked())
        response = await running.http.get(f"http://127.0.0.1:{running.ports.metrics}/metrics")
        assert 'toolgate_attempts_total{model="m",outcome="success_tool",priority="1"} 1.0' in response.text


async def test_a_base_url_without_v1_works() -> None:
    async with gateway(text_answer("Hi.")) as running:
        for prefix in ("", "/emulate", "/passthrough"):
            client = running.openai(prefix or "/")
            reply = await client.chat.completions.create(model=MODEL, messages=QUESTION)  # type: ignore[arg-type]
            assert reply.choices[0].message.content == "Hi."
            assert [model.id async for model in client.models.list()] == ["m", "org/model-b"]
            assert (await client.models.retrieve("org/model-b")).id == "org/model-b"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("//v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1//chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/V1/chat/completions", "/v1/chat/completions"),
        ("/emulate/v1/v1/chat/completions", "/emulate/v1/chat/completions"),
        ("/v1/v1/models", "/v1/models"),
        ("/v1/v1/models/m", "/v1/models/m"),
        ("/v1/model", "/v1/models"),
        ("/v1/embedding", "/v1/embeddings"),
        ("//v1/embeddings", "/v1/embeddings"),
        ("/passthrough//tokenize", "/passthrough/tokenize"),
        ("/healthz", "/health"),
    ],
)
async def test_a_mistyped_path_gets_a_suggestion(path: str, meant: str) -> None:
    async with gateway() as running:
        response = await running.post({}, path)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
        assert response.json()["error"]["message"].endswith(f" Did you mean {meant}?")


@pytest.mark.parametrize("path", ["/xyzzy", "/v1/" + "a" * 10_000, "/v1/xyzzy/plugh"])
async def test_a_path_unlike_any_route_gets_no_suggestion(path: str) -> None:
    async with gateway() as running:
        response = await running.post({}, path)
        message = response.json()["error"]["message"]
        assert response.status_code == 404
        assert "mean" not in message
        assert len(message) < 300


async def test_an_unknown_models_error_lists_the_known_ones() -> None:
    async with gateway() as running:
        for response in (
            await running.post(asked(model="model-b2")),
            await running.post({"model": "model-b2", "messages": QUESTION}, "/passthrough/v1/chat/completions"),
            await running.http.get(f"{running.url}/v1/models/model-b2"),
        ):
            assert response.status_code == 404
            assert (
                "Did you mean 'org/model-b'? Available models: m, org/model-b." in response.json()["error"]["message"]
            )


@pytest.mark.parametrize("name", ["x" * 257, "main@" + "qwen" * 10_000])
async def test_a_models_name_is_bounded(name: str) -> None:
    async with gateway(text_answer("Hi.")) as running:
        for response in (
            await running.post(asked(model=name)),
            await running.post({"model": name, "messages": QUESTION}, "/passthrough/v1/chat/completions"),
            await running.http.get(f"{running.url}/v1/models/{name[:30_000]}"),
        ):
            error = response.json()["error"]
            assert (response.status_code, error["code"], error["param"]) == (400, "string_above_max_length", "model")
        assert running.chats() == []
