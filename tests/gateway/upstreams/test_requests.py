"""What is sent upstream, where to, and what is forwarded untouched."""

from typing import Any

import pytest
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_gateway.upstreams.base import CallContext, UpstreamCutError
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider

from tests.gateway.upstreams.reading import QUESTION, read_bytes, read_pieces, talking
from tests.support.asking import asking
from tests.support.upstream import Reply, Request, answer, chunk, completion, event, scripted, stream

OK = answer(completion({"content": "Hello"}))


async def sent(body: dict[str, Any], *, streamed: bool = False, request_id: str = "req-1", **config: Any) -> Request:
    """The request that the upstream got."""
    reply = stream(event(chunk({}, "stop")), event("[DONE]")) if streamed else OK
    async with talking([reply], **config) as (provider, upstream):
        result = await provider.call(asking(body), CallContext(request_id=request_id, stream=streamed))
        assert not isinstance(result, Failure)
        await read_pieces(result)
        await result.close()
        return upstream.requests[0]


async def test_nulls_and_empty_lists_are_left_out() -> None:
    body = {
        "model": "m",
        "temperature": None,
        "stop": None,
        "tool_choice": "auto",
        "tools": [],
        "parallel_tool_calls": True,
        "top_k": 5,
        "messages": [
            {"role": "user", "content": "Hi", "name": None},
            {"role": "assistant", "content": None, "tool_calls": [], "refusal": None},
        ],
    }
    assert (await sent(body)).json == {
        "model": "m",
        "top_k": 5,
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}],
    }
    assert body["messages"][0] == {"role": "user", "content": "Hi", "name": None}  # type: ignore[index]


async def test_nulls_inside_a_tool_are_left_out_but_those_of_its_schema_stay() -> None:
    schema = {"type": "object", "properties": {"unit": {"enum": ["C", None], "default": None}}}
    tool = {"type": "function", "function": {"name": "f", "strict": None, "description": None, "parameters": schema}}
    request = await sent({**QUESTION, "tools": [tool], "tool_choice": None})
    assert request.json == {
        **QUESTION,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }


async def test_integers_beyond_64_bit_and_the_order_of_keys_survive() -> None:
    body = {**QUESTION, "vllm_xargs": {"z": 2**53 + 1, "a": 123456789012345678901234567890}}
    assert b'{"z":9007199254740993,"a":123456789012345678901234567890}' in (await sent(body)).body


async def test_a_stream_always_asks_for_its_usage() -> None:
    asked = {**QUESTION, "stream": True, "stream_options": {"include_usage": False}}
    request = await sent(asked, streamed=True)
    assert request.json == {
        **QUESTION,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (await sent({**QUESTION, "stream": True, "stream_options": {}})).json == QUESTION


async def test_request_id_key_and_own_headers_are_sent() -> None:
    request = await sent(QUESTION, api_key="k1", headers={"X-Team": "a"})
    seen = {name: request.headers.get(name) for name in ("x-request-id", "authorization", "x-team", "content-type")}
    assert seen == {
        "x-request-id": "req-1",
        "authorization": "Bearer k1",
        "x-team": "a",
        "content-type": "application/json",
    }


async def test_a_request_id_that_is_not_a_header_value_is_left_out() -> None:
    request = await sent(QUESTION, request_id="a\r\nx-evil: 1")
    assert "x-request-id" not in request.headers
    assert "x-evil" not in request.headers


async def test_a_long_body_arrives_whole() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    assert (await sent(body)).json == body


@pytest.mark.parametrize(
    ("url", "chat", "models"),
    [
        ("http://h:8000", "http://h:8000/v1/chat/completions", "http://h:8000/v1/models"),
        ("http://h:8000/", "http://h:8000/v1/chat/completions", "http://h:8000/v1/models"),
        ("http://h:8000/v1/", "http://h:8000/v1/chat/completions", "http://h:8000/v1/models"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions", "http://h/v1/models"),
        ("http://h/chat/completions", "http://h/chat/completions", "http://h/models"),
        ("https://h/openai/v1", "https://h/openai/v1/chat/completions", "https://h/openai/v1/models"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai/chat/completions", "https://h/v1beta/openai/models"),
        ("https://h/team", "https://h/team/v1/chat/completions", "https://h/team/v1/models"),
        (
            "https://h/v1?api-version=2",
            "https://h/v1/chat/completions?api-version=2",
            "https://h/v1/models?api-version=2",
        ),
    ],
)
def test_an_upstreams_url_may_be_a_base_or_the_full_chat_path(url: str, chat: str, models: str) -> None:
    config = UpstreamConfig(name="u", url=url)
    assert (config.url_of("/v1/chat/completions"), config.url_of("/v1/models")) == (chat, models)


@pytest.mark.parametrize("url", ["h:8000", "ftp://h", "", "http://", "http://user:pw@h"])
def test_a_url_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="upstream 'u'") as caught:
        UpstreamConfig(name="u", url=url)
    assert "pw" not in str(caught.value)


def test_an_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown provider 'smoke', known are openai_compatible"):
        create_provider(UpstreamConfig(name="u", url="http://h", provider="smoke"))


async def test_models_come_in_openais_form() -> None:
    listing = {
        "object": "list",
        "data": [{"id": "a", "max_model_len": 9}, {"id": "b", "created": 7, "owned_by": "x"}, {}],
    }
    async with talking([answer(listing)]) as (provider, upstream):
        assert await provider.models() == [
            {"id": "a", "max_model_len": 9, "object": "model", "created": 0},
            {"id": "b", "created": 7, "owned_by": "x", "object": "model"},
        ]
        assert (upstream.requests[0].method, upstream.requests[0].path) == ("GET", "/v1/models")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(answer(b"hi"), "error"), (answer({"data": 1}), "error"), (answer({}, status=503), "overloaded")],
)
async def test_a_list_of_models_that_is_none_is_a_failure(reply: Reply, kind: str) -> None:
    async with talking([reply]) as (provider, _):
        failure = await provider.models()
        assert isinstance(failure, Failure)
        assert failure.kind == kind


async def test_forwarded_bytes_are_untouched_both_ways() -> None:
    question = b'{ "model":"m" , "x":1e400, "a":1, "a":2 }\n'
    reply = stream(b"data: {\xff}\r\n\r\n", b": odd\n\n")
    async with talking([reply]) as (provider, upstream):
        forwarded = await provider.forward(question, CallContext(request_id="r", stream=True))
        assert not isinstance(forwarded, Failure)
        body = await read_bytes(forwarded)
        await forwarded.close()
        assert (upstream.requests[0].body, body) == (question, b"data: {\xff}\r\n\r\n: odd\n\n")
        assert dict(forwarded.headers) == {"content-type": "text/event-stream; charset=utf-8"}


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("", "/v1/embeddings", "/v1/embeddings"),
        ("/v1/", "/v1/rerank", "/v1/rerank"),
        ("/v1/chat/completions", "/v1/completions", "/v1/completions"),
        ("/v1", "/tokenize", "/tokenize"),
        ("/team/v1", "/rerank?x=1&y=%20", "/team/rerank?x=1&y=%20"),
        ("/team/v1/chat/completions", "/pooling", "/team/pooling"),
        ("/v1beta/openai", "/v1/audio/speech", "/v1beta/openai/audio/speech"),
        ("/v1?api-version=2", "/v1/embeddings?b=1", "/v1/embeddings?api-version=2&b=1"),
        ("/v1?api-version=2", "/tokenize", "/tokenize?api-version=2"),
    ],
)
async def test_other_paths_than_chat_are_forwarded(url: str, path: str, expected: str) -> None:
    async with scripted([answer({"object": "list"})]) as upstream:
        provider = create_provider(UpstreamConfig(name="u", url=upstream.url + url))
        forwarded = await provider.forward(
            b"--x--",
            CallContext(request_id="r", stream=False),
            path=path,
            content_type="multipart/form-data; boundary=x",
        )
        assert not isinstance(forwarded, Failure)
        body = await read_bytes(forwarded)
        await forwarded.close()
        await provider.aclose()
        request = upstream.requests[0]
        assert (request.path, request.body, body) == (expected, b"--x--", b'{"object": "list"}')
        assert request.headers["content-type"] == "multipart/form-data; boundary=x"


@pytest.mark.parametrize(("seen", "asked"), [("false", 1), ("true", 2), ("maybe", 2), (None, 2)])
async def test_a_request_is_not_sent_again_where_the_upstream_forbids_it(seen: str | None, asked: int) -> None:
    headers = {} if seen is None else {"x-should-retry": seen}
    async with talking([answer({"error": "boom"}, status=500, **headers)]) as (provider, upstream):
        failure = await provider.forward(b"{}", CallContext(request_id="r", stream=False))
        assert isinstance(failure, Failure)
        assert failure.should_retry == {"false": False, "true": True}.get(seen or "")
        assert len(upstream.requests) == asked


@pytest.mark.parametrize(
    ("seen", "expected"),
    [("1500", 1500), ("0.2", 1), ("-1", None), ("nan", None), ("inf", None), ("soon", None), ("1e12", None)],
)
async def test_the_upstreams_milliseconds_to_wait_are_kept(seen: str, expected: int | None) -> None:
    async with talking([answer({"error": "slow"}, status=429, retry_after_ms=seen)]) as (provider, _):
        failure = await provider.forward(b"{}", CallContext(request_id="r", stream=False))
        assert isinstance(failure, Failure)
        assert failure.retry_after_ms == expected


async def test_a_forwarded_answer_that_is_cut_says_so() -> None:
    async with talking([stream(b"data: 1\n\n", then="cut", pause=True)]) as (provider, _):
        forwarded = await provider.forward(b"{}", CallContext(request_id="r", stream=True))
        assert not isinstance(forwarded, Failure)
        with pytest.raises(UpstreamCutError) as caught:
            await read_bytes(forwarded)
        await forwarded.close()
        assert caught.value.failure.kind == "cut"


async def test_a_forwarded_request_that_fails_is_a_failure() -> None:
    async with talking([answer({"error": "x"}, status=400)]) as (provider, _):
        failure = await provider.forward(b"{}", CallContext(request_id="r", stream=False))
        assert failure == Failure(kind=FailureKind.INVALID, refused=RefusedPart.REQUEST, message="x", origin="400")


async def test_a_closed_provider_opens_again() -> None:
    async with talking([OK]) as (provider, upstream):
        await provider.aclose()
        await provider.aclose()
        reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
        assert not isinstance(reply, Failure)
        await reply.close()
        assert len(upstream.requests) == 1
