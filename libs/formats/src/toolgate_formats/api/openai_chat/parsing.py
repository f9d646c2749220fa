"""The bytes of a chat request to a `ChatRequest`; whatever is wrong with them is one `RequestError`.

Fields that nobody here knows are left in the body: they belong to the upstream (vLLM's `extra_body`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from toolgate_core.cache import Cache
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, decode_fields, encode
from toolgate_core.limits import (
    MAX_BODY_CONTAINERS,
    MAX_BODY_NESTING,
    MAX_BODY_STRINGS,
    MAX_BODY_VALUES,
    MAX_QUOTED,
    MAX_REMEMBERED_TOOLS_BYTES,
)
from toolgate_core.nesting import bytes_deeper_than, outside_strings
from toolgate_core.schema.definitions import check_names
from toolgate_core.schema.toolset import compiled
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ChatRequest, ToolChoice, ToolDefinition

from toolgate_formats.api.openai_chat.choice import parse_choice
from toolgate_formats.api.openai_chat.fields import check_fields
from toolgate_formats.api.openai_chat.history import check_messages
from toolgate_formats.api.openai_chat.legacy import convert_functions


def parse_request(body: bytes) -> ChatRequest:
    """Return the validated request; raise `RequestError` (always 400) for the first thing that is wrong.

    Nulls at the top level count as absent; empty `tools` and empty `tool_calls` in the history are dropped; the older
    `functions` become tools, in the history too.
    """
    content, texts, read = _decoded(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("You must provide a model parameter.", param="model")
    legacy = convert_functions(content)
    if check_messages(content):
        texts.pop("messages", None)
    fields = check_fields(content)
    tools = _tools(content, read, legacy=legacy)
    return ChatRequest(
        body=content,
        model=model,
        texts=_as_written(texts, tools=tools.clean),
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


def _decoded(body: bytes) -> tuple[JsonObject, dict[str, bytes], _ToolsText | None]:
    """Return the body without nulls, the text of each of its fields, and what is known of the tools' text.

    Tools are most of a body, and the same in many requests: those whose text is known are not read again.
    """
    try:
        texts = decode_fields(body)
        tools = _READ.get(texts["tools"]) if "tools" in texts else None
        content = {
            key: _value(text, key) if key != "tools" or tools is None else tools.value for key, text in texts.items()
        }
    except JsonTextError:
        raise _unreadable(body) from None
    if None in content.values():
        return {key: value for key, value in content.items() if value is not None}, texts, tools
    return content, texts, tools


def _unreadable(body: bytes) -> RequestError:
    """Return what is wrong with a body that is not an object, or not JSON."""
    try:
        decode(body)
    except JsonTextError as error:
        return RequestError(f"We could not parse the JSON body of your request: {error}.")
    return RequestError("The JSON body of your request must be an object.")


def _value(text: bytes, field: str) -> JsonValue:
    """Return a field's value; the body around it is one level of the nesting."""
    if len(text) < MAX_BODY_NESTING:
        return decode(text)  # too short for any of the bounds
    brackets = text.count(b"{") + text.count(b"[")
    if brackets > MAX_BODY_CONTAINERS or (len(text) > MAX_BODY_VALUES and text.count(b",") > MAX_BODY_VALUES):
        _check_extent(text, field)
    value = decode(text)
    if brackets >= MAX_BODY_NESTING and bytes_deeper_than(text, MAX_BODY_NESTING - 1):
        what = f"The JSON body of your request is nested more than {MAX_BODY_NESTING} levels deep."
        raise RequestError(what, param=field[:MAX_QUOTED])
    return value


def _check_extent(text: bytes, field: str) -> None:
    """Raise where a field holds more than is built at once; brackets and commas inside strings do not count."""
    if text.count(b'"') - text.count(b'\\"') > 2 * MAX_BODY_STRINGS:
        raise _too_much(field, f"{MAX_BODY_STRINGS} strings")
    outside = outside_strings(text)
    if outside.count(b"{") + outside.count(b"[") > MAX_BODY_CONTAINERS:
        raise _too_much(field, f"{MAX_BODY_CONTAINERS} objects and arrays")
    if outside.count(b",") > MAX_BODY_VALUES:
        raise _too_much(field, f"{MAX_BODY_VALUES} values")


def _too_much(field: str, what: str) -> RequestError:
    named = field[:MAX_QUOTED]
    return RequestError(f"'{named}' holds more than {what}.", param=named, code="too_many_values")


@dataclass(frozen=True, slots=True)
class _ToolsText:
    value: JsonValue
    json: bytes
    clean: bool


def _read_tools(text: bytes) -> _ToolsText:
    value = _value(text, "tools")
    return _ToolsText(value, encode(value), b"null" not in text)


_READ = Cache(_read_tools, cost=lambda text, _: 8 * len(text), max_cost=MAX_REMEMBERED_TOOLS_BYTES)


def _as_written(texts: dict[str, bytes], *, tools: bool) -> dict[str, bytes]:
    """Return the texts that may go on as they came."""
    kept = {}
    messages = texts.get("messages", b"null")
    if b"null" not in messages and b'"tool_calls"' not in messages:
        kept["messages"] = messages
    if tools:
        kept["tools"] = texts["tools"]
    return kept


@dataclass(frozen=True, slots=True)
class _Tools:
    definitions: tuple[ToolDefinition, ...]
    json: bytes
    choice: ToolChoice
    clean: bool = False


_NO_TOOLS = _Tools((), b"", ToolChoice("none"))


def _tools(content: JsonObject, read: _ToolsText | None, *, legacy: bool) -> _Tools:
    tools = content.get("tools")
    if not tools:
        _without_tools(content)
        return _NO_TOOLS
    tools_json = encode(tools) if read is None else read.json
    try:
        toolset = compiled(tools_json)
        _check_names(toolset.names)
    except RequestError as error:
        if legacy:
            raise _as_functions(error) from error
        raise
    choice = parse_choice(content.get("tool_choice"), toolset)
    return _Tools(toolset.definitions, tools_json, choice, clean=read is not None and read.clean)


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    """Check names, once: those that are right are short and few, and what raises is not remembered."""
    check_names(names)


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
