"""Priority 3: the upstream knows nothing of tools. They are written into the prompt, and so are calls and results.

Constrained, the answer is the decision JSON; otherwise it is text in the model's dialect.
"""

from __future__ import annotations

from toolgate_core.dialects import DIALECTS
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.strategies.envelope import answer_rule, constrain, emulated, without_tools
from toolgate_core.strategies.history import quote, rendered, with_system
from toolgate_core.strategies.native import own_tools
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest

DECISION = "decision"


def transform(effect: Transform) -> Transformed:
    """Return the request with its tools in the prompt; under `none` only the history is rewritten."""
    request = effect.request
    if request.tool_choice.mode == "none":
        return _toolless(effect)
    dialect = DECISION if effect.constrained else effect.dialect
    body = emulated(bare(effect))
    if effect.constrained:
        constrain(body, request)
    body["messages"] = conversation(effect, dialect, tools_block(request, dialect))
    plan = Plan(
        strategy=effect.strategy,
        form="decision" if effect.constrained else "dialect",
        dialect=dialect,
        # Under a grammar the model writes the decision at once.
        reasoning_open=effect.reasoning_open and not effect.constrained,
        stop=request.stop,
        parallel=request.parallel,
        constrained=effect.constrained,
    )
    return Transformed(body, plan)


def bare(effect: Transform) -> JsonObject:
    """Return the body without anything of the upstream's own tool calling."""
    return without_tools(own_tools(effect))


def tools_block(request: ChatRequest, dialect: str) -> str:
    """Return the part of the system message that declares the permitted tools and says how to call them."""
    choice = request.tool_choice
    tools = [tool for tool in request.tools if choice.permits(tool.name)]
    block = DIALECTS[dialect].render_tools(tools, choice, request.parallel)
    rule = answer_rule(request, what='"answer"' if dialect == DECISION else "An answer without a call")
    return f"{block}\n{rule}" if rule else block


def conversation(effect: Transform, dialect: str, block: str) -> list[JsonValue]:
    """Return the messages: one system message with `block` at its end, the history in `dialect`, a fault quoted."""
    original = effect.request.messages
    messages = with_system(rendered(original, dialect), original, block, role=effect.capabilities.system_role)
    if effect.fault is not None:
        messages = quote(messages, effect.fault)
    return list[JsonValue](messages)


def _toolless(effect: Transform) -> Transformed:
    body = bare(effect)
    body["messages"] = conversation(effect, effect.dialect, "")
    plan = Plan(strategy=effect.strategy, form="dialect", dialect=effect.dialect, reasoning_open=effect.reasoning_open)
    return Transformed(body, plan)
