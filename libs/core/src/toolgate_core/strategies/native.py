"""Priority 1: the upstream's own tool calling. What the client sent goes out, mended only where it would break."""

from __future__ import annotations

from typing import cast

from toolgate_core.dialects.catalog.decision import DECISION
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.schema.decision_schema import sendable
from toolgate_core.schema.strict import strict_allows
from toolgate_core.strategies.envelope import without_tools
from toolgate_core.strategies.history import mended, quote
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest

_DRIVER = frozenset(("n", "stream", "stream_options"))
"""Fields that are not a strategy's: each choice climbs by itself, and the driver streams as the client does."""


def transform(effect: Transform) -> Transformed:
    """Return the request as it was given, with the fault of the attempt before it quoted."""
    request = effect.request
    body = own_tools(effect)
    if request.tool_choice.mode == "none":
        # Servers keep the tools in the prompt, and the model writes a call that nobody may be given.
        body = without_tools(body)
    if effect.fault is not None:
        body["messages"] = list[JsonValue](quote(mended(request.messages), effect.fault))
    elif "messages" not in request.texts:
        body["messages"] = list[JsonValue](mended(request.messages))
    plan = Plan(
        strategy=effect.strategy,
        form="native",
        # A decision may hold nothing else; a native answer may be any text.
        dialect="auto" if effect.dialect == DECISION.name else effect.dialect,
        reasoning_open=effect.reasoning_open,
        parallel=request.parallel,
    )
    return Transformed(body, plan)


def own_tools(effect: Transform) -> JsonObject:
    """Return the body without the driver's fields, its tools as the upstream's own tool calling wants them."""
    request = effect.request
    body = {key: value for key, value in request.body.items() if key not in _DRIVER}
    capabilities = effect.capabilities
    if capabilities.skip_special_tokens:
        body.setdefault("skip_special_tokens", False)  # else a leaked marker would vanish and leave its payload
    choice = request.tool_choice
    if choice.allowed is not None:
        body["tools"] = permitted(request)
        body["tool_choice"] = choice.mode
    if not _have_parameters(_list(body.get("tools", []))):
        body["tools"] = [_with_parameters(tool) for tool in _list(body["tools"])]
    if choice.forced:  # the server builds a grammar of the schemas, and refuses the request for some keywords
        sent = [_sendable(tool) for tool in _list(body["tools"])]
        if any(new is not old for new, old in zip(sent, _list(body["tools"]), strict=True)):
            body["tools"] = sent
    if choice.forced and capabilities.strict:
        body["tools"] = [_strict(tool) for tool in _list(body["tools"])]
    return body


def strict_fits(request: ChatRequest) -> bool:
    """Return whether `strict` may be added to a tool of the request."""
    tools = _list(request.body["tools"])
    return any(_strict(tool) is not tool for tool in tools if not _lacks_parameters(tool))


def permitted(request: ChatRequest) -> list[JsonValue]:
    """Return the declared tools, as the client wrote them, that may be called."""
    declared = zip(_list(request.body["tools"]), request.tools, strict=True)
    return [tool for tool, definition in declared if request.tool_choice.permits(definition.name)]


def _have_parameters(tools: list[JsonValue]) -> bool:
    """Whether no tool lacks parameters; every request is asked that, so there is no call per tool."""
    read = cast("list[dict[str, JsonObject]]", tools)
    return not [tool for tool in read if not tool["function"].get("parameters")]


def _lacks_parameters(tool: JsonValue) -> bool:
    return not _function(tool).get("parameters")


def _with_parameters(tool: JsonValue) -> JsonValue:
    """Return the tool with parameters: OpenAI lets them be left out, other servers refuse the request then."""
    if not _lacks_parameters(tool):
        return tool
    empty: JsonObject = {"type": "object", "properties": {}}
    return {**_object(tool), "function": {**_function(tool), "parameters": empty}}


def _sendable(tool: JsonValue) -> JsonValue:
    function = _function(tool)
    parameters = _object(function["parameters"])
    sent = sendable(parameters)
    return tool if sent is parameters else {**_object(tool), "function": {**function, "parameters": sent}}


def _strict(tool: JsonValue) -> JsonValue:
    function = _function(tool)
    parameters = function.get("parameters")
    if function.get("strict") is not None or not isinstance(parameters, dict) or not strict_allows(parameters):
        return tool  # an upstream that holds strict schemas to rules would refuse what the client never asked for
    return {**_object(tool), "function": {**function, "strict": True}}


def _function(tool: JsonValue) -> JsonObject:
    return _object(_object(tool)["function"])


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value
