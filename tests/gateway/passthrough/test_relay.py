"""The paths beside chat: forwarded by the body's model, with keys, admission, limits and errors as for chat."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from toolgate_core import limits
from toolgate_gateway.endpoints import ENDPOINTS

from tests.gateway.running import MODEL, gateway
from tests.support.upstream import Reply, Request, answer, event, scripted, stream

JSON_PATHS = [endpoint.path for endpoint in ENDPOINTS]
ALIAS: dict[str, Any] = {"models": {"small": {"model": "org/real"}}}


def echo(request: Request) -> Reply:
    return answer({"path": request.path, "body": json.loads(request.body or b"null")})


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


@pytest.mark.parametrize("prefix", ["", "/emulate", "/passthrough"])
@pytest.mark.parametrize("path", JSON_PATHS)
async def test_every_endpoint_is_forwarded_with_the_upstreams_model_name(path: str, prefix: str) -> None:
    async with gateway(echo, **ALIAS) as running:
        body = b'{"model": "small",  "input": "x", "n": 1.50}'
        response = await running.post(body, prefix + path)
        assert response.status_code == 200
        [sent] = [request for request in running.upstream.requests if request.path != "/v1/models"]
        assert (sent.path, json.loads(sent.body)) == (path, {"model": "org/real", "input": "x", "n": 1.5})
        assert b'"n":1.50' in sent.body
        assert response.headers["x-toolgate-forwarded"] == "true"
        assert response.headers["x-toolgate-priority"] == "none"
        assert response.headers["x-request-id"] == sent.headers["x-request-id"]
        listed = await running.post({"model": MODEL, "input": "x"}, prefix + path)
        assert listed.json()["body"]["model"] == MODEL


@pytest.mark.parametrize("path", ["/completions", "/embeddings", "/emulate/responses", "/messages", "/moderations"])
async def test_a_base_url_without_v1_works(path: str) -> None:
    async with gateway(echo) as running:
        response = await running.post({"model": MODEL}, path)
        assert response.json()["path"] == "/v1/" + path.rpartition("/")[2]


async def test_bytes_and_query_are_forwarded_unchanged() -> None:
    async with gateway(echo) as running:
        body = b'{"model":"m", "x":[1,2.50,"\xc3\xa9"],"y":null}'
        response = await running.post(body, "/v1/messages?beta=true")
        [sent] = [request for request in running.upstream.requests if request.path != "/v1/models"]
        assert (response.status_code, sent.path, sent.body) == (200, "/v1/messages?beta=true", body)


@pytest.mark.parametrize("url", ["", "/v1", "/v1/chat/completions", "/v1/"])
async def test_the_upstreams_url_may_name_its_version(url: str) -> None:
    async with scripted(lambda r: answer({"data": []}) if r.path == "/v1/models" else echo(r)) as upstream:
        places = {"main": {"url": upstream.url + url}}
        async with gateway(upstreams=places, models={"m": {}}) as running:
            for path in ("/v1/embeddings", "/tokenize", "/rerank", "/v1/rerank"):
                assert (await running.post({"model": MODEL}, path)).json()["path"] == path


async def test_a_request_without_a_model_goes_to_the_only_upstream() -> None:
    async with gateway(echo) as running:
        for body in ({"prompt": "x"}, {"model": None, "prompt": "x"}):
            assert (await running.post(body, "/tokenize")).json()["body"] == body


async def test_a_request_without_a_model_is_400_with_several_upstreams() -> None:
    async with scripted(echo) as one, gateway(upstreams={"a": {"url": one.url}, "b": {"url": one.url}}) as running:
        response = await running.post({"prompt": "x"}, "/tokenize")
        assert (response.status_code, response.json()["error"]["param"]) == (400, "model")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"\xff", 400, None),
        (b"", 400, None),
        (b'{"model": 1}', 400, None),
        (b'{"model": "unknown"}', 404, "model_not_found"),
        (b'{"model": "' + b"x" * 257 + b'"}', 400, "string_above_max_length"),
        (b'{"model": "main@' + b"qwen" * 30_000 + b'"}', 400, "string_above_max_length"),
        (b"[" * 100_000, 400, None),
    ],
)
async def test_an_invalid_request_is_an_error_and_is_not_forwarded(body: bytes, status: int, code: str | None) -> None:
    async with gateway(echo) as running:
        for path in ("/v1/embeddings", "/rerank", "/v1/completions", "/v1/messages"):
            response = await running.post(body, path)
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (status, code)
            assert set(error) == {"message", "type", "param", "code"}
            assert response.headers["x-toolgate-forwarded"] == "true"
        assert {request.path for request in running.upstream.requests} == {"/v1/models"}


async def test_keys_content_types_and_sizes_are_checked_as_for_chat() -> None:
    async with gateway(echo, api_keys=["right"], max_body_bytes=2048) as running:
        path, key = "/v1/embeddings", {"x_api_key": "right"}
        assert (await running.post(b"not json", path)).status_code == 401
        assert (await running.post({"model": MODEL}, path, content_type="text/plain", **key)).status_code == 415
        form = "multipart/form-data; boundary=x"
        assert (await running.post({"model": MODEL}, path, content_type=form, **key)).status_code == 415
        assert (await running.post({"model": MODEL}, path, content_encoding="gzip", **key)).status_code == 415
        assert (await running.post(b" " * 4096, path, **key)).status_code == 413
        assert (await running.post({"model": MODEL}, path, **key)).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x"])
async def test_a_page_cannot_use_endpoints_without_a_preflight(kind: str) -> None:
    async with gateway(echo) as running:
        headers = {"origin": "http://evil.example", "content_type": kind}
        assert (await running.post({"model": MODEL}, "/v1/audio/transcriptions", **headers)).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_endpoints_allow_only_post(method: str) -> None:
    async with gateway(echo) as running:
        for path in ("/v1/embeddings", "/passthrough/tokenize", "/v1/audio/speech"):
            response = await running.http.request(method, running.url + path)
            assert (response.status_code, response.headers["allow"]) == (405, "POST")


FORM = (
    b'--bound\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n'
    b'RIFF\x00\xff name="model"\r\n\r\n--boun\r\n\r\n--bound\r\n'
    b'Content-Disposition: form-data; name="model"\r\n\r\n%b\r\n--bound\r\n'
    b'Content-Disposition: form-data; name="language"\r\n\r\nen\r\n--bound--\r\n'
)


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/audio/new-thing"])
@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=bound", 'Multipart/Form-Data; charset=utf-8; boundary="bound"']
)
async def test_a_form_is_forwarded_by_its_field_model(path: str, kind: str) -> None:
    def heard(request: Request) -> Reply:
        return answer(b"said", content_type="text/plain; charset=utf-8")

    async with gateway(heard, **ALIAS) as running:
        response = await running.post(FORM % b"small", path, content_type=kind)
        assert (response.status_code, response.content) == (200, b"said")
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        [sent] = [request for request in running.upstream.requests if request.path != "/v1/models"]
        assert (sent.path, sent.body, sent.headers["content-type"]) == (path, FORM % b"org/real", kind)


@pytest.mark.parametrize(
    ("model", "status"), [(b"unknown", 404), (b"x" * 300, 400), (b"x" * 100_000, 400), (b"\xff\xfe", 404)]
)
async def test_a_forms_model_is_looked_up_like_any_other(model: bytes, status: int) -> None:
    async with gateway(echo) as running:
        kind = "multipart/form-data; boundary=bound"
        response = await running.post(FORM % model, "/v1/audio/transcriptions", content_type=kind)
        assert response.status_code == status


async def test_a_form_without_a_model_goes_to_the_only_upstream() -> None:
    async with gateway(always(answer({"text": "said"}))) as running:
        for form in (FORM.replace(b'"model"', b'"other"') % b"x", b"", b"--bound", b"--bound--\r\n", b"x" * 1000):
            kind = "multipart/form-data; boundary=bound"
            response = await running.post(form, "/v1/audio/transcriptions", content_type=kind)
            assert response.json() == {"text": "said"}
            assert running.upstream.requests[-1].body == form


async def test_speech_is_forwarded_as_bytes() -> None:
    sound = bytes(range(256)) * 1000
    reply = Reply([sound[:1000], sound[1000:]], 200, {"content-type": "audio/mpeg"})
    async with gateway(always(reply)) as running:
        response = await running.post({"model": MODEL, "input": "x"}, "/v1/audio/speech")
        assert (response.status_code, response.headers["content-type"], response.content) == (200, "audio/mpeg", sound)


async def test_the_official_client_completes_and_embeds() -> None:
    completion = {"id": "c", "object": "text_completion", "created": 1, "model": "org/real"}

    def serve(request: Request) -> Reply:
        body = json.loads(request.body)
        if request.path == "/v1/embeddings":
            data = [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}]
            return answer(
                {
                    "object": "list",
                    "data": data,
                    "model": body["model"],
                    "usage": {"prompt_tokens": 1, "total_tokens": 1},
                }
            )
        choices = [{"index": 0, "text": text, "logprobs": None, "finish_reason": None} for text in ("Hel", "lo")]
        if body.get("stream"):
            return stream(
                *(event(completion | {"choices": [choice]}) for choice in choices), event("[DONE]"), pause=True
            )
        return answer(completion | {"choices": [choices[0] | {"text": "Hello", "finish_reason": "stop"}]})

    async with gateway(serve, **ALIAS) as running:
        for path in ("/v1", "/passthrough/v1", "/emulate/v1", ""):
            client = running.openai(path)
            whole = await client.completions.create(model="small", prompt="x")
            assert whole.choices[0].text == "Hello"
            parts = [
                part.choices[0].text
                async for part in await client.completions.create(model="small", prompt="x", stream=True)
            ]
            assert parts == ["Hel", "lo"]
            vectors = await client.embeddings.create(model="small", input="x", encoding_format="float")
            assert vectors.data[0].embedding == [0.5, 1.0]
        with pytest.raises(openai.NotFoundError) as caught:
            await client.embeddings.create(model="smal", input="x")
        assert caught.value.code == "model_not_found"
        assert "Did you mean 'small'?" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (answer({"error": {"message": "too long sk-verysecretkey at http://10.1.2.3", "code": "c"}}, status=400), 400, "c"),
        (answer({"detail": "Not Found"}, status=404), 404, "endpoint_not_found"),
        (answer({"error": {"message": "The model `x` does not exist."}}, status=404), 404, "model_not_found"),
        (answer({"error": "Unauthorized"}, status=401), 502, "upstream_credential"),
        (answer({"error": {"message": "slow"}}, status=429, retry_after="7"), 429, "rate_limit_exceeded"),
        (answer({}, status=503), 503, "upstream_overloaded"),
        (answer(b"<html>", status=500, content_type="text/html"), 502, "upstream_error"),
        (answer(b"<html>", content_type="text/html"), 502, "upstream_error"),
        (answer({"error": {"message": "broken", "code": 500}}), 502, "upstream_error"),
        (answer({"object": "error", "message": "broken", "code": 400}), 400, "400"),
        (Reply([b"{"], 200, {"content-type": "application/json", "content-length": "9"}, framing="close"), 502, "upstream_cut"),
        (Reply(None), 502, "upstream_unreachable"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstreams_failure_is_reported_as_for_chat(
    reply: Reply, status: int, code: str, streamed: bool
) -> None:
    async with gateway(always(reply)) as running:
        response = await running.post({"model": MODEL, "input": "x", "stream": streamed}, "/v1/embeddings")
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        assert "secret" not in response.text
        assert "10.1.2.3" not in response.text
        assert running.metric("toolgate_http_requests_total", route="embeddings", code=str(status)) == 1
        assert running.metric("toolgate_upstream_requests_total", upstream="main") >= 1
        assert running.metric("toolgate_requests_in_flight") == 0


async def test_a_null_error_or_a_text_about_errors_is_not_an_error() -> None:
    bodies: list[Any] = [
        {"object": "response", "error": None, "x": "error"},
        {"data": [{"error": {"message": "x"}}]},
        {"error": {}},
        "error",
    ]
    for body in bodies:
        async with gateway(always(answer(body))) as running:
            response = await running.post({"model": MODEL}, "/v1/responses")
            assert (response.status_code, response.json()) == (200, body)


@pytest.mark.parametrize(
    ("path", "error", "reported"),
    [
        ("/v1/completions", b'data: {"error":{"message":"at 10.1.2.3 sk-verysecretkey","code":500}}\n\ndata: [DONE]\n\n', b'data: {"error":{'),
        ("/v1/completions", b'data: {"object":"error","message":"at 10.1.2.3"}\n\n', b'data: {"error":{'),
        ("/v1/messages", b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"http://10.1.2.3"}}\n\n', b'event: error\ndata: {"type":"error","error":{'),
        ("/v1/completions", None, b'data: {"error":{'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_an_error_in_a_stream_is_rewritten_as_its_last_event(
    path: str, error: bytes | None, reported: bytes, size: int
) -> None:
    events = event({"text": 'an "error" in a text', "error": None}) + b": comment\n\n" + event({"n": 2})
    data = events + (error or b"data: {half")
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    reply = stream(*parts, then="end" if error else "cut", pause=True)
    async with gateway(always(reply)) as running:
        response = await running.post({"model": MODEL, "stream": True}, path)
        text = response.content
        assert (response.status_code, text[: len(events)]) == (200, events)
        rest = text[len(events) :]
        assert rest.startswith(reported)
        assert rest.endswith(b"\n\n")
        assert b"10.1.2.3" not in text
        assert b"secret" not in text
        assert b"[DONE]" not in rest


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize("line", [b"\n", b"\r\n"])
async def test_a_stream_is_forwarded_byte_by_byte(size: int, line: bytes) -> None:
    data = (
        b"".join(b"event: x" + line + b'data: {"delta":"%d","error":null}' % n + line * 2 for n in range(5))
        + b"data: [DONE]"
        + line * 2
    )
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    async with gateway(always(stream(*parts, pause=True))) as running:
        response = await running.post({"model": MODEL, "stream": True}, "/v1/responses")
        assert response.content == data
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["x-toolgate-forwarded"] == "true"


async def test_a_stream_is_kept_alive_and_ends_in_time() -> None:
    hanging = stream(event({"n": 1}), then="hang")
    async with gateway(always(hanging), keep_alive_s=0.05, request_timeout_ms=400) as running:
        response = await running.post({"model": MODEL, "stream": True}, "/v1/completions")
        assert response.status_code == 200
        assert b": keep-alive\n\n" in response.content
        assert response.content.endswith(b"\n\n")
        assert b'"code":"timeout"' in response.content
    async with gateway(always(Reply([], then="silence")), request_timeout_ms=300) as running:
        response = await running.post({"model": MODEL}, "/v1/embeddings")
        assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")


async def test_errors_of_messages_have_anthropics_shape() -> None:
    async with gateway(echo, api_keys=["right"]) as running:
        response = await running.post({"model": "x"}, "/v1/messages")
        assert response.status_code == 401
        assert response.json()["type"] == "error"
        assert response.json()["error"]["type"] == "authentication_error"
        response = await running.post({"model": "x"}, "/v1/messages", x_api_key="right")
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")


async def test_admission_control_covers_endpoints() -> None:
    hanging = Reply([], then="silence")
    async with gateway(always(hanging), max_in_flight=1, max_queue=0, request_timeout_ms=2000) as running:
        first = asyncio.create_task(running.post({"model": MODEL}, "/v1/embeddings"))
        while not any(request.path == "/v1/embeddings" for request in running.upstream.requests):  # noqa: ASYNC110
            await asyncio.sleep(0)
        second = await running.post({"model": MODEL}, "/v1/completions")
        assert (second.status_code, second.headers["retry-after"]) == (503, "1")
        assert running.metric("toolgate_admission_rejected_total", reason="queue_full") == 1
        assert (await first).status_code == 504


async def test_a_whole_response_has_a_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate_gateway.passthrough.bodies.MAX_ANSWER_BYTES", 10_000)
    reply = Reply([b'"' + b"x" * 5000] + [b"x" * 5000] * 4, 200, {"content-type": "application/json"})
    async with gateway(always(reply)) as running:
        response = await running.post({"model": MODEL}, "/v1/embeddings")
        assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_error")


async def test_an_event_has_a_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate_formats.forwarded.MAX_EVENT_BYTES", 10_000)
    async with gateway(always(stream(*[b"x" * 5000] * 5))) as running:
        response = await running.post({"model": MODEL, "stream": True}, "/v1/completions")
        assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_error")


async def test_invalid_upstream_headers_are_dropped() -> None:
    reply = answer({"ok": True}, x_ratelimit_limit_requests="5", openai_version="\u00e9")
    async with gateway(always(reply)) as running:
        response = await running.post({"model": MODEL}, "/v1/embeddings")
        assert (response.status_code, response.headers["x-ratelimit-limit-requests"]) == (200, "5")
        assert "openai-version" not in response.headers


def test_the_limit_of_a_models_name_is_documented() -> None:
    assert limits.MAX_MODEL_NAME == 256
