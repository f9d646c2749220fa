"""The table of strategies: one module and one row each, in the order of their priorities."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from toolgate_core.dialects.table import find_dialect
from toolgate_core.strategies import bridge, guided, native, two_pass
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.types.vocabulary import Strategy

_ROWS = (
    StrategySpec(
        strategy=Strategy.NATIVE,
        transform=native.transform,
        native_tools=True,
        grammar="never",
        sends_constraints=True,
        serves_none=True,
    ),
    StrategySpec(
        strategy=Strategy.GUIDED,
        transform=guided.transform,
        native_tools=True,
        grammar="always",
        sends_constraints=False,
        serves_none=False,
    ),
    StrategySpec(
        strategy=Strategy.BRIDGE,
        transform=bridge.transform,
        native_tools=False,
        grammar="if_possible",
        sends_constraints=False,
        serves_none=True,
    ),
    StrategySpec(
        strategy=Strategy.TWO_PASS,
        transform=two_pass.transform,
        native_tools=False,
        grammar="if_possible",
        sends_constraints=False,
        serves_none=False,
        drafts=True,
    ),
)

STRATEGIES: Mapping[Strategy, StrategySpec] = MappingProxyType({row.strategy: row for row in _ROWS})
"""Every strategy by its name."""


def transform(effect: Transform) -> Transformed:
    """Return what goes upstream for `effect` and how its answer is to be read.

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
