"""Priority 2: the upstream's own tools stay in its prompt; a grammar asks for a decision: this call or this answer.

The tools are sent under `auto`, whatever the client's choice, since the decision's schema enforces that choice. The
instruction extends the first system message, so that the conversation keeps its form and the upstream its cached prefix
of tools.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.strategies.envelope import answer_rule, constrained, without_constraints
from toolgate_core.strategies.history import quote
from toolgate_core.strategies.native import native_request, permitted
from toolgate_core.types.messages import INSTRUCTION_ROLES, Message, Text, text_message, text_of
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, ToolChoice
from toolgate_core.types.vocabulary import Strategy

_CALL = '{"action": "call", "calls": [{"name": "TOOL_NAME", "arguments": {"PARAMETER_NAME": "VALUE"}}]}'
_ANSWER = '{"action": "answer", "answer": "TEXT FOR THE USER"}'


def transform(effect: Transform) -> Transformed:
    """Return the request with its tools under `auto` and the decision as its response format."""
    chat = effect.request
    request = without_constraints(native_request(effect))
    # The instruction names no tool, so that the prompt has to show the named one alone.
    if chat.tool_choice.mode == "named":
        request = request.change(tools=permitted(chat))
    messages = _instructed(chat.messages, _instruction(chat), role=effect.capabilities.system_role)
    if effect.fault is not None:
        messages = quote(messages, effect.fault)
    request = constrained(request.change(tool_choice=ToolChoice("auto"), messages=messages), chat)
    plan = Plan(
        strategy=effect.strategy,
        form="decision",
        dialect="decision",
        stop=chat.stop,
        parallel=chat.parallel,
        constrained=True,
    )
    return Transformed(request, plan)


def _instruction(request: ChatRequest) -> str:
    if request.tool_choice.forced:
        rule = f"Answer with one JSON object that calls a tool, and nothing else: {_CALL}"
    else:
        rule = f"Answer with one JSON object and nothing else: {_CALL} to call tools, or {_ANSWER} to answer in text."
    return "\n".join(filter(None, (rule, answer_rule(request, what='"answer"'))))


def _instructed(messages: Sequence[Message], instruction: str, *, role: bool) -> tuple[Message, ...]:
    """Return the messages with the instruction at the end of the first system message.

    `role`: the upstream has system messages; otherwise the first user message takes its place.
    """
    # The parser refuses a request without messages.
    first = messages[0]
    if first.role in INSTRUCTION_ROLES or (not role and first.role == "user"):
        # A message that was one string stays one string.
        added = Text(f"{text_of(first.parts)}\n\n{instruction}") if first.plain else Text(instruction)
        parts = (added,) if first.plain else (*first.parts, added)
        return (replace(first, parts=parts), *messages[1:])
    return (text_message("system" if role else "user", instruction), *messages)


GUIDED = StrategySpec(
    strategy=Strategy.GUIDED,
    transform=transform,
    native_tools=True,
    grammar="always",
    sends_constraints=False,
    serves_none=False,
)
