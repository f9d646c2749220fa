"""Priority 2: the upstream's own tools stay in its prompt; a grammar asks for a decision: this call or this answer."""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.strategies.envelope import answer_rule, constrain, emulated
from toolgate_core.strategies.history import mended, quote, text_of
from toolgate_core.strategies.native import own_tools, permitted
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest

_CALL = '{"action": "call", "calls": [{"name": "TOOL_NAME", "arguments": {"PARAMETER_NAME": "VALUE"}}]}'
_ANSWER = '{"action": "answer", "answer": "TEXT FOR THE USER"}'


def transform(effect: Transform) -> Transformed:
    """Return the request with its tools under `auto` and the decision as its response format."""
    request = effect.request
    body = emulated(own_tools(effect))
    if request.tool_choice.mode == "named":
        body["tools"] = permitted(request)
    body["tool_choice"] = "auto"
    constrain(body, request)
    messages = _instructed(mended(request.messages), _instruction(request), role=effect.capabilities.system_role)
    if effect.fault is not None:
        messages = quote(messages, effect.fault)
    body["messages"] = list[JsonValue](messages)
    plan = Plan(
        strategy=effect.strategy,
        form="decision",
        dialect="decision",
        stop=request.stop,
        parallel=request.parallel,
        constrained=True,
    )
    return Transformed(body, plan)


def _instruction(request: ChatRequest) -> str:
    if request.tool_choice.forced:
        rule = f"Answer with one JSON object that calls a tool, and nothing else: {_CALL}"
    else:
        rule = f"Answer with one JSON object and nothing else: {_CALL} to call tools, or {_ANSWER} to answer in text."
    return "\n".join(filter(None, (rule, answer_rule(request, what='"answer"'))))


def _instructed(messages: list[JsonObject], instruction: str, *, role: bool) -> list[JsonObject]:
    """Return the messages with the instruction at the end of the first system message."""
    first = messages[0]
    if first["role"] in ("system", "developer") or (not role and first["role"] == "user"):
        content = first["content"]
        if isinstance(content, list):
            extended: JsonValue = [*content, {"type": "text", "text": instruction}]
        else:
            extended = f"{text_of(content)}\n\n{instruction}"
        return [{**first, "content": extended}, *messages[1:]]
    return [{"role": "system" if role else "user", "content": instruction}, *messages]
