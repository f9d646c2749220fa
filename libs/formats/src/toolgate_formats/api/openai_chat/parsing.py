"""The bytes of a chat request to a `ChatRequest`; whatever is wrong with them is one `RequestError`.

Unknown fields become the request's `fields`: they belong to the upstream (vLLM's `extra_body`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from msgspec import Struct
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
from toolgate_core.types.requests import ChatRequest, Source, ToolChoice, ToolDefinition

from toolgate_formats.api.openai_chat.choice import parse_choice
from toolgate_formats.api.openai_chat.fields import check_fields
from toolgate_formats.api.openai_chat.history import CheckedMessages, check_messages
from toolgate_formats.api.openai_chat.legacy import convert_functions
from toolgate_formats.api.openai_chat.messages import normal_messages
from toolgate_formats.api.openai_chat.names import OPENAI_CHAT
from toolgate_formats.api.openai_chat.neutral import (
    conversation,
    other_fields,
    read_sampling,
    read_top_logprobs,
    wants_continuous_usage,
)
from toolgate_formats.api.openai_chat.tools import ToolsText, tools_text


def parse_request(body: bytes) -> ChatRequest:
    """Return the validated request; raise `RequestError` for the first thing that is wrong.

    Nulls at the top level count as absent; empty `tools` and empty `tool_calls` in the history are dropped; the older
    `functions` become tools, in the history too.
    """
    content, texts, read = _decoded(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("You must provide a model parameter.", param="model")
    legacy = convert_functions(content)
    checked = check_messages(content)
    fields = check_fields(content)
    tools = _tools(content, read, legacy=legacy)
    return ChatRequest(
        model=model,
        source=Source(OPENAI_CHAT, _texts(content, texts, tools, checked)),
        messages=conversation(content),
        tools=tools.definitions,
        tools_json=tools.json,
        tool_choice=tools.choice,
        parallel=content.get("parallel_tool_calls") is not False,
        n=fields.n,
        stream=fields.stream,
        include_usage=fields.include_usage,
        continuous_usage=fields.stream and wants_continuous_usage(content),
        stop=fields.stop,
        response_format=fields.response_format,
        max_tokens=fields.max_tokens,
        logprobs=fields.logprobs,
        top_logprobs=read_top_logprobs(content),
        sampling=read_sampling(content),
        fields=other_fields(content),
        legacy_functions=legacy,
    )


def _texts(content: JsonObject, texts: dict[str, bytes], tools: _Tools, checked: CheckedMessages) -> dict[str, bytes]:
    """Return the text of every field, in the form that servers accept; `content["messages"]` gets that form, too."""
    if texts.keys() != content.keys():
        texts = {name: texts[name] if name in texts else encode(value) for name, value in content.items()}
    if tools.sent:
        texts["tools"] = tools.sent
    if checked.rewritten or checked.has_calls or b"null" in texts["messages"]:
        given = cast("list[JsonObject]", content["messages"])
        normal = normal_messages(given)
        if normal is not None:
            content["messages"] = cast("JsonValue", normal)
        if checked.rewritten or normal is not None:
            texts["messages"] = encode(content["messages"])
    return texts


def _decoded(body: bytes) -> tuple[JsonObject, dict[str, bytes], ToolsText | None]:
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
    return RequestError(f"'{named}' contains more than {what}.", param=named, code="too_many_values")


def _read_tools(text: bytes) -> ToolsText:
    return tools_text(_value(text, "tools"), text)


_READ = Cache(_read_tools, cost=lambda text, _: 8 * len(text), max_cost=MAX_REMEMBERED_TOOLS_BYTES)


class _Tools(Struct, frozen=True):
    definitions: tuple[ToolDefinition, ...]
    json: bytes
    choice: ToolChoice
    sent: bytes = b""


_NO_TOOLS = _Tools((), b"", ToolChoice("none"))


def _tools(content: JsonObject, read: ToolsText | None, *, legacy: bool) -> _Tools:
    tools = content.get("tools")
    if not tools:
        _without_tools(content)
        return _NO_TOOLS
    text = tools_text(tools) if read is None else read
    try:
        toolset = compiled(text.json)
        _check_names(toolset.names)
    except RequestError as error:
        if legacy:
            raise _as_functions(error) from error
        raise
    choice = parse_choice(content.get("tool_choice"), toolset)
    return _Tools(toolset.definitions, text.json, choice, text.sent)


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
    # OpenAI refuses these without tools; values that ask for no call are dropped.
    for field, silent in (("tool_choice", ("none", "auto")), ("parallel_tool_calls", ())):
        if field in content and content.pop(field) not in silent:
            raise RequestError(f"'{field}' is only allowed when 'tools' are specified.", param=field)


def _as_functions(error: RequestError) -> RequestError:
    """Return the error with the names of the fields that the client used."""
    param, message = (
        text.replace("tools", "functions").replace("].function", "]") for text in (error.param or "", error.message)
    )
    return RequestError(message, param=param, code=error.code)
