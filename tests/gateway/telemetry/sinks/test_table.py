"""Every sink of the table receives one record of each request, whatever serves it."""

from __future__ import annotations

import logging

import pytest
from toolgate_core.types.vocabulary import RequestOutcome
from toolgate_gateway.caller import ANONYMOUS, caller_of
from toolgate_gateway.telemetry.record import RequestKind, RequestRecord
from toolgate_gateway.telemetry.sinks import table
from toolgate_gateway.telemetry.sinks.base import SinkDeps

from tests.gateway.running import MODEL, WEATHER_ANSWER, asked, gateway


class ListSink:
    """Keeps the records in a list."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []

    def write(self, record: RequestRecord) -> None:
        self.records.append(record)


class BrokenSink:
    """Fails at every record."""

    def write(self, record: RequestRecord) -> None:
        raise ValueError("the disk is full")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> ListSink:
    sink = ListSink()

    def create(_: SinkDeps) -> ListSink:
        return sink

    monkeypatch.setattr(table, "SINKS", (*table.SINKS, create))
    return sink


async def test_an_added_sink_receives_each_kind_of_request(added: ListSink) -> None:
    async with gateway(WEATHER_ANSWER) as running:
        await running.post(asked(), x_request_id="one")
        await running.post({"model": MODEL, "input": "hi"}, "/v1/embeddings")
        await running.http.get(running.url + "/v1/models")
    kinds = [(record.route.kind, record.route.label, record.status) for record in added.records]
    assert kinds == [
        (RequestKind.CHAT, "chat", 200),
        (RequestKind.FORWARDED, "embeddings", 200),
        (RequestKind.PAGE, "models", 200),
    ]
    chat = added.records[0]
    assert (chat.request_id, chat.caller, chat.ladder.summaries) == ("one", ANONYMOUS, ("native:ok",))
    assert added.records[1].upstream == "main"


async def test_a_record_names_the_caller_of_its_key(added: ListSink) -> None:
    async with gateway(WEATHER_ANSWER, api_keys=["k1", "k2"]) as running:
        await running.post(asked(), authorization="Bearer k2")
        await running.post(asked(), authorization="Bearer wrong")
    accepted, rejected = added.records
    assert (accepted.caller, rejected.caller) == (caller_of(b"k2"), None)
    assert (rejected.status, rejected.code, rejected.outcome) == (401, "invalid_api_key", RequestOutcome.CLIENT_ERROR)


async def test_a_sink_that_fails_disturbs_nothing_else(
    added: ListSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(table, "SINKS", (lambda _: BrokenSink(), *table.SINKS))
    with caplog.at_level(logging.ERROR, "toolgate"):
        async with gateway(WEATHER_ANSWER) as running:
            response = await running.post(asked())
    assert (response.status_code, len(added.records)) == (200, 1)
    assert [record.getMessage() for record in caplog.records] == ["defect"]
