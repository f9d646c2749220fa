"""The bytes of a chat request to a `ChatRequest`; whatever is wrong with them is one `RequestError`.

Fields that nobody here knows are left in the body: they belong to the upstream (vLLM's `extra_body`).
"""

from __future__ import annotations

from dataclasses import dataclass

from toolgate_core.errors import RequestError
from toolgate_core.jsontext import JsonObject, JsonTextError, decode, encode
from toolgate_core.messages import ChatRequest, ToolChoice, ToolDefinition
from toolgate_core.request.choice import parse_choice
from toolgate_core.request.fields import check_fields
from toolgate_core.request.history import check_messages
from toolgate_core.request.legacy import convert_functions
from toolgate_core.schema.definitions import check_names
from toolgate_core.schema.relaxed import deeper_than
from toolgate_core.schema.toolset import compiled

MAX_NESTING = 256
"""Objects and arrays inside each other, in the whole body."""


def parse_request(body: bytes) -> ChatRequest:
    """Return the validated request; raise `RequestError` (always 400) for the first thing that is wrong.

    Nulls at the top level count as absent; empty `tools` and empty `tool_calls` in the history are dropped; the older
    `functions` become tools, in the history too.
    """
    content = _decoded(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("You must provide a model parameter.", param="model")
    legacy = convert_functions(content)
    check_messages(content)
    fields = check_fields(content)
    tools = _tools(content, legacy=legacy)
    return ChatRequest(
        body=content,
        model=model,
        tools=tools.definitions,
        tools_json=tools.json,
        tool_choice=tools.choice,
        parallel=content.get("parallel_tool_calls") is not False,
        n=fields.n,
        stream=fields.stream,
        include_usage=fields.include_usage,
        stop=fields.stop,
        response_format=fields.response_format,
        max_tokens=fields.max_tokens,
        logprobs=fields.logprobs,
        legacy_functions=legacy,
    )


def _decoded(body: bytes) -> JsonObject:
    try:
        content = decode(body)
    except JsonTextError as error:
        raise RequestError(f"We could not parse the JSON body of your request: {error}.") from error
    if not isinstance(content, dict):
        raise RequestError("The JSON body of your request must be an object.")
    if body.count(b"{") + body.count(b"[") > MAX_NESTING and deeper_than(body.decode(), MAX_NESTING):
        raise RequestError(f"The JSON body of your request is nested more than {MAX_NESTING} levels deep.")
    if None in content.values():
        return {key: value for key, value in content.items() if value is not None}
    return content


@dataclass(frozen=True, slots=True)
class _Tools:
    definitions: tuple[ToolDefinition, ...]
    json: bytes
    choice: ToolChoice


_NO_TOOLS = _Tools((), b"", ToolChoice("none"))


def _tools(content: JsonObject, *, legacy: bool) -> _Tools:
    tools = content.get("tools")
    if not tools:
        _without_tools(content)
        return _NO_TOOLS
    tools_json = encode(tools)
    try:
        toolset = compiled(tools_json)
        check_names(toolset.names)
    except RequestError as error:
        if legacy:
            raise _as_functions(error) from error
        raise
    return _Tools(toolset.definitions, tools_json, parse_choice(content.get("tool_choice"), toolset))


def _without_tools(content: JsonObject) -> None:
    """Drop what says nothing without tools, and refuse what asks for them."""
    if "tools" in content:
        if content["tools"] != []:
            raise RequestError("tools must be an array.", param="tools")
        del content["tools"]
        content.pop("parallel_tool_calls", None)
    for field, silent in (("tool_choice", ("none", "auto")), ("parallel_tool_calls", ())):
        if field in content and content.pop(field) not in silent:
            raise RequestError(f"'{field}' is only allowed when 'tools' are specified.", param=field)


def _as_functions(error: RequestError) -> RequestError:
    """Return the error with the names of the fields that the client used."""
    param, message = (
        text.replace("tools", "functions").replace("].function", "]") for text in (error.param or "", error.message)
    )
    return RequestError(message, param=param, code=error.code)
