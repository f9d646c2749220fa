"""Priority 4: pass 1 lets the model think in free text, pass 2 turns what it wrote into the decision.

Small models often know which tool to call and fail at writing the call. Pass 1 asks for plain words under no
constraint; pass 2 shows the model its own words and asks for the decision JSON alone.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.strategies.bridge import DECISION, conversation, toolless_request, tools_block
from toolgate_core.strategies.envelope import answer_rule, constrained, with_envelope_tokens, without_constraints
from toolgate_core.strategies.native import permitted
from toolgate_core.types.messages import text_message
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest, ToolDefinition
from toolgate_core.types.vocabulary import Strategy

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
    chat = effect.request
    request = without_constraints(toolless_request(effect))
    request = request.change(messages=conversation(effect, DECISION, _listing(chat)))
    # Nothing is constrained and no stop string is set: the draft is for the second pass alone.
    return Transformed(request, Plan(strategy=effect.strategy, form="text", dialect=DECISION, parallel=chat.parallel))


def _convert(effect: Transform, draft: str) -> Transformed:
    chat = effect.request
    messages = conversation(effect, DECISION, tools_block(chat, DECISION))
    # A model that wrote nothing in pass 1 is asked for the decision without its words.
    if draft.strip():
        messages = (*messages, text_message("assistant", draft[:MAX_DRAFT]), text_message("user", _CONVERT))
    request = without_constraints(toolless_request(effect)).change(messages=messages)
    # The envelope takes tokens without a grammar as well.
    request = constrained(request, chat) if effect.constrained else with_envelope_tokens(request)
    plan = Plan(
        strategy=effect.strategy,
        form="decision",
        dialect=DECISION,
        stop=chat.stop,
        parallel=chat.parallel,
        constrained=effect.constrained,
    )
    return Transformed(request, plan)


def _listing(request: ChatRequest) -> str:
    lines = [_line(tool) for tool in permitted(request)]
    rules = [_FORCED if request.tool_choice.forced else _FREE, answer_rule(request, what="An answer")]
    return "\n".join(filter(None, (_INTRO, "<tools>", *lines, "</tools>", *rules)))


def _line(tool: ToolDefinition) -> str:
    described: dict[str, JsonValue] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    # An empty description would only take tokens.
    line: JsonObject = {key: value for key, value in described.items() if value != ""}
    return encode_str(line)


TWO_PASS = StrategySpec(
    strategy=Strategy.TWO_PASS,
    transform=transform,
    native_tools=False,
    grammar="if_possible",
    sends_constraints=False,
    serves_none=False,
    drafts=True,
)
