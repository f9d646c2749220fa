"""A limit of the table is checked for every authenticated request, whatever serves it."""

from __future__ import annotations

import pytest
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_gateway.caller import Caller
from toolgate_gateway.http.limits import table
from toolgate_gateway.http.limits.base import LimitDeps

from tests.gateway.running import MODEL, WEATHER_ANSWER, asked, gateway


class TwoRequests:
    """Allows each caller two requests a minute, counted in the store."""

    def __init__(self, deps: LimitDeps) -> None:
        self._store = deps.store
        self._now = deps.now

    async def check(self, caller: Caller) -> None:
        window = int(self._now()) // 60
        if await self._store.increment(f"requests:{caller.id}:{window}", ttl_s=60) > 2:
            raise FailureError(Failure(kind=FailureKind.LIMITED, message="Two requests a minute.", retry_after_s=60))


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LIMITS", (TwoRequests,))


@pytest.mark.usefixtures("limited")
async def test_a_limit_counts_all_routes_of_a_caller() -> None:
    async with gateway(WEATHER_ANSWER, api_keys=["k1", "k2"]) as running:
        first = await running.post(asked(), authorization="Bearer k1")
        second = await running.post({"model": MODEL, "input": "hi"}, "/v1/embeddings", authorization="Bearer k1")
        third = await running.post(asked(), authorization="Bearer k1")
        other = await running.post(asked(), authorization="Bearer k2")
    assert [response.status_code for response in (first, second, third, other)] == [200, 200, 429, 200]
    assert third.headers["retry-after"] == "60"


@pytest.mark.usefixtures("limited")
async def test_probes_and_rejected_keys_do_not_count() -> None:
    async with gateway(WEATHER_ANSWER, api_keys=["k1"]) as running:
        for _ in range(3):
            await running.http.get(running.url + "/livez")
            await running.post(asked(), authorization="Bearer wrong")
        response = await running.post(asked(), authorization="Bearer k1")
    assert response.status_code == 200
