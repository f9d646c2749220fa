"""Priority 1: the upstream's own tool calling. The client's request is sent, changed only where it would be refused.

This is the path of nearly every request, so it builds nothing that it does not need: the messages stay unread, and
what is untouched is written by the codec from the client's own text. Only two things change the tools: a choice that
allows some of them, and a forced call, for which servers build a grammar of the schemas.
"""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.dialects.catalog.decision import DECISION
from toolgate_core.schema.decision_schema import sendable
from toolgate_core.schema.strict import strict_allows
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.strategies.envelope import without_native_tools
from toolgate_core.strategies.history import quote
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, ModelRequest, ToolChoice, ToolDefinition, model_request
from toolgate_core.types.vocabulary import Strategy


def transform(effect: Transform) -> Transformed:
    """Return the client's request, with the fault of the attempt before it quoted."""
    request = native_request(effect)
    if effect.request.tool_choice.mode == "none":
        # Servers keep the tools in the prompt, and the model writes a call that the client has forbidden.
        request = without_native_tools(request)
    if effect.fault is not None:
        request = request.change(messages=quote(effect.request.messages, effect.fault))
    plan = Plan(
        strategy=effect.strategy,
        form="native",
        # A decision may hold nothing else; a native answer may be any text.
        dialect="auto" if effect.dialect == DECISION.name else effect.dialect,
        reasoning_open=effect.reasoning_open,
        parallel=effect.request.parallel,
    )
    return Transformed(request, plan)


def client_request(effect: Transform) -> ModelRequest:
    """Return what the client asks for, unchanged."""
    request = model_request(effect.request)
    if effect.capabilities.skip_special_tokens:
        # Otherwise a leaked marker disappears from the text, and only what it encloses is left.
        return replace(request, keep_special_tokens=True)
    return request


def native_request(effect: Transform) -> ModelRequest:
    """Return the client's request with its tools in the form that the upstream's own tool calling accepts."""
    chat = effect.request
    request = client_request(effect)
    choice = chat.tool_choice
    # OpenAI's `allowed_tools` is unknown to most servers; fewer tools say the same.
    if choice.allowed is not None:
        request = request.change(tools=permitted(chat), tool_choice=ToolChoice(choice.mode))
    return _forced(request, strict=effect.capabilities.strict) if choice.forced else request


def takes_strict(request: ChatRequest) -> bool:
    """Return whether `strict` may be added to a tool of the request."""
    return any(_takes_strict(tool) for tool in request.tools)


def permitted(request: ChatRequest) -> tuple[ToolDefinition, ...]:
    """Return the declared tools that may be called."""
    return tuple(tool for tool in request.tools if request.tool_choice.permits(tool.name))


def _forced(request: ModelRequest, *, strict: bool) -> ModelRequest:
    """Return the request with schemas that servers accept for a forced call, and `strict` where it may be added."""
    tools = tuple(_forced_tool(tool, strict=strict) for tool in request.tools)
    return request if tools == request.tools else request.change(tools=tools)


def _forced_tool(tool: ToolDefinition, *, strict: bool) -> ToolDefinition:
    # A forced call is built under a grammar of the schema, for which a server refuses what its engine does not know.
    parameters = sendable(tool.parameters)
    sent = tool if parameters == tool.parameters else replace(tool, parameters=parameters)
    return replace(sent, strict=True) if strict and _takes_strict(sent) else sent


def _takes_strict(tool: ToolDefinition) -> bool:
    """Whether a tool's schema keeps the rules for `strict`, and the client says nothing of it.

    An upstream that enforces those rules refuses any other schema, and the client never asked for it.
    """
    return tool.strict is None and strict_allows(tool.parameters)


NATIVE = StrategySpec(
    strategy=Strategy.NATIVE,
    transform=transform,
    native_tools=True,
    grammar="never",
    sends_constraints=True,
    serves_none=True,
    unchanged=True,
)
