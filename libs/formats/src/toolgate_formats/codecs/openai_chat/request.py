"""A neutral request as OpenAI's chat completions: the half of the codec that writes.

What a strategy left untouched is written byte for byte from the source of the request, where that is of this format:
on the native path nothing is encoded but the model's name. Everything else is written from the neutral values. Servers
differ in what they refuse, so nothing is ever null at the top level (vLLM takes `tool_choice: null` for "not auto" and
returns no calls), no empty `tools` are sent (vLLM refuses them), and a message of the assistant always has a `content`
(OpenAI wants `null` beside calls). Usage is always asked for, since the gateway counts tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import msgspec
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.types.requests import ChatRequest, ModelRequest, ResponseFormat, ToolChoice, ToolDefinition

from toolgate_formats.api.openai_chat.names import ATTRIBUTES, OPENAI_CHAT, SAMPLING
from toolgate_formats.codecs.openai_chat.messages import write_messages


def request_body(request: ModelRequest, *, stream: bool) -> bytes:
    """Return the JSON text of a request; raise `JsonTextError` where it cannot be written."""
    body = _body(request)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return encode(cast("JsonObject", body))


def _body(request: ModelRequest) -> dict[str, object]:
    """Return the fields of a body, except those of a stream; untouched ones are `Raw`."""
    body: dict[str, object] = {"model": request.model}
    source = request.source
    untouched = request.untouched if source.format == OPENAI_CHAT else frozenset[str]()
    if untouched:
        for name, text in source.texts.items():
            # A field that no attribute holds is one of `fields`.
            if ATTRIBUTES.get(name, "fields") in untouched:
                body[name] = msgspec.Raw(text)
    if len(untouched) < len(_WRITERS):
        for attribute, write in _WRITERS.items():
            if attribute not in untouched:
                write(request, body)
    if "messages" not in body:
        body["messages"] = write_messages(request.messages)
    if request.keep_special_tokens:
        # vLLM's field; where the client sets it, its value stays.
        body.setdefault("skip_special_tokens", False)
    return body


def chat_body(request: ChatRequest, *, tools: bool = True) -> bytes:
    """Return the JSON text of a client's request; `tools` false: null is in the place of its tools."""
    body: dict[str, object] = {name: msgspec.Raw(text) for name, text in request.source.texts.items()}
    if "messages" not in body:
        body["messages"] = write_messages(request.messages)
    if not tools and "tools" in body:
        body["tools"] = None
    return encode(cast("JsonObject", body))


def _write_tools(request: ModelRequest, body: dict[str, object]) -> None:
    if request.tools:
        body["tools"] = [write_tool(tool) for tool in request.tools]


def _write_choice(request: ModelRequest, body: dict[str, object]) -> None:
    if request.tools:
        body["tool_choice"] = write_choice(request.tool_choice)


def _write_parallel(request: ModelRequest, body: dict[str, object]) -> None:
    # True is OpenAI's default and is left out, since not every server knows the field.
    if request.tools and not request.parallel:
        body["parallel_tool_calls"] = False


def _write_stop(request: ModelRequest, body: dict[str, object]) -> None:
    if request.stop:
        body["stop"] = list(request.stop)


def _write_format(request: ModelRequest, body: dict[str, object]) -> None:
    if request.response_format is not None:
        body["response_format"] = write_format(request.response_format)


def _write_limit(request: ModelRequest, body: dict[str, object]) -> None:
    """Write the limit under the names that the client used: servers differ in the one that they know."""
    if request.max_tokens is None:
        return
    given = request.source.texts if request.source.format == OPENAI_CHAT else {}
    for name in [name for name in ("max_tokens", "max_completion_tokens") if name in given] or ["max_tokens"]:
        body[name] = request.max_tokens


def _write_logprobs(request: ModelRequest, body: dict[str, object]) -> None:
    if request.logprobs:
        body["logprobs"] = True


def _write_top_logprobs(request: ModelRequest, body: dict[str, object]) -> None:
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs


def _write_sampling(request: ModelRequest, body: dict[str, object]) -> None:
    for name in SAMPLING:
        value = getattr(request.sampling, name)
        if value is not None:
            body[name] = value


def _write_messages(request: ModelRequest, body: dict[str, object]) -> None:
    body["messages"] = write_messages(request.messages)


def _write_fields(request: ModelRequest, body: dict[str, object]) -> None:
    body.update(request.fields)


_WRITERS: Mapping[str, Callable[[ModelRequest, dict[str, object]], None]] = {
    "messages": _write_messages,
    "tools": _write_tools,
    "tool_choice": _write_choice,
    "parallel": _write_parallel,
    "stop": _write_stop,
    "response_format": _write_format,
    "max_tokens": _write_limit,
    "logprobs": _write_logprobs,
    "top_logprobs": _write_top_logprobs,
    "sampling": _write_sampling,
    "fields": _write_fields,
}
"""How each attribute is written, where it is not untouched."""


def write_tool(tool: ToolDefinition) -> JsonObject:
    """Return a tool; unknown fields that are in `fields` under `function` go back into it."""
    fields = dict(tool.fields)
    inner = fields.pop("function", None)
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    if isinstance(inner, dict):
        function.update(inner)
    return {"type": "function", "function": function, **fields}


def write_choice(choice: ToolChoice) -> JsonValue:
    """Return a tool choice; `allowed` is the strategy's to apply, by sending the permitted tools alone."""
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def write_format(wanted: ResponseFormat) -> JsonObject:
    """Return a response format; unknown fields that are in `fields` under `json_schema` go back into it."""
    fields = dict(wanted.fields)
    inner = fields.pop("json_schema", None)
    described: JsonObject = {}
    if wanted.name:
        described["name"] = wanted.name
    if wanted.schema is not None:
        described["schema"] = wanted.schema
    if wanted.strict is not None:
        described["strict"] = wanted.strict
    if isinstance(inner, dict):
        described.update(inner)
    body: JsonObject = {"type": wanted.kind, **fields}
    if described:
        body["json_schema"] = described
    return body
