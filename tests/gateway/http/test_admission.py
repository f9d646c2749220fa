"""So many at once, a queue behind them, and places that are never lost."""

import asyncio

import pytest
from toolgate_core.types.failures import FailureKind
from toolgate_gateway.http.admission import Admission, AdmissionError


def admission(*, limit: int = 1, queue: int = 1, wait_s: float = 5) -> Admission:
    return Admission(limit=limit, queue=queue, wait_s=wait_s)


async def test_the_longest_waiting_request_is_admitted_next() -> None:
    gate = admission(queue=3)
    assert gate.take()
    order: list[int] = []

    async def visit(number: int) -> None:
        await gate.wait()
        order.append(number)
        gate.release()

    tasks = [asyncio.create_task(visit(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert gate.queued == 3
    gate.release()
    await asyncio.gather(*tasks)
    assert (order, gate.in_flight, gate.queued) == ([0, 1, 2], 0, 0)


async def test_a_full_queue_and_a_long_wait_are_rejected() -> None:
    gate = admission(wait_s=0.01)
    assert gate.take()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    with pytest.raises(AdmissionError) as full:
        await gate.wait()
    assert full.value.reason == "queue_full"
    with pytest.raises(AdmissionError) as late:
        await waiting
    assert (late.value.reason, late.value.failure.kind) == ("queue_timeout", FailureKind.BUSY)
    assert (gate.in_flight, gate.queued) == (1, 0)


async def test_a_slot_given_to_a_cancelled_request_is_not_lost() -> None:
    gate = admission(queue=2)
    assert gate.take()
    gone, next_one = asyncio.create_task(gate.wait()), asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.release()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await next_one
    assert gate.in_flight == 1
    gate.release()
    assert gate.in_flight == 0


async def test_a_cancelled_request_leaves_the_queue() -> None:
    gate = admission()
    assert gate.take()
    gone = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert gate.queued == 0
    gate.release()
    assert gate.in_flight == 0
