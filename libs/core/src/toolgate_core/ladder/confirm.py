"""The steps of a ladder: a strategy, or a strategy whose plain text another one has to confirm.

Some models answer in words where they should call a tool. With `confirm_plain_text` their text is held, and the
strategies after it (first the bridge's routing decision) are asked: one that decides for a call delivers it, and one
that decides for an answer releases the held text, which was written with the model's own tools in mind.
`ConfirmPlainText` is that rule around any strategy; the strategies themselves know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol, TypeAlias

from toolgate_core.ladder.effects import EffectGenerator
from toolgate_core.ladder.outcome import Answer
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.failures import Failure
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Strategy

Result: TypeAlias = Answer | Failure
"""How a run ends."""


class TextRole(Enum):
    """The meaning of a strategy's legitimate text for its run."""

    ANSWER = "answer"
    UNCONFIRMED = "unconfirmed"
    """It is held until another strategy agrees."""
    CONFIRMS = "confirms"
    """It agrees with text that is held, and is not sent itself."""


class Runner(Protocol):
    """The interface of a run that steps use."""

    def try_strategy(self, strategy: Strategy, role: TextRole) -> EffectGenerator[Result | None]:
        """Try a strategy as often as policy allows; None: the next step follows."""

    @property
    def holds_text(self) -> bool:
        """Whether text is held until it is confirmed."""

    @property
    def is_over(self) -> bool:
        """Whether no attempt may follow."""


class Step(Protocol):
    """One step of a ladder."""

    def run(self, runner: Runner) -> EffectGenerator[Result | None]:
        """Take the step; None: the next one follows."""


class TryStrategy:
    """A strategy whose text is an answer."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def run(self, runner: Runner) -> EffectGenerator[Result | None]:
        """Try the strategy."""
        return runner.try_strategy(self._strategy, TextRole.ANSWER)


class ConfirmPlainText:
    """A strategy whose text has to be confirmed by one of `confirming`, in their order."""

    def __init__(self, strategy: Strategy, confirming: tuple[Strategy, ...]) -> None:
        self._strategy = strategy
        self._confirming = confirming

    def run(self, runner: Runner) -> EffectGenerator[Result | None]:
        """Try the strategy; where it brings text, ask the confirming ones."""
        ended = yield from runner.try_strategy(self._strategy, TextRole.UNCONFIRMED)
        # A call, or a failure of the strategy, needs no confirmation.
        if ended is not None or not runner.holds_text:
            return ended
        for strategy in self._confirming:
            # The budget ended before a confirmation; the held text is then the last resort.
            if runner.is_over:
                return None
            ended = yield from runner.try_strategy(strategy, TextRole.CONFIRMS)
            if ended is not None:
                return ended
        return None


def steps_for(strategies: tuple[Strategy, ...], request: ChatRequest, policy: Policy) -> Iterator[Step]:
    """Yield the steps of a ladder of these strategies; most requests need the first one alone.

    Only the model's own text needs a confirmation, and only under `auto`. A strategy with native tools cannot confirm
    it: it would show the model the tools that it has just chosen not to call.
    """
    # Without a routing decision there is nothing to ask: the text is the answer.
    asked = request.tool_choice.mode == "auto" and policy.confirm_plain_text
    confirms = asked and any(STRATEGIES[strategy].routes for strategy in strategies)
    for at, strategy in enumerate(strategies):
        # Under a grammar text is a decision already.
        if confirms and STRATEGIES[strategy].grammar == "never":
            confirming = tuple(later for later in strategies[at + 1 :] if not STRATEGIES[later].native_tools)
            yield ConfirmPlainText(strategy, confirming)
        else:
            yield TryStrategy(strategy)
