"""A request that a strategy has written, read back: between services it travels as OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject
from toolgate_core.schema.definitions import tool_definitions
from toolgate_core.types.requests import (
    ChatRequest,
    ModelRequest,
    ToolChoice,
    ToolChoiceMode,
    model_request,
)

from toolgate_formats.api.openai_chat.fields import read_limit, read_stop
from toolgate_formats.api.openai_chat.neutral import (
    conversation,
    other_fields,
    read_format,
    read_sampling,
    read_top_logprobs,
)


def read_written(body: JsonObject, request: ChatRequest, untouched: frozenset[str]) -> ModelRequest:
    """Return what a strategy has made of `request`, whose `untouched` attributes are taken from it.

    Raises `RequestError` for tools that cannot be read.
    """
    special = "skip_special_tokens" in body and "skip_special_tokens" not in request.fields
    if special:
        body = {name: value for name, value in body.items() if name != "skip_special_tokens"}
    given = model_request(request)
    changes = {name: read(body) for name, read in _READERS.items() if name not in untouched}
    return replace(given, **changes, keep_special_tokens=special, untouched=untouched & given.untouched)


def _choice(body: JsonObject) -> ToolChoice:
    choice = body.get("tool_choice", "auto" if "tools" in body else "none")
    if isinstance(choice, dict):
        function = choice.get("function")
        return ToolChoice("named", name=str(function.get("name")) if isinstance(function, dict) else None)
    return ToolChoice(cast("ToolChoiceMode", choice))


_READERS: Mapping[str, Callable[[JsonObject], object]] = {
    "messages": conversation,
    "tools": lambda body: tool_definitions(body.get("tools", [])),
    "tool_choice": _choice,
    "parallel": lambda body: body.get("parallel_tool_calls") is not False,
    "stop": lambda body: read_stop(body.get("stop")),
    "response_format": lambda body: (
        read_format(cast("JsonObject", body["response_format"])) if "response_format" in body else None
    ),
    "max_tokens": read_limit,
    "logprobs": lambda body: body.get("logprobs") is True,
    "top_logprobs": read_top_logprobs,
    "sampling": read_sampling,
    "fields": other_fields,
}
"""How each attribute is read."""
