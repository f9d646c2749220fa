"""Values cross the wire unchanged."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from toolgate.chat.v1 import chat_pb2
from toolgate.extractor.v1 import extractor_pb2, extractor_service_pb2
from toolgate.prompt_transformer.v1 import prompt_transformer_service_pb2 as transformer_pb2
from toolgate.tool.v1 import tool_pb2
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.strategies.table import transform
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, ReasoningDelta, TextDelta
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest, ResponseFormat, ToolChoice
from toolgate_core.types.vocabulary import FALLBACK_REASONS, Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import chat_body, request_body
from toolgate_runtime import wire, wire_tools
from toolgate_runtime.errors import WireError
from toolgate_runtime.ports import ToolFailure, ToolInfo, ToolOutcome
from toolgate_runtime.toolsets import declared_tools

from tests.support.chat_bodies import bodies

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
integers = st.one_of(st.integers(-(2**80), 2**80), st.sampled_from([2**53 + 1, 2**63, 2**64 + 1]))
numbers = st.one_of(integers, st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5)
indexes = st.integers(0, 2**31 - 1)

choices = st.builds(
    ToolChoice,
    mode=st.sampled_from(["none", "auto", "required", "named"]),
    name=st.none() | names,
    allowed=st.none() | st.frozensets(names, max_size=3),
)
formats = st.tuples(names, st.none() | objects, names, st.none() | st.booleans()).map(
    lambda parts: ResponseFormat(kind=parts[0], schema=parts[1], name=parts[2], strict=parts[3])
)
plans = st.builds(
    Plan,
    strategy=st.sampled_from(Strategy),
    form=st.sampled_from(["native", "dialect", "decision", "text"]),
    dialect=texts,
    reasoning_open=st.booleans(),
    names=st.dictionaries(texts, texts, max_size=3),
    stop=st.lists(texts, max_size=3).map(tuple),
    parallel=st.booleans(),
    constrained=st.booleans(),
)
faults = st.builds(Fault, reason=st.sampled_from(FALLBACK_REASONS), detail=texts, raw=texts)
capabilities = st.builds(Capabilities, **{name: st.booleans() for name in Capabilities.__struct_fields__})
states = st.builds(ScannerState, fence=texts, ticks=indexes, line=texts, started=st.booleans())
events = st.one_of(
    st.builds(TextDelta, texts),
    st.builds(ReasoningDelta, texts),
    st.tuples(indexes, texts, st.none() | texts).map(lambda parts: CallStart(*parts)),
    st.builds(ArgumentsDelta, indexes, texts),
    st.builds(CallEnd, indexes, st.booleans(), st.lists(texts, max_size=3).map(tuple)),
    st.builds(Drop, texts, texts),
)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    return replace(
        parse_request(encode(draw(bodies()))),
        model=draw(texts),
        tool_choice=draw(choices),
        parallel=draw(st.booleans()),
        n=draw(st.integers(1, 128)),
        include_usage=draw(st.booleans()),
        stop=tuple(draw(st.lists(texts, max_size=4))),
        response_format=draw(st.none() | formats),
        max_tokens=draw(st.none() | st.integers(0, 2**63 - 1)),
        logprobs=draw(st.booleans()),
        legacy_functions=draw(st.booleans()),
    )


@st.composite
def effects(draw: st.DrawFn) -> Transform:
    return Transform(
        request=draw(requests()),
        strategy=draw(st.sampled_from(Strategy)),
        dialect=draw(texts),
        constrained=draw(st.booleans()),
        capabilities=draw(capabilities),
        fault=draw(st.none() | faults),
        draft=draw(st.none() | texts),
        reasoning_open=draw(st.booleans()),
    )


@st.composite
def transformations(draw: st.DrawFn) -> tuple[ChatRequest, Transformed]:
    """Draw a request and what a strategy makes of it."""
    request = parse_request(encode(draw(bodies(with_tools=True))))
    asked = Transform(
        request=request,
        strategy=draw(st.sampled_from(Strategy)),
        dialect="hermes",
        constrained=draw(st.booleans()),
        capabilities=draw(capabilities),
        fault=draw(st.none() | faults),
        draft=draw(st.none() | texts),
    )
    return request, replace(transform(asked), plan=draw(plans))


outcomes = st.builds(
    ToolOutcome,
    content=texts,
    structured=values,
    truncated=st.booleans(),
    total_bytes=st.integers(0, 2**62),
    duration_ms=st.floats(0, 1e9),
    error=st.none() | st.builds(ToolFailure, code=texts, message=texts, hint=texts, retryable=st.booleans()),
)


def over(message: Any) -> Any:
    """Send a message over a wire."""
    return type(message).FromString(message.SerializeToString())


def exact(value: Any) -> Any:
    """`value` with what equality overlooks: the order of keys, 1 and 1.0, 0.0 and -0.0."""
    if isinstance(value, dict):
        return [(key, exact(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return (type(value).__name__, math.copysign(1, value), value) if isinstance(value, float) else (type(value), value)


@given(effects())
def test_a_request_to_the_transformer_arrives_unchanged(effect: Transform) -> None:
    arrived = wire.transform_from_proto(over(wire.transform_to_proto(effect)), declared_tools)
    assert arrived == effect
    assert arrived.request.source == effect.request.source
    assert exact(decode(chat_body(arrived.request))) == exact(decode(chat_body(effect.request)))


@given(transformations())
def test_an_answer_of_the_transformer_arrives_unchanged(made: tuple[ChatRequest, Transformed]) -> None:
    request, transformed = made
    arrived = wire.transformed_from_proto(over(wire.transformed_to_proto(transformed)), request)
    assert arrived == transformed
    assert request_body(arrived.request, stream=True) == request_body(transformed.request, stream=True)


@given(transformations())
def test_an_answer_that_names_nothing_untouched_is_read_whole(made: tuple[ChatRequest, Transformed]) -> None:
    request, transformed = made
    message = wire.transformed_to_proto(transformed)
    message.ClearField("untouched")
    arrived = wire.transformed_from_proto(message, request).request
    assert arrived == replace(transformed.request, untouched=frozenset())


@given(plans, st.binary(max_size=20), states)
def test_the_setup_of_an_extraction_arrives_unchanged(plan: Plan, tools_json: bytes, state: ScannerState) -> None:
    assert wire.setup_from_proto(over(wire.setup_to_proto(plan, tools_json, state))) == (plan, tools_json, state)


@given(st.lists(events, max_size=5).map(tuple))
def test_events_arrive_unchanged(sent: tuple[Any, ...]) -> None:
    response = over(extractor_service_pb2.ExtractResponse(events=map(wire.event_to_proto, sent)))
    assert wire.events_from_proto(response.events) == sent


@given(outcomes)
def test_a_tools_outcome_arrives_unchanged(outcome: ToolOutcome) -> None:
    arrived = wire_tools.outcome_from_proto(over(wire_tools.outcome_to_proto(outcome)))
    assert arrived == outcome
    assert exact(arrived.structured) == exact(outcome.structured)


@given(st.builds(ToolInfo, name=names, description=texts, parameters=objects))
def test_a_tool_arrives_unchanged(info: ToolInfo) -> None:
    arrived = wire_tools.tool_info_from_proto(over(wire_tools.tool_info_to_proto(info)))
    assert arrived == info
    assert exact(arrived.parameters) == exact(info.parameters)


@pytest.mark.parametrize("end", ["stop", "length", "cut"])
def test_the_end_of_a_text_arrives_unchanged(end: Any) -> None:
    assert wire.end_from_proto(wire.ENDS[end]) == end


def test_an_end_that_is_not_said_is_a_cut() -> None:
    assert wire.end_from_proto(extractor_pb2.TEXT_END_UNSPECIFIED) == "cut"


@pytest.mark.parametrize(
    ("table", "enum", "prefix"),
    [
        (wire.STRATEGIES, chat_pb2.Strategy, "STRATEGY_"),
        (wire.REASONS, chat_pb2.Reason, "REASON_"),
        (wire.FORMS, chat_pb2.AnswerForm, "ANSWER_FORM_"),
        (wire.CHOICES, tool_pb2.ToolChoiceMode, "TOOL_CHOICE_MODE_"),
        (wire.ENDS, extractor_pb2.TextEnd, "TEXT_END_"),
    ],
)
def test_words_of_the_core_and_of_the_protos_are_the_same(table: Any, enum: Any, prefix: str) -> None:
    ours = {prefix + str(word).upper(): number for word, number in table.items()}
    assert ours == {name: number for name, number in enum.items() if number != 0}


def test_the_tools_cross_once() -> None:
    tools: list[JsonValue] = [{"type": "function", "function": {"name": "f" * 50, "parameters": {"type": "object"}}}]
    body: JsonObject = {"model": "m", "tools": tools, "messages": [{"role": "user", "content": "hi"}]}
    message = wire.request_to_proto(parse_request(encode(body)))
    assert decode(message.body_json) == {**body, "tools": None}
    assert decode(message.tools_json) == tools


GOOD = wire.transform_to_proto(
    Transform(
        request=ChatRequest(model="m", messages=()), strategy=Strategy.BRIDGE, dialect="hermes", constrained=False
    )
)


def changed(**fields: Any) -> transformer_pb2.TransformRequest:
    message = transformer_pb2.TransformRequest()
    message.CopyFrom(GOOD)
    for path, value in fields.items():
        *parents, last = path.split("__")
        target: Any = message
        for parent in parents:
            target = getattr(target, parent)
        target.ClearField(last) if value is None else setattr(target, last, value)
    return message


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (changed(strategy=0), "strategy is not set"),
        (changed(strategy=99), "strategy is not set, or has the unknown value 99"),
        (changed(request=None), "request is not set"),
        (changed(capabilities=None), "capabilities is not set"),
        (changed(request__tool_choice=None), "tool_choice is not set"),
        (changed(request__body_json=b"[]"), "body_json is not a JSON object"),
        (changed(request__body_json=b'{"messages":1}'), "body_json.messages is not a list"),
        (changed(request__response_format_json=b"1"), "response_format_json is not a JSON object"),
        (changed(fault=None), None),
    ],
)
def test_a_message_that_breaks_its_contract_is_named(message: Any, complaint: str | None) -> None:
    if complaint is None:
        assert wire.transform_from_proto(message, declared_tools).strategy is Strategy.BRIDGE
    else:
        with pytest.raises(WireError, match=complaint):
            wire.transform_from_proto(message, declared_tools)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a":' * 100_000, b'{"a":NaN}'])
def test_bytes_that_are_not_json_are_reported(content: bytes) -> None:
    with pytest.raises(JsonTextError):
        wire.transform_from_proto(changed(request__body_json=content), declared_tools)


def test_an_event_without_a_kind_is_refused() -> None:
    with pytest.raises(WireError, match="event is not set"):
        wire.event_from_proto(extractor_pb2.Event())


def test_a_plan_that_is_not_there_is_refused() -> None:
    with pytest.raises(WireError, match="plan is not set"):
        wire.setup_from_proto(extractor_service_pb2.ExtractionSetup())
    with pytest.raises(WireError, match="plan is not set"):
        wire.transformed_from_proto(
            transformer_pb2.TransformResponse(body_json=b"{}"), ChatRequest(model="m", messages=())
        )


def test_what_a_message_cannot_hold_is_a_value_error() -> None:
    request = ChatRequest(model="m", messages=())
    with pytest.raises(ValueError, match=r"range|bounds|Value"):
        wire.request_to_proto(replace(request, max_tokens=2**70))
    with pytest.raises(ValueError, match="surrogates"):
        wire.event_to_proto(TextDelta("\ud800"))
