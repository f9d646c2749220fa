"""What is promised for every strategy: a module, a row that makes its request, a place in the ladder, a priority."""

from __future__ import annotations

from importlib import import_module

import pytest
from toolgate_core.ladder.effects import Transform
from toolgate_core.strategies.table import transform
from toolgate_core.types.vocabulary import Strategy

from tests.core.strategies.test_transform import request_of


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_makes_a_request_and_a_plan_of_its_own(strategy: Strategy) -> None:
    made = transform(
        Transform(
            request=request_of(), strategy=strategy, constrained=strategy is not Strategy.NATIVE, dialect="hermes"
        )
    )
    assert made.body["messages"]


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_has_a_module_of_its_name(strategy: Strategy) -> None:
    assert import_module(f"toolgate_core.strategies.{strategy.value}").__doc__


def test_priorities_are_the_places_in_the_list() -> None:
    assert [strategy.priority for strategy in Strategy] == list(range(1, len(Strategy) + 1))
