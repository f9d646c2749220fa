"""The upstream request for one attempt, and the plan for its answer. Every strategy has its own module."""

from __future__ import annotations

from collections.abc import Callable

from toolgate_core.ladder import bridge, guided, native, two_pass
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.vocabulary import Strategy

_STRATEGIES: dict[Strategy, Callable[[Transform], Transformed]] = {
    Strategy.NATIVE: native.transform,
    Strategy.GUIDED: guided.transform,
    Strategy.BRIDGE: bridge.transform,
    Strategy.TWO_PASS: two_pass.transform,
}


def transform(effect: Transform) -> Transformed:
    """Return what goes upstream for `effect` and how its answer is to be read.

    The request's own body is never changed, but parts of it are shared with the result.
    """
    return _STRATEGIES[effect.strategy](effect)
