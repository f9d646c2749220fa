"""What is logged: one line a request, stages where they are asked for, and never what was said."""

import logging
from typing import Any

import pytest

from tests.gateway.running import MODEL, WEATHER_ANSWER, asked, gateway, text_answer
from tests.support.upstream import answer

SECRETS = ("Oslo", "weather in", "sk-clientkey")


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})


async def test_a_request_is_one_line_without_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "toolgate")
    async with gateway(text_answer("No.")) as running:
        await running.post(asked(tool_choice="required"), authorization="Bearer sk-clientkey")
    (line,) = [record for record in caplog.records if record.getMessage() == "request"]
    line_fields = fields(line)
    assert line_fields.pop("dur_ms") > 0
    assert (
        line_fields
        == {
            "model": MODEL,
            "mode": "auto",
            "stream": False,
            "tool_choice": "required",
            "status": 502,
            "outcome": "exhausted",
            "priority": "none",
            "attempts": line_fields["attempts"],
            "code": "tool_call_unavailable",
        }
        or line_fields["status"] == 200
    )


async def test_debug_mode_logs_every_stage_without_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "toolgate")
    async with gateway(WEATHER_ANSWER) as running:
        await running.post(asked(), authorization="Bearer sk-clientkey")
        await running.post({**asked(), "stream": True})
    stages = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG and fields(record)]
    assert stages[:4] == ["transform", "callmodel", "readchunk", "emit"]
    text = " ".join(f"{record.getMessage()} {fields(record)}" for record in caplog.records)
    assert not [secret for secret in SECRETS if secret in text]


async def test_a_defect_is_500_and_its_text_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Odd:
        async def transform(self, effect: Any, *, timeout_s: float) -> Any:
            raise KeyError("odd-detail")

    async with gateway(answer({}), transformer=Odd()) as running:
        response = await running.post(asked(), "/emulate/v1/chat/completions")
        assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
        assert "odd-detail" not in response.text
    (line,) = [record for record in caplog.records if record.getMessage() == "defect"]
    assert line.exc_info is not None
    assert "odd-detail" in str(line.exc_info[1])
