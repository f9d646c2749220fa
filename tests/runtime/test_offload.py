"""Heavy work runs beside the event loop, in the context of its request."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest
from toolgate_runtime import offload

NAME: ContextVar[str] = ContextVar("name", default="")


async def test_only_heavy_work_leaves_the_thread_of_the_loop() -> None:
    assert await offload.run(threading.get_ident, heavy=False) == threading.get_ident()
    assert await offload.run(threading.get_ident, heavy=True) != threading.get_ident()


async def test_work_in_a_thread_knows_its_request_and_raises_as_it_would() -> None:
    NAME.set("request")
    assert await offload.run(NAME.get, heavy=True) == "request"
    with pytest.raises(ZeroDivisionError):
        await offload.run(lambda: 1 // 0, heavy=True)
