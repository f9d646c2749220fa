"""time_now: zones by their names, by city, by offset; and names that are attacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import pytest
from toolgate_tool_executor.tools.time_now import TimeNow

from tests.tool_executor.running import failure, run

MOMENT = datetime(2026, 11, 20, 22, 30, 15, 987654, tzinfo=UTC)


def clock() -> datetime:
    return MOMENT


async def tell(**arguments: Any) -> object:
    return (await run(TimeNow(clock), **arguments)).structured


async def test_time_is_utc_by_default() -> None:
    assert await tell() == {
        "time": "2026-11-20T22:30:15+00:00",
        "timezone": "UTC",
        "utc_offset": "+00:00",
        "weekday": "Friday",
    }


@pytest.mark.parametrize("written", ["Asia/Seoul", "asia/seoul", "Seoul", "seoul", " ASIA/SEOUL "])
async def test_zone_is_found_by_name_or_city_in_any_case(written: str) -> None:
    assert await tell(timezone=written) == {
        "time": "2026-11-21T07:30:15+09:00",
        "timezone": "Asia/Seoul",
        "utc_offset": "+09:00",
        "weekday": "Saturday",
    }


@pytest.mark.parametrize(
    ("written", "name", "offset"),
    [
        ("+05:30", "UTC+05:30", "+05:30"),
        ("-0330", "UTC-03:30", "-03:30"),
        ("UTC+9", "UTC+09:00", "+09:00"),
        ("gmt-3", "UTC-03:00", "-03:00"),
        ("Z", "UTC", "+00:00"),
        ("New York", "America/New_York", "-05:00"),
        ("America/Argentina/Buenos Aires", "America/Argentina/Buenos_Aires", "-03:00"),
    ],
)
async def test_offset_and_city_names_are_read(written: str, name: str, offset: str) -> None:
    report = await tell(timezone=written)
    assert isinstance(report, dict)
    assert (report["timezone"], report["utc_offset"]) == (name, offset)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("iso", "2026-11-21T07:30:15+09:00"),
        ("rfc2822", "Sat, 21 Nov 2026 07:30:15 +0900"),
        ("unix", 1795213815),
        ("human", "Saturday, 21 November 2026, 07:30:15 (Asia/Seoul)"),
    ],
)
async def test_time_is_written_as_asked(how: str, text: object) -> None:
    report = await tell(timezone="Asia/Seoul", format=how)
    assert isinstance(report, dict)
    assert report["time"] == text


async def test_every_zone_of_this_machine_and_of_tzdata_is_known() -> None:
    tool = TimeNow(clock)
    skipped = {"localtime"}
    unknown = [name for name in sorted(available_timezones() - skipped) if (await run(tool, timezone=name)).error]
    assert unknown == []


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("Asia/Soul", "the nearest names are Asia/Seoul, Asia/Oral, Asia/Kabul"),
        ("KST", "abbreviations are ambiguous; write an IANA name such as Asia/Seoul, or an offset such as +09:00"),
        ("+15:00", "write +05:30 or -08:00"),
        ("+05:75", "write +05:30 or -08:00"),
        ("?", "write an IANA name such as Europe/Paris, or an offset such as +05:30"),
    ],
)
async def test_unknown_zone_brings_a_hint(written: str, hint: str) -> None:
    error = failure(await run(TimeNow(clock), timezone=written))
    assert (error.code, error.hint) == ("invalid_arguments", hint)


@pytest.mark.parametrize(
    "attack",
    ["../../etc/passwd", "/etc/passwd", "A" * 10_000, "A" * 64, "\0", "UTC\0", "", " ", "America", ".", "zones", "tzdata.zi",
     "Asia/../UTC", "+٠٥:٣٠", "posix/UTC", "\ud800", "__init__.py"],
)  # fmt: skip
async def test_name_that_is_not_a_zone_is_refused(attack: str) -> None:
    error = failure(await run(TimeNow(clock), timezone=attack))
    assert error.code == "invalid_arguments"
    assert "/usr" not in error.message + error.hint
