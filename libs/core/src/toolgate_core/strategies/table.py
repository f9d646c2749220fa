"""The table of strategies: a module each, whose `StrategySpec` is its row, in the order of their priorities."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from toolgate_core.dialects.table import find_dialect
from toolgate_core.strategies import bridge, guided, native, two_pass
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.types.vocabulary import Strategy

_ROWS = (
    native.NATIVE,
    guided.GUIDED,
    bridge.BRIDGE,
    two_pass.TWO_PASS,
)

STRATEGIES: Mapping[Strategy, StrategySpec] = MappingProxyType({row.strategy: row for row in _ROWS})
"""Every strategy by its name."""


def transform(effect: Transform) -> Transformed:
    """Return the upstream request for `effect`, and the plan for its answer.

    The client's request is never changed, but parts of it are shared with the result. The dialect may have any of its
    names; the plan has its canonical one.

    Raises:
        ValueError: the dialect is unknown.
    """
    dialect = find_dialect(effect.dialect)
    if dialect is None:
        raise ValueError(f"unknown dialect: {effect.dialect}")
    if dialect.name != effect.dialect:
        effect = replace(effect, dialect=dialect.name)
    return STRATEGIES[effect.strategy].transform(effect)
