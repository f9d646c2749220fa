"""Knowledge of a model's upstream: a run receives a frozen snapshot and returns observations.

A run never sees a memory that changes under it, and never writes to one: it takes a `Knowledge` and leaves
`Observation`s. The gateway folds them in behind a port (`LearnedKnowledge`), so that where knowledge lives (this
process, a shared store) is no concern of the ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from toolgate_core.types.requests import ChatRequest, ToolChoiceMode
from toolgate_core.types.vocabulary import Strategy

Form: TypeAlias = tuple[Strategy, bool, ToolChoiceMode, frozenset[str]]
"""What was asked for: strategy, constrained or not, the tool choice, and the fields that not every upstream knows."""

_KNOWN = frozenset(
    (
        *("model", "messages", "tools", "tool_choice", "stream", "stream_options", "n", "stop", "user", "seed"),
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "frequency_penalty", "presence_penalty"),
    )
)
"""Fields that every server takes; any other one may be why a request is refused."""
_NO_FIELDS: frozenset[str] = frozenset()


def form_of(request: ChatRequest, strategy: Strategy, *, constrained: bool) -> Form:
    """Return the form of a strategy's upstream request."""
    given = request.source.texts
    # Most requests have only known fields; one shared empty set saves making one for each.
    fields = _NO_FIELDS if _KNOWN.issuperset(given) else frozenset(given.keys() - _KNOWN)
    return strategy, constrained, request.tool_choice.mode, fields


class Knowledge(Struct, frozen=True, kw_only=True):
    """What is known about an upstream, for the requests with one toolset.

    Attributes:
        unsupported: forms that it would refuse.
        simple_history: it takes histories only after they have been simplified.
    """

    unsupported: frozenset[Form] = frozenset()
    simple_history: bool = False


NOTHING_KNOWN = Knowledge()


class FormAccepted(Struct, frozen=True):
    """The upstream took a request of this form."""

    form: Form


class FormRefused(Struct, frozen=True, kw_only=True):
    """The upstream refused a request of this form, and took another form of the same request, which is the proof.

    `feature`: it does not know a field or a feature; otherwise only the schemas of this toolset are at fault.
    """

    form: Form
    feature: bool


class HistorySimplified(Struct, frozen=True):
    """The upstream refused a history, and took it after it had been simplified."""


Observation: TypeAlias = FormAccepted | FormRefused | HistorySimplified


class LearnedKnowledge(Protocol):
    """The port to what is known about one model. `now`: seconds of the caller's clock. `tools_json`: the toolset."""

    def snapshot(self, tools_json: bytes, now: float) -> Knowledge:
        """Return what is known now."""

    def fold(self, tools_json: bytes, observations: Sequence[Observation], now: float) -> None:
        """Add what a run has observed, in its order."""
