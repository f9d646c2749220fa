"""The upstream request for one attempt, and the plan for its answer. Every strategy has its own module."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from toolgate_core.dialects.table import find_dialect
from toolgate_core.ladder.effects import Transform, Transformed
from toolgate_core.strategies import bridge, guided, native, two_pass
from toolgate_core.types.vocabulary import Strategy

_STRATEGIES: dict[Strategy, Callable[[Transform], Transformed]] = {
    Strategy.NATIVE: native.transform,
    Strategy.GUIDED: guided.transform,
    Strategy.BRIDGE: bridge.transform,
    Strategy.TWO_PASS: two_pass.transform,
}


def transform(effect: Transform) -> Transformed:
    """Return what goes upstream for `effect` and how its answer is to be read.

    The request's own body is never changed, but parts of it are shared with the result. The dialect may have any name
    that it goes by, and has its own one in the plan.

    Raises:
        ValueError: nobody knows the dialect.
    """
    dialect = find_dialect(effect.dialect)
    if dialect is None:
        raise ValueError(f"unknown dialect: {effect.dialect}")
    if dialect.name != effect.dialect:
        effect = replace(effect, dialect=dialect.name)
    return _STRATEGIES[effect.strategy](effect)
