"""The interface of a strategy: its transform, and its requirements on the upstream and the client's request.

Selection, the ladder, the command line and the wire read these statements instead of asking for a strategy by name, so
that the next strategy is one module and one row of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from toolgate_core.types.effect import Effect
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest, ModelRequest
from toolgate_core.types.vocabulary import Strategy

Grammar: TypeAlias = Literal["never", "if_possible", "always"]
"""Whether a grammar enforces the form of the answer: never, where the upstream has one, or as a condition."""


class Transformed(Struct, frozen=True):
    """What one attempt sends, and the plan for its answer."""

    request: ModelRequest
    plan: Plan


class Transform(Effect[Transformed], frozen=True, kw_only=True):
    """Write the upstream request for a strategy. Reply: `Transformed`.

    `dialect`: what the bridge writes where the upstream has no constraint, and what may be in the text of a native
    answer. `constrained`: ask the upstream to enforce the answer's form. `fault`: why the attempt before this one of
    the same strategy failed, to be quoted. `draft`: the text of pass 1, for the second pass of `two_pass`; unset
    otherwise. `reasoning_open`: the upstream's answers begin inside reasoning.
    """

    request: ChatRequest
    strategy: Strategy
    dialect: str
    constrained: bool
    capabilities: Capabilities = Capabilities()
    fault: Fault | None = None
    draft: str | None = None
    reasoning_open: bool = False


class StrategySpec(Struct, frozen=True, kw_only=True):
    """One strategy.

    Attributes:
        strategy: its name and priority.
        transform: writes the request and the plan for one attempt.
        native_tools: it uses the upstream's own tool calling, and so needs an upstream that has it.
        grammar: whether the decision's schema goes upstream as a grammar; `always` needs an upstream that has one.
        sends_constraints: the client's own constraints, stop strings and log probabilities go upstream as they are, and
            the answer is the model's own text; otherwise they are applied by the gateway, or not at all.
        serves_none: it has a form for requests that forbid calls.
        drafts: it asks twice: for a draft in free text, then for the decision.
        unchanged: the client's own request goes upstream, hardly changed. It therefore serves requests without tools,
            and is written in the gateway: a call to the transformer costs more than the work.
        routes: it asks for a decision between a call and an answer before either is written. A ladder that has such a
            strategy can confirm plain text.
    """

    strategy: Strategy
    transform: Callable[[Transform], Transformed]
    native_tools: bool
    grammar: Grammar
    sends_constraints: bool
    serves_none: bool
    drafts: bool = False
    unchanged: bool = False
    routes: bool = False
