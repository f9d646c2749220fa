"""What is remembered of refusals: by toolset, for all only after different ones, and never against what was accepted."""

from __future__ import annotations

from toolgate_core.ladder import LadderMemory
from toolgate_core.ladder.knowledge import NOTHING_KNOWN, Form, FormAccepted, FormRefused, HistorySimplified
from toolgate_core.ladder.memory import DIFFERENT_TOOLSETS
from toolgate_core.limits import MAX_REMEMBERED_REFUSALS
from toolgate_core.types.vocabulary import Strategy

NATIVE: Form = (Strategy.NATIVE, False, "auto", frozenset())
NAMED: Form = (Strategy.NATIVE, False, "named", frozenset())


def tools(number: int) -> bytes:
    return f"[{number}]".encode()


def refuse(memory: LadderMemory, form: Form, toolset: int, now: float, *, feature: bool) -> None:
    memory.fold(tools(toolset), [FormRefused(form=form, feature=feature)], now)


def accept(memory: LadderMemory, form: Form, toolset: int, now: float) -> None:
    memory.fold(tools(toolset), [FormAccepted(form)], now)


def unsupported(memory: LadderMemory, form: Form, toolset: int, now: float) -> bool:
    return form in memory.snapshot(tools(toolset), now).unsupported


def test_a_refused_schema_is_remembered_for_its_toolset_alone() -> None:
    memory = LadderMemory()
    for toolset in range(DIFFERENT_TOOLSETS + 1):
        refuse(memory, NATIVE, toolset, 0.0, feature=False)
    assert unsupported(memory, NATIVE, 0, 1.0)
    assert not unsupported(memory, NATIVE, 99, 1.0)
    assert not unsupported(memory, NAMED, 0, 1.0)


def test_a_missing_feature_is_known_after_different_requests_were_refused() -> None:
    memory = LadderMemory()
    for count, toolset in enumerate((1, 1, 1, 2, 3, 4)):
        refuse(memory, NATIVE, toolset, 0.0, feature=True)
        assert unsupported(memory, NATIVE, 99, 1.0) is (count >= 4)
    assert not unsupported(memory, NAMED, 99, 1.0)


def test_what_is_accepted_is_supported_whatever_others_observe() -> None:
    memory = LadderMemory()
    for toolset in (1, 2, 3):
        refuse(memory, NATIVE, toolset, 0.0, feature=True)
    accept(memory, NATIVE, 7, 1.0)
    assert not unsupported(memory, NATIVE, 99, 2.0)
    assert unsupported(memory, NATIVE, 1, 2.0)
    for toolset in (4, 5, 6, 7):
        refuse(memory, NATIVE, toolset, 3.0, feature=True)
    assert not unsupported(memory, NATIVE, 99, 4.0)
    assert not unsupported(memory, NATIVE, 7, 4.0)


def test_everything_is_forgotten_in_time() -> None:
    memory = LadderMemory(ttl_s=60.0)
    for toolset in (1, 2, 3):
        refuse(memory, NATIVE, toolset, 0.0, feature=True)
    memory.fold(tools(1), [HistorySimplified()], 0.0)
    assert (unsupported(memory, NATIVE, 1, 59.0), memory.snapshot(tools(9), 59.0).simple_history) == (True, True)
    refuse(memory, NAMED, 1, 59.0, feature=False)
    assert (unsupported(memory, NATIVE, 1, 60.0), memory.snapshot(tools(9), 60.0).simple_history) == (False, False)
    assert not unsupported(memory, NATIVE, 99, 60.0)


def test_the_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    memory = LadderMemory()
    for toolset in range(MAX_REMEMBERED_REFUSALS + 1):
        refuse(memory, NATIVE, toolset, 0.0, feature=False)
    assert not unsupported(memory, NATIVE, 0, 1.0)
    assert unsupported(memory, NATIVE, 1, 1.0)


def test_nothing_refused_means_nothing_is_known() -> None:
    memory = LadderMemory()
    accept(memory, NATIVE, 1, 0.0)
    assert memory.snapshot(tools(1), 1.0) is NOTHING_KNOWN


def test_a_history_that_has_to_be_simple_is_known_without_a_refused_form() -> None:
    memory = LadderMemory()
    memory.fold(tools(1), [HistorySimplified()], 0.0)
    known = memory.snapshot(tools(2), 1.0)
    assert (known.simple_history, known.unsupported) == (True, frozenset())


def test_a_snapshot_does_not_change_with_the_memory() -> None:
    memory = LadderMemory()
    refuse(memory, NATIVE, 1, 0.0, feature=False)
    known = memory.snapshot(tools(1), 1.0)
    accept(memory, NATIVE, 1, 2.0)
    assert NATIVE in known.unsupported
    assert not unsupported(memory, NATIVE, 1, 2.0)
