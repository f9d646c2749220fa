"""The promises of every strategy: a module, a row that makes its request, a place in the ladder, a priority."""

from __future__ import annotations

from importlib import import_module

import pytest
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.table import STRATEGIES, transform
from toolgate_core.types.vocabulary import Strategy

from tests.core.strategies.test_transform import request_of


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_makes_a_request_and_its_plan(strategy: Strategy) -> None:
    grammar = STRATEGIES[strategy].grammar != "never"
    made = transform(Transform(request=request_of(), strategy=strategy, constrained=grammar, dialect="hermes"))
    assert made.request.messages
    assert made.plan.strategy is strategy


def test_the_table_has_a_row_for_every_strategy_in_their_order() -> None:
    assert [row.strategy for row in STRATEGIES.values()] == list(STRATEGIES) == list(Strategy)


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_has_a_module_of_its_name(strategy: Strategy) -> None:
    assert import_module(f"toolgate_core.strategies.{strategy.value}").__doc__


def test_priorities_are_the_places_in_the_list() -> None:
    assert [strategy.priority for strategy in Strategy] == list(range(1, len(Strategy) + 1))
