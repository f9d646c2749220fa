"""Signals and callers request a drain, and then an end at once."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from toolgate_runtime.shutdown import Shutdown


@pytest.fixture
def hangup_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_second_request_ends_at_once() -> None:
    shutdown = Shutdown()
    shutdown.request()
    assert (shutdown.asked.is_set(), shutdown.at_once.is_set()) == (True, False)
    shutdown.request()
    assert shutdown.at_once.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_requests_a_drain(number: signal.Signals) -> None:
    shutdown = Shutdown.on_signals(hangup=True)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(shutdown.asked.wait(), 5)
    assert not shutdown.at_once.is_set()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(each)


@pytest.mark.usefixtures("hangup_ignored")
async def test_an_ignored_hangup_stays_ignored() -> None:
    shutdown = Shutdown.on_signals(hangup=True)
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(shutdown.asked.wait(), 5)
    assert not shutdown.at_once.is_set()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(each)
