"""What the prompt-transformer promises, in-process and over gRPC alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from msgspec.structs import replace
from toolgate.prompt_transformer.v1.prompt_transformer_service_pb2 import TransformRequest
from toolgate.prompt_transformer.v1.prompt_transformer_service_pb2_grpc import PromptTransformerServiceStub
from toolgate_core.jsontext import JsonObject, encode
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.table import transform
from toolgate_core.types.faults import Fault
from toolgate_core.types.messages import Message, Text
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.vocabulary import AttemptOutcome, Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import request_body
from toolgate_prompt_transformer.service import DESCRIPTOR, PromptTransformerService
from toolgate_runtime import wire
from toolgate_runtime.channel import Channel
from toolgate_runtime.local import LocalTransformer
from toolgate_runtime.ports import ServiceError, TransformerPort
from toolgate_runtime.remote import RemoteTransformer
from toolgate_runtime.toolsets import declared_tools_cache

from tests.services.serving import handling, serving

BODY: JsonObject = {
    "model": "m",
    "messages": [
        {"role": "user", "content": 'What is 9007199254740993 + 1? ☂ "quoted" </invoke>'},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"b":9007199254740993,"a":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "9007199254740994"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "add",
                "description": "Adds.",
                "parameters": {
                    "type": "object",
                    "properties": {"b": {"type": "integer", "maximum": 2**70}, "a": {"type": "integer"}},
                    "required": ["b", "a"],
                },
            },
        }
    ],
    "seed": 2**53 + 1,
    "top_k": 5,
    "temperature": 1.0,
}


def effect(**changes: Any) -> Transform:
    request = parse_request(encode(BODY))
    fields: dict[str, Any] = {"strategy": Strategy.BRIDGE, "dialect": "function_calls", "constrained": False, **changes}
    return Transform(request=request, **fields)


def service() -> PromptTransformerService:
    return PromptTransformerService(LocalTransformer(), declared_tools_cache(), handling("prompt-transformer"))


@pytest.fixture(params=["local", "remote"])
async def transformer(request: pytest.FixtureRequest) -> AsyncIterator[TransformerPort]:
    if request.param == "local":
        yield LocalTransformer()
        return
    async with serving(service(), DESCRIPTOR) as channel:
        yield RemoteTransformer(channel)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("constrained", [False, True])
async def test_the_answer_is_what_the_core_says(
    transformer: TransformerPort, strategy: Strategy, *, constrained: bool
) -> None:
    asked = effect(strategy=strategy, constrained=constrained, capabilities=Capabilities(system_role=False))
    expected = transform(asked)
    for _ in range(2):  # the second time out of the cache
        answer = await transformer.transform(asked, timeout_s=5)
        assert answer == expected
        assert request_body(answer.request, stream=False) == request_body(expected.request, stream=False)


async def test_a_fault_and_a_draft_arrive(transformer: TransformerPort) -> None:
    for asked in (
        effect(fault=Fault(AttemptOutcome.SCHEMA_INVALID, "a: must be an integer", '{"a":"x"}')),
        effect(strategy=Strategy.TWO_PASS, constrained=True, draft="I would add them."),
    ):
        assert await transformer.transform(asked, timeout_s=5) == transform(asked)


async def test_a_request_without_tools_arrives(transformer: TransformerPort) -> None:
    body = {key: value for key, value in BODY.items() if key != "tools"}
    body["messages"] = [{"role": "user", "content": "Hi."}]
    asked = replace(effect(strategy=Strategy.NATIVE), request=parse_request(encode(body)))
    answer = await transformer.transform(asked, timeout_s=5)
    assert answer.request.messages == (Message("user", (Text("Hi."),)),)


async def test_a_dialect_may_have_the_name_that_other_software_gives_it(transformer: TransformerPort) -> None:
    asked = effect(dialect="Qwen3-XML", reasoning_open=True)
    plan = (await transformer.transform(asked, timeout_s=5)).plan
    assert (plan.dialect, plan.reasoning_open) == ("qwen3_coder", True)


async def test_an_unknown_dialect_is_refused(transformer: TransformerPort) -> None:
    with pytest.raises(ServiceError) as caught:
        await transformer.transform(effect(dialect="klingon"), timeout_s=5)
    error = caught.value
    assert (error.service, error.reason, error.message, error.retryable, error.field) == (
        "prompt-transformer",
        "UNKNOWN_DIALECT",
        "unknown dialect: klingon",
        False,
        None,
    )


async def test_the_tools_of_a_request_are_read_once() -> None:
    tools = declared_tools_cache()
    async with serving(PromptTransformerService(LocalTransformer(), tools, handling()), DESCRIPTOR) as channel:
        for strategy in Strategy:
            await RemoteTransformer(channel).transform(effect(strategy=strategy), timeout_s=5)
    assert (tools.hits, tools.misses) == (3, 1)


GOOD = wire.transform_to_proto(effect())


def broken(field: str, content: bytes) -> TransformRequest:
    message = TransformRequest()
    message.CopyFrom(GOOD)
    setattr(message.request, field, content)
    return message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (broken("body_json", b'{"a":'), "INVALID_JSON"),
        (broken("body_json", b'{"a":"\xff"}'), "INVALID_JSON"),
        (broken("body_json", b"[" * 200_000), "INVALID_JSON"),
        (broken("body_json", b"[]"), "INVALID_MESSAGE"),
        (broken("tools_json", b'[{"type":"function"}]'), "INVALID_REQUEST"),
        (TransformRequest(), "INVALID_MESSAGE"),
    ],
)
async def test_a_bad_message_is_an_invalid_argument_with_an_error_info(message: TransformRequest, reason: str) -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await PromptTransformerServiceStub(channel.grpc).Transform(message, timeout=5)
    status, info = rpc_status.from_call(cast("grpc.Call", caught.value)), ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert info == ErrorInfo(reason=reason, domain="toolgate")


async def test_a_field_at_fault_comes_back_by_name() -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        asked = effect()
        asked = replace(asked, request=replace(asked.request, tools_json=b'[{"type":"function","function":{}}]'))
        with pytest.raises(ServiceError) as caught:
            await RemoteTransformer(channel).transform(asked, timeout_s=5)
    assert (caught.value.reason, caught.value.field) == ("INVALID_REQUEST", "tools[0].function.name")


async def test_a_service_that_is_not_there_is_unavailable_in_time() -> None:
    async with serving(service(), DESCRIPTOR) as channel:
        address = channel.address
    gone = Channel(address)
    with pytest.raises(ServiceError) as caught:
        await RemoteTransformer(gone).transform(effect(), timeout_s=0.3)
    assert caught.value.reason in ("UNAVAILABLE", "DEADLINE")
    assert caught.value.retryable
    await gone.aclose()
