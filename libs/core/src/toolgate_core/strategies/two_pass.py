"""Priority 4: pass 1 lets the model think in free text, pass 2 turns what it wrote into the decision."""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.strategies.bridge import DECISION, bare, conversation, tools_block
from toolgate_core.strategies.envelope import answer_rule, constrain, emulated, widen
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, ToolDefinition

MAX_DRAFT = 8_000
"""Characters of the first pass that the second one is shown."""

_INTRO = "You can use these tools. Each line is one tool: its name, what it does, and the JSON Schema of its arguments."
_FREE = (
    "Do not call a tool yet. Think about the last message and say in plain words what should happen next: which tool "
    "to call, with which value for each argument, or, if no tool is needed, what the answer is."
)
_FORCED = (
    "Do not call a tool yet. Think about the last message and say in plain words which tool to call next, with which "
    "value for each argument. A tool has to be called."
)
_CONVERT = "Now write what you decided as the JSON object described above, and nothing else."


def transform(effect: Transform) -> Transformed:
    """Return the request of pass 1 where the effect has no draft, of pass 2 where it has one."""
    return _think(effect) if effect.draft is None else _convert(effect, effect.draft)


def _think(effect: Transform) -> Transformed:
    request = effect.request
    body = emulated(bare(effect))
    body["messages"] = conversation(effect, DECISION, _listing(request))
    return Transformed(body, Plan(strategy=effect.strategy, form="text", dialect=DECISION, parallel=request.parallel))


def _convert(effect: Transform, draft: str) -> Transformed:
    request = effect.request
    body = emulated(bare(effect))
    if effect.constrained:
        constrain(body, request)
    else:
        widen(body)
    messages = conversation(effect, DECISION, tools_block(request, DECISION))
    if draft.strip():
        messages.append({"role": "assistant", "content": draft[:MAX_DRAFT]})
        messages.append({"role": "user", "content": _CONVERT})
    body["messages"] = messages
    plan = Plan(
        strategy=effect.strategy,
        form="decision",
        dialect=DECISION,
        stop=request.stop,
        parallel=request.parallel,
        constrained=effect.constrained,
    )
    return Transformed(body, plan)


def _listing(request: ChatRequest) -> str:
    choice = request.tool_choice
    lines = [_line(tool) for tool in request.tools if choice.permits(tool.name)]
    rules = [_FORCED if choice.forced else _FREE, answer_rule(request, what="An answer")]
    return "\n".join(filter(None, (_INTRO, "<tools>", *lines, "</tools>", *rules)))


def _line(tool: ToolDefinition) -> str:
    described: dict[str, JsonValue] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    line: JsonObject = {key: value for key, value in described.items() if value != ""}
    return encode_str(line)
