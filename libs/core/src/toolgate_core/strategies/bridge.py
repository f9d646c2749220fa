"""Priority 3: tools, calls and results are written into the prompt; the upstream's tool calling is not used.

With a grammar, the answer is the decision JSON; without one it is text in the model's dialect. Everything goes into one
system message at the beginning, since chat templates differ in where else they accept one. Under tool choice `none`
only the history is rewritten, and the client's own constraints stay.
"""

from __future__ import annotations

from typing import TypeAlias

from toolgate_core.cache import Cache
from toolgate_core.dialects import DIALECTS
from toolgate_core.limits import MAX_REMEMBERED_DECISIONS_BYTES
from toolgate_core.schema.definitions import parse_tools
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.strategies.envelope import answer_rule, constrained, without_constraints, without_native_tools
from toolgate_core.strategies.history import quote, render_history, with_system
from toolgate_core.strategies.native import client_request
from toolgate_core.types.messages import Message
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, ModelRequest, ToolChoice
from toolgate_core.types.vocabulary import Strategy

DECISION = "decision"
_Key: TypeAlias = tuple[bytes, str, ToolChoice, bool]


def transform(effect: Transform) -> Transformed:
    """Return the request with its tools in the prompt; under `none` only the history is rewritten."""
    chat = effect.request
    # No call can follow, but the history can contain calls, which the upstream does not know.
    if chat.tool_choice.mode == "none":
        return _without_calls(effect)
    # Under a grammar the examples in the prompt have to show the form that the grammar enforces.
    dialect = DECISION if effect.constrained else effect.dialect
    request = without_constraints(toolless_request(effect))
    request = request.change(messages=conversation(effect, dialect, tools_block(chat, dialect)))
    plan = Plan(
        strategy=effect.strategy,
        form="decision" if effect.constrained else "dialect",
        dialect=dialect,
        # Under a grammar the model writes the decision at once.
        reasoning_open=effect.reasoning_open and not effect.constrained,
        stop=chat.stop,
        parallel=chat.parallel,
        constrained=effect.constrained,
    )
    return Transformed(constrained(request, chat) if effect.constrained else request, plan)


def toolless_request(effect: Transform) -> ModelRequest:
    """Return the request without anything of the upstream's own tool calling."""
    return without_native_tools(client_request(effect))


def tools_block(request: ChatRequest, dialect: str) -> str:
    """Return the part of the system message that declares the permitted tools and says how to call them."""
    block = _DECLARATIONS.get((request.tools_json, dialect, request.tool_choice, request.parallel))
    # The client's response format is stated in words too: a grammar enforces it only in the decision.
    rule = answer_rule(request, what='"answer"' if dialect == DECISION else "An answer without a call")
    return f"{block}\n{rule}" if rule else block


def _declaration(key: _Key) -> str:
    tools_json, dialect, choice, parallel = key
    tools = [tool for tool in parse_tools(tools_json) if choice.permits(tool.name)]
    return DIALECTS[dialect].render_tools(tools, choice, parallel)


_DECLARATIONS = Cache(
    _declaration,
    cost=lambda key, block: len(key[0]) + 4 * len(block),
    max_cost=MAX_REMEMBERED_DECISIONS_BYTES,
)
"""The same tools come with every request of a conversation, and writing them is a twentieth of a request's work."""


def conversation(effect: Transform, dialect: str, block: str) -> tuple[Message, ...]:
    """Return the messages: one system message with `block` at its end, the history in `dialect`, a fault quoted."""
    given = effect.request.messages
    messages = with_system(render_history(given, dialect), given, block, role=effect.capabilities.system_role)
    return messages if effect.fault is None else quote(messages, effect.fault)


def _without_calls(effect: Transform) -> Transformed:
    request = toolless_request(effect).change(messages=conversation(effect, effect.dialect, ""))
    plan = Plan(strategy=effect.strategy, form="dialect", dialect=effect.dialect, reasoning_open=effect.reasoning_open)
    return Transformed(request, plan)


BRIDGE = StrategySpec(
    strategy=Strategy.BRIDGE,
    transform=transform,
    native_tools=False,
    grammar="if_possible",
    sends_constraints=False,
    serves_none=True,
    routes=True,
)
