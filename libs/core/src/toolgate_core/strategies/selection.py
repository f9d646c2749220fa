"""Which strategies a request gets, in order: policy, narrowed by mode, by `tool_choice` and by what is asked for."""

from __future__ import annotations

from toolgate_core.schema.answer import answer_schema, is_constrained
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, Strategy

_OWN_TOOL_CALLING = frozenset({Strategy.NATIVE, Strategy.GUIDED})
_OTHER_CONSTRAINTS = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")


def strategies_for(request: ChatRequest, policy: Policy, mode: Mode) -> tuple[Strategy, ...]:
    """Return the strategies to try; empty where none can serve the request."""
    if not request.tools:
        return (Strategy.NATIVE,)  # no tool calling to emulate: the request as it is
    ladder = policy.ladder
    capabilities = policy.capabilities
    choice = request.tool_choice.mode
    if choice == "auto" and policy.auto_start in ladder:
        ladder = ladder[ladder.index(policy.auto_start) :]
    if mode is Mode.EMULATE or not capabilities.tools:
        ladder = tuple(strategy for strategy in ladder if strategy not in _OWN_TOOL_CALLING)
    if not capabilities.json_schema:
        ladder = tuple(strategy for strategy in ladder if strategy is not Strategy.GUIDED)
    constrained = is_constrained(request)
    if request.logprobs or (constrained and unconstrainable(request)):
        # The tokens of an envelope are not the tokens of the answer, and no schema says what a regex does.
        ladder = tuple(strategy for strategy in ladder if strategy is Strategy.NATIVE)
    if choice == "none":
        # No call can come of it: what is left to fall back from is an upstream that does not know tools.
        ladder = tuple(strategy for strategy in ladder if strategy in (Strategy.NATIVE, Strategy.BRIDGE))
    elif constrained and choice == "auto" and not capabilities.format_with_tools and answer_schema(request) is not None:
        # Constrained from the first token on, as by vLLM, a native answer could never be a call.
        ladder = tuple(strategy for strategy in ladder if strategy is not Strategy.NATIVE) or ladder
    return ladder


def unconstrainable(request: ChatRequest) -> str:
    """Return the field that constrains the answer in a way that no JSON Schema can say; empty where none does."""
    if answer_schema(request) is not None:
        return ""
    if request.response_format is not None:
        return f"response_format.{request.response_format['type']}"
    structured = request.body.get("structured_outputs")
    if structured is not None:
        kinds = structured.keys() if isinstance(structured, dict) else ()
        return f"structured_outputs.{next(iter(kinds), '')}".rstrip(".")
    return next((field for field in _OTHER_CONSTRAINTS if request.body.get(field) is not None), "")
