"""Requests that vLLM refuses, with its words, types and integer codes."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.personas import Persona
from toolgate_simulator.values import Json

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


class RefusedError(Exception):
    """A request is answered with an error: an HTTP status, vLLM's type for it, and the field at fault."""

    def __init__(
        self, message: str, *, param: str | None = None, status: int = 400, kind: str = "BadRequestError"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"error": {"message": message, "type": kind, "param": param, "code": status}}


def check(body: Any, persona: Persona) -> None:
    """Raise `RefusedError` for a request that vLLM (started as `persona` says) would refuse."""
    _check_messages(body.get("messages"))
    _check_numbers(body)
    _check_stream(body)
    if body.get("tools") is not None or body.get("tool_choice") not in (None, "none"):
        _check_tools(body, persona)
    _check_constraint(body, persona)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise RefusedError(
            "messages: a list with at least one message is required", param="messages", kind="Bad Request"
        )
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise RefusedError(
                f"messages[{place}].role: unknown role", param=f"messages[{place}].role", kind="Bad Request"
            )


def _check_numbers(body: Json) -> None:
    limits = {"n": (1, 128), "max_tokens": (1, None), "max_completion_tokens": (1, None), "temperature": (0, None)}
    for key, (low, high) in limits.items():
        value = body.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise RefusedError(f"{key}: Input should be a valid number", param=key, kind="Bad Request")
        if value < low or (high is not None and value > high):
            raise RefusedError(f"{key} must be at least {low}, got {value}.", param=key)
    stop = body.get("stop")
    if stop is not None and not isinstance(stop, (str, list)):
        raise RefusedError("stop: Input should be a valid string or list", param="stop", kind="Bad Request")
    if isinstance(stop, list) and len(stop) > 4:
        raise RefusedError("stop: at most 4 stop strings are allowed", param="stop")


def _check_stream(body: Json) -> None:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise RefusedError("stream_options: Input should be a valid dictionary", param="stream_options")
    if options and not body.get("stream"):
        raise RefusedError("Stream options can only be defined when `stream=True`.", param="stream_options")


def _check_tools(body: Json, persona: Persona) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice", "auto")
    if tools is None:
        raise RefusedError("When using `tool_choice`, `tools` must be set.", param="tool_choice")
    if not isinstance(tools, list) or not tools:
        raise RefusedError(
            "`tools` must not be an empty array. Either provide at least one tool or omit it.", param="tools"
        )
    for place, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RefusedError(
                f"tools[{place}]: only tools of type `function` with a name are supported", param="tools"
            )
    refused = choice != "none" if not persona.tools else choice in (None, "auto") and not persona.auto_tools
    if refused:
        raise RefusedError('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    _check_choice(choice, [tool["function"]["name"] for tool in tools])


def _check_choice(choice: Any, names: list[str]) -> None:
    if isinstance(choice, dict):
        function = choice.get("function") if choice.get("type") == "function" else None
        named = function.get("name") if isinstance(function, dict) else None
        if named is None:
            raise RefusedError("Invalid value for `tool_choice`: only `function` is supported", param="tool_choice")
        if named not in names:
            raise RefusedError(
                "The tool specified in `tool_choice` does not match any of the specified `tools`", param="tool_choice"
            )
    elif choice not in (None, "none", "auto", "required"):
        raise RefusedError(f"Invalid value for `tool_choice`: {choice}", param="tool_choice")


def _check_constraint(body: Json, persona: Persona) -> None:
    wanted, structured = body.get("response_format") or {}, body.get("structured_outputs") or {}
    if not isinstance(structured, dict) or not isinstance(structured.get("json", {}), dict):
        raise RefusedError("structured_outputs: Input should be a valid object", param="structured_outputs")
    if not isinstance(wanted, dict) or wanted.get("type", "text") not in ("text", "json_object", "json_schema"):
        raise RefusedError("response_format: unknown type", param="response_format", kind="Bad Request")
    if wanted.get("type") == "json_schema" and not isinstance(wanted.get("json_schema"), dict):
        raise RefusedError("response_format.json_schema: Field required", param="response_format", kind="Bad Request")
    constrained = wanted.get("type") in ("json_schema", "json_object") or bool(structured)
    if constrained and persona.json_schema == "refused":
        raise RefusedError(
            "response_format is not supported by this server: no structured output backend", param="response_format"
        )
    if structured and isinstance(body.get("tool_choice"), dict):
        raise RefusedError("You can only either use constraints for structured outputs or tools, not both.")
