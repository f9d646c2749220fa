"""The sink that writes one log line per chat or forwarded request; pages of the framework have none."""

from __future__ import annotations

from toolgate_gateway.telemetry.metrics import priority_label
from toolgate_gateway.telemetry.record import RequestKind, RequestRecord
from toolgate_gateway.telemetry.sinks.base import SinkDeps


class LogSink:
    """Writes the events `request` and `forwarded`, on level info."""

    def __init__(self, deps: SinkDeps) -> None:
        self._log = deps.log

    def write(self, record: RequestRecord) -> None:
        """Write the line of one request."""
        if not self._log.lines:
            return
        kind = record.route.kind
        if kind is RequestKind.CHAT:
            self._log.info("request", **_chat_fields(record))
        elif kind is RequestKind.FORWARDED:
            self._log.info("forwarded", **_forwarded_fields(record))


def _chat_fields(record: RequestRecord) -> dict[str, object]:
    times, ladder = record.times, record.ladder
    fields: dict[str, object] = {
        "model": record.model,
        "mode": record.mode,
        "stream": record.stream,
        "tool_choice": record.tool_choice,
        "status": record.status,
        "outcome": record.outcome,
        "priority": priority_label(ladder.served),
        "dur_ms": _ms(times.seconds),
    }
    if ladder.summaries:
        fields["attempts"] = ";".join(ladder.summaries)
    if repairs := [tag for answer in ladder.answers for tag in answer.repairs]:
        fields["repairs"] = repairs
    if times.first_token_s is not None:
        fields["ttft_ms"] = _ms(times.first_token_s)
    if record.code is not None:
        fields["code"] = record.code
    return fields


def _forwarded_fields(record: RequestRecord) -> dict[str, object]:
    fields: dict[str, object] = {
        "endpoint": record.route.endpoint,
        "upstream": record.upstream,
        "stream": record.stream,
        "status": record.status,
        "dur_ms": _ms(record.times.seconds),
    }
    if record.code:
        fields["code"] = record.code
    return fields


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
