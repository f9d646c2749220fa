"""Which strategies a request gets, in order: policy, narrowed by mode, by `tool_choice` and by what is asked for."""

from __future__ import annotations

from toolgate_core.messages import ChatRequest
from toolgate_core.policy import Policy
from toolgate_core.vocabulary import Mode, Strategy

_OWN_TOOL_CALLING = frozenset({Strategy.NATIVE, Strategy.GUIDED})


def rungs(request: ChatRequest, policy: Policy, mode: Mode) -> tuple[Strategy, ...]:
    """Return the strategies to try; empty where none can serve the request."""
    ladder = policy.ladder
    capabilities = policy.capabilities
    choice = request.tool_choice.mode
    if choice == "auto" and policy.auto_start in ladder:
        ladder = ladder[ladder.index(policy.auto_start) :]
    if mode is Mode.EMULATE or not capabilities.tools:
        ladder = tuple(strategy for strategy in ladder if strategy not in _OWN_TOOL_CALLING)
    if not capabilities.json_schema:
        ladder = tuple(strategy for strategy in ladder if strategy is not Strategy.GUIDED)
    if request.logprobs:
        # The tokens of an envelope are not the tokens of the answer.
        ladder = tuple(strategy for strategy in ladder if strategy is Strategy.NATIVE)
    if choice == "none":
        # No call can come of it: what is left to fall back from is an upstream that does not know tools.
        ladder = tuple(strategy for strategy in ladder if strategy in (Strategy.NATIVE, Strategy.BRIDGE))
    return ladder
