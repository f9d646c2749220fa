"""Selects the strategies of a request, in order: by policy, mode, `tool_choice` and constraints.

The rules read what the strategies state (`StrategySpec`); none of them names a strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from toolgate_core.schema.answer import answer_schema, is_constrained
from toolgate_core.strategies.base import StrategySpec
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, Strategy

_Rule: TypeAlias = Callable[[StrategySpec], bool]
_UNCHANGED = tuple(row.strategy for row in STRATEGIES.values() if row.unchanged)
_OTHER_CONSTRAINTS = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")


def strategies_for(request: ChatRequest, policy: Policy, mode: Mode) -> tuple[Strategy, ...]:
    """Return the strategies to try; empty where none can serve the request."""
    if not request.tools:
        return _UNCHANGED  # there is no tool calling to emulate
    choice = request.tool_choice.mode
    capabilities = policy.capabilities
    # `auto_start` holds for `auto` alone: a forced call takes the whole ladder.
    ladder = _ladder_from(policy, policy.auto_start if choice == "auto" else None)
    if mode is Mode.EMULATE or not capabilities.tools:
        ladder = _only(ladder, lambda row: not row.native_tools)
    if not capabilities.json_schema:
        ladder = _only(ladder, lambda row: row.grammar != "always")
    constrained = is_constrained(request)
    if request.logprobs or (constrained and unconstrainable(request)):
        # The tokens of an envelope are not the tokens of the answer, and no schema expresses a regex.
        ladder = _only(ladder, lambda row: row.sends_constraints)
    if choice == "none":
        # No call can follow: the only reason to fall back is an upstream that does not know tools.
        ladder = _only(ladder, lambda row: row.serves_none)
    elif constrained and choice == "auto" and not capabilities.format_with_tools and answer_schema(request) is not None:
        # Constrained from the first token on, as by vLLM, a native answer could never be a call.
        ladder = _only(ladder, lambda row: not row.sends_constraints) or ladder
    return ladder


def _ladder_from(policy: Policy, start: Strategy | None) -> tuple[Strategy, ...]:
    # A start that the ladder does not contain is ignored rather than leaving no strategy.
    return policy.ladder[policy.ladder.index(start) :] if start in policy.ladder else policy.ladder


def _only(ladder: Iterable[Strategy], rule: _Rule) -> tuple[Strategy, ...]:
    return tuple(strategy for strategy in ladder if rule(STRATEGIES[strategy]))


def unconstrainable(request: ChatRequest) -> str:
    """Return the field that constrains the answer in a way that no JSON Schema expresses; empty where none does."""
    if answer_schema(request) is not None:
        return ""
    if request.response_format is not None:
        return f"response_format.{request.response_format.kind}"
    structured = request.fields.get("structured_outputs")
    if structured is not None:
        kinds = structured.keys() if isinstance(structured, dict) else ()
        return f"structured_outputs.{next(iter(kinds), '')}".rstrip(".")
    return next((field for field in _OTHER_CONSTRAINTS if request.fields.get(field) is not None), "")
