"""What a log line says, and what it never says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from toolgate_runtime import logs, logwriter


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("toolgate")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        assert line.pop("ts").endswith("Z")
    return lines


def test_a_line_is_one_json_object_with_event_fields_and_request_id() -> None:
    stream = io.StringIO()
    log = logs.configure("extractor", stream=stream)
    token = logs.request_id.set("r1")
    log.info("served", ms=1.5, model="m", calls=("a", "b"))
    logs.request_id.reset(token)
    log.warning("odd")
    assert written(stream) == [
        {
            "level": "info",
            "service": "extractor",
            "msg": "served",
            "request_id": "r1",
            "ms": 1.5,
            "model": "m",
            "calls": ["a", "b"],
        },
        {"level": "warning", "service": "extractor", "msg": "odd"},
    ]


def test_stages_show_only_in_debug_mode() -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    logs.configure("s", stream=quiet).stage("transform")
    log = logs.configure("s", debug=True, stream=loud)
    assert log.stages
    log.stage("transform", strategy="bridge")
    assert written(quiet) == []
    assert written(loud) == [{"level": "debug", "service": "s", "msg": "transform", "strategy": "bridge"}]


def test_the_level_is_kept() -> None:
    stream = io.StringIO()
    log = logs.configure("s", level="error", stream=stream)
    log.warning("no")
    log.error("yes")
    assert [line["msg"] for line in written(stream)] == ["yes"]


def test_content_is_shown_only_with_the_setting() -> None:
    assert logs.Log().content("four") == "(4 characters)"
    assert logs.Log().content(b"four") == "(4 bytes)"
    assert logs.Log(show_content=True).content(b"f\xff") == "f�"


def test_credentials_are_masked_at_any_depth() -> None:
    stream = io.StringIO()
    logs.configure("s", stream=stream).info(
        "head sk-abcdefgh12",
        headers={"Authorization": "Bearer abc", "accept": "x"},
        api_key="k",
        list=[{"password": "p"}],
        note="sent Bearer abc.def to it",
        total_tokens=5,
        access_token="t",
        secret="",
    )
    assert written(stream) == [
        {
            "level": "info",
            "service": "s",
            "msg": "head ***",
            "headers": {"Authorization": "***", "accept": "x"},
            "api_key": "***",
            "list": [{"password": "***"}],
            "note": "sent *** to it",
            "total_tokens": 5,
            "access_token": "***",
            "secret": "",
        }
    ]


def test_lines_of_libraries_are_json_too_and_carry_their_logger() -> None:
    stream = io.StringIO()
    logs.configure("s", stream=stream)
    logging.getLogger("other").info("not this")
    logging.getLogger("other").warning("this %s", "one")
    assert written(stream) == [{"level": "warning", "service": "s", "msg": "this one", "logger": "other"}]


def test_an_error_is_logged_with_its_traceback() -> None:
    stream = io.StringIO()
    log = logs.configure("s", stream=stream)
    try:
        raise LookupError("Bearer abc")
    except LookupError as error:
        log.error("failed", error=error)
    (line,) = written(stream)
    assert line["error"].endswith("LookupError: ***")


def test_a_field_cannot_replace_what_every_line_has() -> None:
    stream = io.StringIO()
    logs.configure("s", stream=stream).info("event", level="x", service="y")
    assert written(stream) == [{"level": "info", "service": "s", "msg": "event"}]


def test_values_outside_json_are_written_as_text() -> None:
    stream = io.StringIO()
    logs.configure("s", stream=stream).info("event", thing=object, text="\ud800")
    (line,) = written(stream)
    assert line["text"] == "\ud800"
    assert line["thing"] == "<class 'object'>"


def test_an_unwritable_log_raises_no_error() -> None:
    stream = io.StringIO()
    log = logs.configure("s", stream=stream)
    stream.close()
    log.info("event")


def test_a_second_handler_gets_the_events_as_records(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    log = logs.configure("s", stream=stream)
    logging.getLogger().addHandler(caplog.handler)
    log.info("event", fact=1)
    assert written(stream) == [{"level": "info", "service": "s", "msg": "event", "fact": 1}]
    assert [record.getMessage() for record in caplog.records] == ["event"]


async def test_gathered_lines_are_written_together_and_in_order() -> None:
    stream = io.StringIO()
    log = logs.configure("s", stream=stream)
    with logs.gathered():
        token = logs.request_id.set("r1")
        log.info("first")
        logs.request_id.reset(token)
        log.info("second")
        assert written(stream) == []
        log.warning("third")
        assert [line["msg"] for line in written(stream)] == ["first", "second", "third"]
        log.info("fourth")
        logging.getLogger("other").warning("fifth")
        log.info("sixth")
        await asyncio.to_thread(log.info, "seventh")
        assert [line["msg"] for line in written(stream)][3:] == ["fourth", "fifth", "sixth", "seventh"]
        log.info("eighth")
    log.info("ninth")
    lines = written(stream)
    assert [line["msg"] for line in lines][7:] == ["eighth", "ninth"]
    assert [line.get("request_id") for line in lines[:2]] == ["r1", None]


async def test_warnings_are_written_at_once() -> None:
    class Watched(io.StringIO):
        def flush(self) -> None:
            reported.set()

    reported = asyncio.Event()
    stream = Watched()
    log = logs.configure("s", stream=stream)
    with logs.gathered():
        log.info("alone")
        await reported.wait()
        assert [line["msg"] for line in written(stream)] == ["alone"]


async def test_nothing_is_gathered_with_a_second_handler(caplog: pytest.LogCaptureFixture) -> None:
    logs.configure("s", stream=io.StringIO())
    logging.getLogger().addHandler(caplog.handler)
    with logs.gathered():
        logs.Log().info("event")
        assert [record.getMessage() for record in caplog.records] == ["event"]


async def test_a_hanging_reader_blocks_nothing_and_learns_of_lost_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logwriter, "MAX_WAITING_LOG_BYTES", 200_000)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        log = logs.configure("s", stream=stream)
        with logs.gathered():
            for number in range(5000):
                log.warning("event", number=number, text="x" * 200)
            logging.getLogger("other").warning("record")
            seen: list[dict[str, Any]] = []

            def read_all() -> None:
                while len(seen) + sum(line["count"] - 1 for line in seen if "count" in line) < 5001:
                    seen.append(json.loads(reader.readline()))

            await asyncio.to_thread(read_all)
            numbers = [line["number"] for line in seen if "number" in line]
            assert numbers == sorted(set(numbers))
            lost = sum(line["count"] for line in seen if line["msg"] == "log_lines_lost")
            assert 0 < lost < 5000
            assert lost + sum(line["msg"] != "log_lines_lost" for line in seen) == 5001
            log.warning("last")
        assert json.loads(reader.readline())["msg"] == "last"


async def test_a_process_ends_without_a_reader_of_its_log() -> None:
    program = """
import asyncio
from toolgate_runtime import logs
async def main():
    log = logs.configure("s")
    with logs.gathered():
        for number in range(3000):
            log.warning("event", text="x" * 200)
    log.warning("later")
    print("done", flush=True)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=(pipe := os.pipe())[1]
    )
    os.close(pipe[1])
    out, _ = await process.communicate()
    os.close(pipe[0])
    assert (out, process.returncode) == (b"done\n", 0)
