"""Every conversion between the core's values and the messages of the protos, and back, exactly.

JSON travels as bytes of the core's own reader and writer, so that integers of any size and the order of keys survive.
Closed sets are mapped by name, both ways; an unknown number is a `WireError`, never a default.
Writing raises `ValueError` for what a message cannot hold (an integer beyond its field, a lone surrogate).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from google.protobuf.message import Message
from toolgate.chat.v1 import chat_pb2 as chat
from toolgate.extractor.v1 import extractor_pb2 as extractor
from toolgate.extractor.v1 import extractor_service_pb2 as extractor_service
from toolgate.prompt_transformer.v1 import prompt_transformer_service_pb2 as transformer
from toolgate.tool.v1 import tool_pb2 as tool
from toolgate_core.jsontext import JsonObject, JsonTextError, decode, decode_fields, encode
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.strategies.table import STRATEGIES as TABLE
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest, Source, ToolChoice, ToolChoiceMode
from toolgate_core.types.vocabulary import AnswerForm, AttemptOutcome, Strategy, TextEnd
from toolgate_formats.api.openai_chat.names import OPENAI_CHAT
from toolgate_formats.api.openai_chat.neutral import (
    conversation,
    other_fields,
    read_format,
    read_sampling,
    read_top_logprobs,
    wants_continuous_usage,
)
from toolgate_formats.api.openai_chat.written import read_written
from toolgate_formats.codecs.openai_chat.request import chat_body, request_body, write_format

from toolgate_runtime.errors import WireError
from toolgate_runtime.toolsets import DeclaredTools

K = TypeVar("K")
V = TypeVar("V")

STRATEGIES: dict[Strategy, chat.Strategy.ValueType] = {
    strategy: chat.Strategy.Value(f"STRATEGY_{strategy.name}")
    for strategy in TABLE
    if f"STRATEGY_{strategy.name}" in chat.Strategy.keys()  # noqa: SIM118 - an enum of the protos is not a dictionary
}
"""Every strategy that the protos have a value for; one without a value works in one process alone."""
REASONS = {
    AttemptOutcome.NO_TOOL_CALL: chat.REASON_NO_TOOL_CALL,
    AttemptOutcome.PARSE_ERROR: chat.REASON_PARSE_ERROR,
    AttemptOutcome.SCHEMA_INVALID: chat.REASON_SCHEMA_INVALID,
    AttemptOutcome.UNKNOWN_TOOL: chat.REASON_UNKNOWN_TOOL,
    AttemptOutcome.TRUNCATED: chat.REASON_TRUNCATED,
    AttemptOutcome.UNSUPPORTED: chat.REASON_UNSUPPORTED,
    AttemptOutcome.UPSTREAM_ERROR: chat.REASON_UPSTREAM_ERROR,
    AttemptOutcome.TIMEOUT: chat.REASON_TIMEOUT,
}
FORMS: dict[AnswerForm, chat.AnswerForm.ValueType] = {
    "native": chat.ANSWER_FORM_NATIVE,
    "dialect": chat.ANSWER_FORM_DIALECT,
    "decision": chat.ANSWER_FORM_DECISION,
    "text": chat.ANSWER_FORM_TEXT,
}
CHOICES: dict[ToolChoiceMode, tool.ToolChoiceMode.ValueType] = {
    "none": tool.TOOL_CHOICE_MODE_NONE,
    "auto": tool.TOOL_CHOICE_MODE_AUTO,
    "required": tool.TOOL_CHOICE_MODE_REQUIRED,
    "named": tool.TOOL_CHOICE_MODE_NAMED,
}
ENDS: dict[TextEnd, extractor.TextEnd.ValueType] = {
    "stop": extractor.TEXT_END_STOP,
    "length": extractor.TEXT_END_LENGTH,
    "cut": extractor.TEXT_END_CUT,
}


def _inverse(table: dict[K, V]) -> dict[V, K]:
    return {value: key for key, value in table.items()}


_STRATEGIES = _inverse(STRATEGIES)
_REASONS = _inverse(REASONS)
_FORMS = _inverse(FORMS)
_CHOICES = _inverse(CHOICES)
_ENDS = _inverse(ENDS)


def _named(table: dict[V, K], number: V, field: str) -> K:
    try:
        return table[number]
    except KeyError:
        raise WireError(f"{field} is not set, or has the unknown value {number}") from None


def _present(message: Message, *fields: str) -> None:
    for field in fields:
        if not message.HasField(field):
            raise WireError(f"{field} is not set")


def json_object(content: bytes, field: str) -> JsonObject:
    """Return the JSON object of a message's field; raise `WireError` for another value, `JsonTextError` for no JSON."""
    value = decode(content)
    if not isinstance(value, dict):
        raise WireError(f"{field} is not a JSON object")
    return value


def _fields(content: bytes, field: str) -> dict[str, bytes]:
    """Return the JSON text of each member of an object."""
    try:
        return decode_fields(content)
    except JsonTextError:
        json_object(content, field)
        raise


# Chat requests


def choice_to_proto(choice: ToolChoice) -> tool.ToolChoice:
    """Write what the client allows."""
    allowed = None if choice.allowed is None else tool.AllowedTools(names=sorted(choice.allowed))
    return tool.ToolChoice(mode=CHOICES[choice.mode], name=choice.name, allowed=allowed)


def choice_from_proto(message: tool.ToolChoice) -> ToolChoice:
    """Read what the client allows."""
    return ToolChoice(
        _named(_CHOICES, message.mode, "tool_choice.mode"),
        message.name if message.HasField("name") else None,
        frozenset(message.allowed.names) if message.HasField("allowed") else None,
    )


def request_to_proto(request: ChatRequest) -> chat.ChatRequest:
    """Write a chat request, in the form of OpenAI's chat completions; its tools are written once, as `tools_json`."""
    response_format = request.response_format
    return chat.ChatRequest(
        # A body has no nulls at its top level, so null can hold the place of the tools.
        body_json=chat_body(request, tools=not request.tools_json),
        model=request.model,
        tools_json=request.tools_json,
        tool_choice=choice_to_proto(request.tool_choice),
        parallel=request.parallel,
        n=request.n,
        stream=request.stream,
        include_usage=request.include_usage,
        stop=request.stop,
        response_format_json=None if response_format is None else encode(write_format(response_format)),
        max_tokens=request.max_tokens,
        logprobs=request.logprobs,
        legacy_functions=request.legacy_functions,
    )


def request_from_proto(message: chat.ChatRequest, tools_of: Callable[[bytes], DeclaredTools]) -> ChatRequest:
    """Read a chat request; `tools_of` reads its tools, or remembers them. It was validated before it was sent."""
    texts = _fields(message.body_json, "body_json")
    tools = tools_of(message.tools_json)
    if message.tools_json:
        texts["tools"] = tools.sent
    body: JsonObject = {name: decode(text) for name, text in texts.items() if name != "tools"}
    _present(message, "tool_choice")
    if not isinstance(body.get("messages"), list):
        raise WireError("body_json.messages is not a list")
    return ChatRequest(
        model=message.model,
        messages=conversation(body),
        tools=tools.definitions,
        tools_json=message.tools_json,
        tool_choice=choice_from_proto(message.tool_choice),
        parallel=message.parallel,
        n=message.n,
        stream=message.stream,
        include_usage=message.include_usage,
        continuous_usage=message.stream and wants_continuous_usage(body),
        stop=tuple(message.stop),
        response_format=(
            read_format(json_object(message.response_format_json, "response_format_json"))
            if message.HasField("response_format_json")
            else None
        ),
        max_tokens=message.max_tokens if message.HasField("max_tokens") else None,
        logprobs=message.logprobs,
        top_logprobs=read_top_logprobs(body),
        sampling=read_sampling(body),
        fields=other_fields(body),
        legacy_functions=message.legacy_functions,
        source=Source(OPENAI_CHAT, texts),
    )


# Plans and faults


def plan_to_proto(plan: Plan) -> chat.Plan:
    """Write a plan."""
    return chat.Plan(
        strategy=STRATEGIES[plan.strategy],
        form=FORMS[plan.form],
        dialect=plan.dialect,
        reasoning_open=plan.reasoning_open,
        names=plan.names,
        stop=plan.stop,
        parallel=plan.parallel,
        constrained=plan.constrained,
    )


def plan_from_proto(message: chat.Plan) -> Plan:
    """Read a plan."""
    return Plan(
        strategy=_named(_STRATEGIES, message.strategy, "plan.strategy"),
        form=_named(_FORMS, message.form, "plan.form"),
        dialect=message.dialect,
        reasoning_open=message.reasoning_open,
        names=dict(message.names),
        stop=tuple(message.stop),
        parallel=message.parallel,
        constrained=message.constrained,
    )


def fault_to_proto(fault: Fault) -> chat.Fault:
    """Write a fault."""
    return chat.Fault(reason=REASONS[fault.reason], detail=fault.detail, raw=fault.raw)


def fault_from_proto(message: chat.Fault) -> Fault:
    """Read a fault."""
    return Fault(_named(_REASONS, message.reason, "fault.reason"), message.detail, message.raw)


def capabilities_to_proto(capabilities: Capabilities) -> chat.Capabilities:
    """Write what an upstream can do."""
    return chat.Capabilities(
        tools=capabilities.tools,
        json_schema=capabilities.json_schema,
        strict=capabilities.strict,
        skip_special_tokens=capabilities.skip_special_tokens,
        system_role=capabilities.system_role,
        format_with_tools=capabilities.format_with_tools,
    )


def capabilities_from_proto(message: chat.Capabilities) -> Capabilities:
    """Read what an upstream can do."""
    return Capabilities(
        tools=message.tools,
        json_schema=message.json_schema,
        strict=message.strict,
        skip_special_tokens=message.skip_special_tokens,
        system_role=message.system_role,
        format_with_tools=message.format_with_tools,
    )


# Transform


def transform_to_proto(effect: Transform) -> transformer.TransformRequest:
    """Write what the ladder asks of the prompt-transformer."""
    return transformer.TransformRequest(
        request=request_to_proto(effect.request),
        strategy=STRATEGIES[effect.strategy],
        dialect=effect.dialect,
        constrained=effect.constrained,
        capabilities=capabilities_to_proto(effect.capabilities),
        fault=None if effect.fault is None else fault_to_proto(effect.fault),
        draft=effect.draft,
        reasoning_open=effect.reasoning_open,
    )


def transform_from_proto(
    message: transformer.TransformRequest, tools_of: Callable[[bytes], DeclaredTools]
) -> Transform:
    """Read what the ladder asks of the prompt-transformer."""
    _present(message, "request", "capabilities")
    return Transform(
        request=request_from_proto(message.request, tools_of),
        strategy=_named(_STRATEGIES, message.strategy, "strategy"),
        dialect=message.dialect,
        constrained=message.constrained,
        capabilities=capabilities_from_proto(message.capabilities),
        fault=fault_from_proto(message.fault) if message.HasField("fault") else None,
        draft=message.draft if message.HasField("draft") else None,
        reasoning_open=message.reasoning_open,
    )


def transformed_to_proto(transformed: Transformed) -> transformer.TransformResponse:
    """Write the prompt-transformer's answer."""
    return transformer.TransformResponse(
        body_json=request_body(transformed.request, stream=False),
        plan=plan_to_proto(transformed.plan),
        untouched=sorted(transformed.request.untouched),
    )


def transformed_from_proto(message: transformer.TransformResponse, request: ChatRequest) -> Transformed:
    """Read the prompt-transformer's answer to `request`, whose own text goes on where it is untouched."""
    _present(message, "plan")
    body = json_object(message.body_json, "body_json")
    return Transformed(read_written(body, request, frozenset(message.untouched)), plan_from_proto(message.plan))


# Extraction


def state_to_proto(state: ScannerState) -> extractor.ScannerState:
    """Write where a scanner stands."""
    return extractor.ScannerState(fence=state.fence, ticks=state.ticks, line=state.line, started=state.started)


def state_from_proto(message: extractor.ScannerState) -> ScannerState:
    """Read where a scanner stands."""
    return ScannerState(message.fence, message.ticks, message.line, message.started)


def setup_to_proto(plan: Plan, tools_json: bytes, state: ScannerState) -> extractor_service.ExtractionSetup:
    """Write how a text is to be read."""
    return extractor_service.ExtractionSetup(
        plan=plan_to_proto(plan), tools_json=tools_json, state=state_to_proto(state)
    )


def setup_from_proto(message: extractor_service.ExtractionSetup) -> tuple[Plan, bytes, ScannerState]:
    """Read how a text is to be read."""
    _present(message, "plan")
    return plan_from_proto(message.plan), message.tools_json, state_from_proto(message.state)


def end_from_proto(end: extractor.TextEnd.ValueType) -> TextEnd:
    """Read how a text ended; unset is `cut`, which never closes anything."""
    return "cut" if end == extractor.TEXT_END_UNSPECIFIED else _named(_ENDS, end, "end")


def event_to_proto(event: Event) -> extractor.Event:
    """Write one event."""
    match event:
        case TextDelta(text=text):
            return extractor.Event(text_delta=extractor.TextDelta(text=text))
        case ReasoningDelta(text=text):
            return extractor.Event(reasoning_delta=extractor.ReasoningDelta(text=text))
        case CallStart(index=index, name=name, id=call_id):
            return extractor.Event(call_start=extractor.CallStart(index=index, name=name, id=call_id))
        case ArgumentsDelta(index=index, json=piece):
            return extractor.Event(arguments_delta=extractor.ArgumentsDelta(index=index, piece_json=piece))
        case CallEnd(index=index, complete=complete, repairs=repairs):
            return extractor.Event(call_end=extractor.CallEnd(index=index, complete=complete, repairs=repairs))
        case Drop(kind=kind, raw=raw):
            return extractor.Event(drop=extractor.Drop(kind=kind, raw=raw))


_EVENT_READERS: dict[str, Callable[[extractor.Event], Event]] = {
    "text_delta": lambda m: TextDelta(m.text_delta.text),
    "reasoning_delta": lambda m: ReasoningDelta(m.reasoning_delta.text),
    "call_start": lambda m: CallStart(
        m.call_start.index, m.call_start.name, m.call_start.id if m.call_start.HasField("id") else None
    ),
    "arguments_delta": lambda m: ArgumentsDelta(m.arguments_delta.index, m.arguments_delta.piece_json),
    "call_end": lambda m: CallEnd(m.call_end.index, m.call_end.complete, tuple(m.call_end.repairs)),
    "drop": lambda m: Drop(m.drop.kind, m.drop.raw),
}


def event_from_proto(message: extractor.Event) -> Event:
    """Read one event."""
    return _named(_EVENT_READERS, cast("str", message.WhichOneof("event")), "event")(message)


def events_from_proto(messages: Iterable[extractor.Event]) -> tuple[Event, ...]:
    """Read the events of one response."""
    return tuple(map(event_from_proto, messages))
