"""The conversions between tools that the executor runs and the messages of the protos, both ways, exactly."""

from __future__ import annotations

from toolgate.tool.v1 import tool_pb2 as tool
from toolgate_core.jsontext import decode, encode

from toolgate_runtime.ports import ToolFailure, ToolInfo, ToolOutcome
from toolgate_runtime.wire import json_object


def tool_info_to_proto(info: ToolInfo) -> tool.ToolInfo:
    """Write a tool."""
    return tool.ToolInfo(name=info.name, description=info.description, parameters_json=encode(info.parameters))


def tool_info_from_proto(message: tool.ToolInfo) -> ToolInfo:
    """Read a tool."""
    return ToolInfo(
        name=message.name,
        description=message.description,
        parameters=json_object(message.parameters_json, "parameters_json"),
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
