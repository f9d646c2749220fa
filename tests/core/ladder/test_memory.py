"""What is remembered of refusals: by toolset, for all only after different ones, and never against what was accepted."""

from __future__ import annotations

from toolgate_core.ladder import LadderMemory
from toolgate_core.ladder.memory import DIFFERENT_TOOLSETS, Form
from toolgate_core.limits import MAX_REMEMBERED_REFUSALS
from toolgate_core.types.vocabulary import Strategy

NATIVE: Form = (Strategy.NATIVE, False, "auto", frozenset())
NAMED: Form = (Strategy.NATIVE, False, "named", frozenset())


def test_a_refused_schema_is_remembered_for_its_toolset_alone() -> None:
    memory = LadderMemory()
    for toolset in range(DIFFERENT_TOOLSETS + 1):
        memory.refuse(NATIVE, toolset, 0.0, feature=False)
    assert memory.unsupported(NATIVE, 0, 1.0)
    assert not memory.unsupported(NATIVE, 99, 1.0)
    assert not memory.unsupported(NAMED, 0, 1.0)


def test_a_missing_feature_is_known_after_different_requests_were_refused() -> None:
    memory = LadderMemory()
    for count, toolset in enumerate((1, 1, 1, 2, 3, 4)):
        memory.refuse(NATIVE, toolset, 0.0, feature=True)
        assert memory.unsupported(NATIVE, 99, 1.0) is (count >= 4)
    assert not memory.unsupported(NAMED, 99, 1.0)


def test_what_is_accepted_is_supported_whatever_others_are_told() -> None:
    memory = LadderMemory()
    for toolset in (1, 2, 3):
        memory.refuse(NATIVE, toolset, 0.0, feature=True)
    memory.accept(NATIVE, 7, 1.0)
    assert not memory.unsupported(NATIVE, 99, 2.0)
    assert memory.unsupported(NATIVE, 1, 2.0)
    for toolset in (4, 5, 6, 7):
        memory.refuse(NATIVE, toolset, 3.0, feature=True)
    assert not memory.unsupported(NATIVE, 99, 4.0)
    assert not memory.unsupported(NATIVE, 7, 4.0)


def test_everything_is_forgotten_in_time() -> None:
    memory = LadderMemory(ttl_s=60.0)
    for toolset in (1, 2, 3):
        memory.refuse(NATIVE, toolset, 0.0, feature=True)
    memory.simplify(0.0)
    assert (memory.unsupported(NATIVE, 1, 59.0), memory.wants_simple(59.0)) == (True, True)
    memory.refuse(NAMED, 1, 59.0, feature=False)
    assert (memory.unsupported(NATIVE, 1, 60.0), memory.wants_simple(60.0)) == (False, False)
    assert not memory.unsupported(NATIVE, 99, 60.0)


def test_the_memory_is_bounded_and_the_oldest_gives_way() -> None:
    memory = LadderMemory()
    for toolset in range(MAX_REMEMBERED_REFUSALS + 1):
        memory.refuse(NATIVE, toolset, 0.0, feature=False)
    assert not memory.unsupported(NATIVE, 0, 1.0)
    assert memory.unsupported(NATIVE, 1, 1.0)


def test_nothing_refused_means_nothing_unsupported() -> None:
    memory = LadderMemory()
    memory.accept(NATIVE, 1, 0.0)
    assert (memory.knows_refusals(1.0), memory.unsupported(NATIVE, 1, 1.0)) == (False, False)
