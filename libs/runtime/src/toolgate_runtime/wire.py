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
from toolgate_core.jsontext import JsonObject, decode, encode
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest, ToolChoice, ToolChoiceMode
from toolgate_core.types.vocabulary import AnswerForm, AttemptOutcome, Strategy, TextEnd

from toolgate_runtime.errors import WireError
from toolgate_runtime.ports import ToolFailure, ToolInfo, ToolOutcome
from toolgate_runtime.toolsets import DeclaredTools

K = TypeVar("K")
V = TypeVar("V")

STRATEGIES = {
    Strategy.NATIVE: chat.STRATEGY_NATIVE,
    Strategy.GUIDED: chat.STRATEGY_GUIDED,
    Strategy.BRIDGE: chat.STRATEGY_BRIDGE,
    Strategy.TWO_PASS: chat.STRATEGY_TWO_PASS,
}
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


def _object(content: bytes, field: str) -> JsonObject:
    value = decode(content)
    if not isinstance(value, dict):
        raise WireError(f"{field} is not a JSON object")
    return value


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
    """Write a chat request; its tools are written once, as `tools_json`."""
    response_format = request.response_format
    return chat.ChatRequest(
        # A body has no nulls at its top level, so null can hold the place of the tools.
        body_json=encode({**request.body, "tools": None} if request.tools_json else request.body),
        model=request.model,
        tools_json=request.tools_json,
        tool_choice=choice_to_proto(request.tool_choice),
        parallel=request.parallel,
        n=request.n,
        stream=request.stream,
        include_usage=request.include_usage,
        stop=request.stop,
        response_format_json=None if response_format is None else encode(response_format),
        max_tokens=request.max_tokens,
        logprobs=request.logprobs,
        legacy_functions=request.legacy_functions,
    )


def request_from_proto(message: chat.ChatRequest, tools_of: Callable[[bytes], DeclaredTools]) -> ChatRequest:
    """Read a chat request; `tools_of` reads its tools, or remembers them."""
    body = _object(message.body_json, "body_json")
    tools = tools_of(message.tools_json)
    if message.tools_json:
        body["tools"] = tools.value
    _present(message, "tool_choice")
    return ChatRequest(
        body=body,
        model=message.model,
        tools=tools.definitions,
        tools_json=message.tools_json,
        tool_choice=choice_from_proto(message.tool_choice),
        parallel=message.parallel,
        n=message.n,
        stream=message.stream,
        include_usage=message.include_usage,
        stop=tuple(message.stop),
        response_format=(
            _object(message.response_format_json, "response_format_json")
            if message.HasField("response_format_json")
            else None
        ),
        max_tokens=message.max_tokens if message.HasField("max_tokens") else None,
        logprobs=message.logprobs,
        legacy_functions=message.legacy_functions,
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
    return transformer.TransformResponse(body_json=encode(transformed.body), plan=plan_to_proto(transformed.plan))


def transformed_from_proto(message: transformer.TransformResponse) -> Transformed:
    """Read the prompt-transformer's answer."""
    _present(message, "plan")
    return Transformed(_object(message.body_json, "body_json"), plan_from_proto(message.plan))


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


# Tools that the executor runs


def tool_info_to_proto(info: ToolInfo) -> tool.ToolInfo:
    """Write a tool."""
    return tool.ToolInfo(name=info.name, description=info.description, parameters_json=encode(info.parameters))


def tool_info_from_proto(message: tool.ToolInfo) -> ToolInfo:
    """Read a tool."""
    return ToolInfo(
        name=message.name,
        description=message.description,
        parameters=_object(message.parameters_json, "parameters_json"),
    )


def outcome_to_proto(outcome: ToolOutcome) -> tool.ToolResult:
    """Write how a run of a tool ended."""
    error = outcome.error
    return tool.ToolResult(
        content=outcome.content,
        structured_json=None if outcome.structured is None else encode(outcome.structured),
        truncated=outcome.truncated,
        total_bytes=outcome.total_bytes,
        duration_ms=outcome.duration_ms,
        failure=None
        if error is None
        else tool.ToolFailure(code=error.code, message=error.message, hint=error.hint, retryable=error.retryable),
    )


def outcome_from_proto(message: tool.ToolResult) -> ToolOutcome:
    """Read how a run of a tool ended."""
    failure = message.failure
    return ToolOutcome(
        content=message.content,
        structured=decode(message.structured_json) if message.HasField("structured_json") else None,
        truncated=message.truncated,
        total_bytes=message.total_bytes,
        duration_ms=message.duration_ms,
        error=ToolFailure(code=failure.code, message=failure.message, hint=failure.hint, retryable=failure.retryable)
        if message.HasField("failure")
        else None,
    )
