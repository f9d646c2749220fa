"""Every provider of the table keeps one contract, on real sockets: the recorded shapes of its codec, and its keys."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.upstreams.authentication import (
    Authentication,
    BearerKey,
    HeaderKey,
    NoAuthentication,
)
from toolgate_gateway.upstreams.base import CallContext, Provider
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.metered import MeteredProvider
from toolgate_gateway.upstreams.replicas import Replicas
from toolgate_gateway.upstreams.table import PROVIDERS, create_provider

from tests.formats.codecs.shapes import body_of, content_type_of, failure_of, outcome_of, shapes_of
from tests.support.asking import asking
from tests.support.upstream import Reply, Request, answer, scripted

KEY = "Top-Secret_key.123"
OTHER = "another-secret-value"
SILENCE_S = 0.3
"""The read timeout where a shape is silent; nothing else waits for it."""

KINDS: dict[str, tuple[Authentication, dict[str, str], tuple[str, str] | None]] = {
    "bearer": (BearerKey(KEY), {}, ("authorization", f"Bearer {KEY}")),
    "header": (HeaderKey("x-api-key", KEY), {}, ("x-api-key", KEY)),
    "none": (NoAuthentication(), {}, None),
    "configured header": (NoAuthentication(), {"Authorization": f"Basic {KEY}"}, ("authorization", f"Basic {KEY}")),
    "key and configured header": (BearerKey(OTHER), {"api-key": KEY}, ("api-key", KEY)),
}
"""How the key is sent: the strategy, configured headers, and what must arrive."""


def cases(request: str) -> list[Any]:
    return [
        pytest.param(name, shape, id=f"{name}: {shape['name']}")
        for name, spec in PROVIDERS.items()
        for shape in shapes_of(spec.codec)
        if shape.get("request", "chat") == request
    ]


def reply_to(shape: dict[str, Any]) -> Reply:
    headers = {"content-type": content_type_of(shape), **shape.get("headers", {})}
    return Reply([body_of(shape)], shape.get("status", 200), headers, then=shape.get("then", "end"))


@asynccontextmanager
async def provider_of(name: str, shape: dict[str, Any], wrapper: str) -> AsyncIterator[Provider]:
    """A provider, alone or wrapped, of an upstream that answers with a shape."""
    async with scripted([reply_to(shape)]) as upstream:
        url = upstream.url
        if shape.get("then") == "refuse":
            await upstream.aclose()
        silent = shape.get("then") in ("hang", "silence")
        config = UpstreamConfig(
            name="up", url=url, provider=name, retries=0, read_timeout_s=SILENCE_S if silent else 60.0
        )
        provider = wrapped(config, wrapper)
        try:
            yield provider
        finally:
            await provider.aclose()


def wrapped(config: UpstreamConfig, wrapper: str) -> Provider:
    match wrapper:
        case "replicas":
            return Replicas(config, [config.url], create_provider, clock=lambda: 0.0)
        case "metered":
            return MeteredProvider(create_provider(config), GatewayMetrics(CollectorRegistry()), lambda: 0.0)
        case _:
            return create_provider(config)


async def answer_of(provider: Provider, *, stream: bool) -> list[ResponseChunk | Failure]:
    request = asking({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    opened = await provider.call(request, CallContext(request_id="r", stream=stream, priority="1"))
    if isinstance(opened, Failure):
        return [opened]
    chunks: list[ResponseChunk | Failure] = []
    while True:
        chunks.append(await opened.read())
        if isinstance(chunks[-1], Failure) or chunks[-1].finish is not None:
            await opened.close()
            await opened.close()
            return chunks


@pytest.mark.parametrize("wrapper", ["alone", "replicas", "metered"])
@pytest.mark.parametrize(("name", "shape"), cases("chat"))
async def test_a_recorded_answer_comes_out_as_expected(name: str, shape: dict[str, Any], wrapper: str) -> None:
    async with provider_of(name, shape, wrapper) as provider:
        assert outcome_of(await answer_of(provider, stream=shape["stream"])) == shape["expect"]


@pytest.mark.parametrize("wrapper", ["alone", "replicas", "metered"])
@pytest.mark.parametrize(("name", "shape"), cases("models"))
async def test_a_recorded_list_of_models_comes_out_as_expected(name: str, shape: dict[str, Any], wrapper: str) -> None:
    async with provider_of(name, shape, wrapper) as provider:
        models = await provider.models()
        if isinstance(models, Failure):
            assert failure_of(models) == shape["expect"]
        else:
            assert {"models": [card["id"] for card in models]} == shape["expect"]


@pytest.mark.parametrize("wrapper", ["alone", "replicas", "metered"])
@pytest.mark.parametrize("name", PROVIDERS)
async def test_bytes_are_forwarded_untouched_both_ways(name: str, wrapper: str) -> None:
    reply = Reply([b"\x00raw", b"\xff\n"], headers={"content-type": "audio/mpeg"}, pause=True)
    async with scripted([reply]) as upstream:
        provider = wrapped(UpstreamConfig(name="up", url=upstream.url, provider=name), wrapper)
        context = CallContext(request_id="r-1", stream=False)
        answer = await provider.forward(b'{ "a":1 }', context, path="/v1/audio/speech")
        assert not isinstance(answer, Failure)
        body = b""
        while part := await answer.read():
            assert isinstance(part, bytes)
            body += part
        answer.end()
        await answer.close()
        await provider.aclose()
        sent = upstream.requests[0]
    assert (body, sent.body, sent.path) == (b"\x00raw\xff\n", b'{ "a":1 }', "/v1/audio/speech")
    assert sent.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_key_arrives_and_is_shown_nowhere_else(
    name: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    authentication, headers, expected = KINDS[kind]
    registry = CollectorRegistry()
    async with scripted(_echo) as upstream:
        config = UpstreamConfig(
            name="up", url=upstream.url, provider=name, authentication=authentication, headers=headers, error_retries=0
        )
        provider = MeteredProvider(create_provider(config), GatewayMetrics(registry), lambda: 0.0)
        shown = [repr(config), repr(authentication), repr(provider), str(config)]
        for status in (200, 400, 401, 404, 429, 500, 503):
            shown += await _everything(provider, status)
        await provider.aclose()
        arrived = {name: value for request in upstream.requests for name, value in request.headers.items()}
    shown += [generate_latest(registry).decode(), caplog.text]
    assert [text for text in shown if KEY.lower() in text.lower() or OTHER in text] == []
    assert expected is None or expected in arrived.items()
    assert kind != "none" or "authorization" not in arrived


def _echo(request: Request) -> Reply:
    """Answer as the worst server would: with the whole head of the request, in every place."""
    status = int(request.headers["x-request-id"])
    seen = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    key = request.headers.get("api-key") or request.headers.get("x-api-key") or request.headers.get("authorization", "")
    error = {"error": {"message": seen, "code": key.split(" ")[-1], "param": key, "type": seen}}
    return answer(error, status=status)


async def _everything(provider: Provider, status: int) -> list[str]:
    """What a provider says of each kind of request."""
    context = CallContext(request_id=str(status), stream=False)
    request = asking({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    called = await provider.call(request, context)
    shown = [repr(called)]
    if not isinstance(called, Failure):
        shown.append(repr(await called.read()))
        await called.close()
    forwarded = await provider.forward(b"{}", context)
    shown.append(repr(forwarded))
    if not isinstance(forwarded, Failure):
        body = await forwarded.read()
        assert isinstance(body, bytes)
        shown += [repr(forwarded.failure(body)), repr(forwarded.error(body)), repr(forwarded.headers)]
        await forwarded.close()
    return shown


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_key_is_hidden_where_the_server_cannot_be_reached(name: str) -> None:
    config = UpstreamConfig(
        name="up", url="http://127.0.0.1:1", provider=name, authentication=BearerKey(KEY), retries=0
    )
    provider = create_provider(config)
    chunks = await answer_of(provider, stream=True)
    models = await provider.models()
    await provider.aclose()
    assert KEY not in repr(chunks)
    assert "127.0.0.1" not in repr(chunks) + repr(models)
    assert failure_of_last(chunks) == {"failure": "unreachable", "origin": "connect_error"}


def failure_of_last(chunks: list[ResponseChunk | Failure]) -> dict[str, Any]:
    last = chunks[-1]
    assert isinstance(last, Failure)
    return failure_of(last)


async def test_the_metrics_count_each_request_once_by_how_it_ended() -> None:
    registry = CollectorRegistry()
    counted: dict[str, str] = {
        "streamed": "200",
        "cut": "reset",
        "slow head": "read_timeout",
        "no connection": "connect_error",
        "limited": "429",
        "error in a stream": "500",
        "garbage": "error",
    }
    metrics = GatewayMetrics(registry)
    for shape in (shape for shape in shapes_of("openai_chat") if shape["name"] in counted):
        async with provider_of("openai_compatible", shape, "alone") as provider:
            await answer_of(MeteredProvider(provider, metrics, lambda: 0.0), stream=shape["stream"])
    codes = {
        sample.labels["code"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "toolgate_upstream_requests_total"
    }
    assert codes == dict.fromkeys(counted.values(), 1.0)


async def test_an_answer_that_is_given_up_counts_as_cancelled() -> None:
    registry = CollectorRegistry()
    shape = next(shape for shape in shapes_of("openai_chat") if shape["name"] == "slow body")
    async with provider_of("openai_compatible", shape, "alone") as provider:
        metered = MeteredProvider(provider, GatewayMetrics(registry), lambda: 0.0)
        answer = await metered.call(
            asking({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
            CallContext(request_id="r", stream=True),
        )
        assert not isinstance(answer, Failure)
        await answer.read()
        await answer.close()
    assert 'code="cancelled"' in generate_latest(registry).decode()
