"""The time, now, anywhere: IANA zones, city names and fixed offsets.

Names are looked up in the list that tzdata ships and only its own spelling reaches the file system, so that no path
that a model writes does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from toolgate_core.jsontext import JsonObject, JsonValue

from toolgate_tool_executor.tools.base import Arguments, Tool, ToolError

Format = Literal["iso", "rfc2822", "unix", "human"]
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII | re.IGNORECASE)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class TimeNowArguments(Arguments):
    """The arguments of time_now."""

    timezone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        description="IANA time zone such as Asia/Seoul, a city in its list such as Seoul, or an offset such as +05:30.",
        examples=["Asia/Seoul"],
    )
    format: Format = Field(
        default="iso",
        description="iso: 2026-11-20T14:05:09+09:00; rfc2822; unix: seconds since 1970; human: a sentence.",
        examples=["iso"],
    )


class TimeNow(Tool[TimeNowArguments]):
    """Reports the time of `clock`, which returns an aware time (default: the machine's)."""

    name: ClassVar[str] = "time_now"
    description: ClassVar[str] = "Tell the current date and time in a time zone, with weekday and offset from UTC."
    arguments: ClassVar[type[Arguments]] = TimeNowArguments
    timeout_s: ClassVar[float] = 2.0

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def run(self, arguments: TimeNowArguments) -> JsonValue:
        """Return the time; raise `ToolError` for a zone that is not known."""
        return await asyncio.to_thread(self._tell, arguments)  # the zone's file is read on first use

    def _tell(self, arguments: TimeNowArguments) -> JsonObject:
        name, zone = _zone(arguments.timezone)
        now = self._clock().astimezone(zone).replace(microsecond=0)
        return {
            "time": _written(now, arguments.format, name),
            "timezone": name,
            "utc_offset": f"{now:%z}"[:3] + ":" + f"{now:%z}"[3:5],
            "weekday": _DAYS[now.weekday()],
        }


def _written(now: datetime, how: Format, name: str) -> JsonValue:
    if how == "unix":
        return int(now.timestamp())
    if how == "rfc2822":
        return format_datetime(now)
    if how == "human":
        # not strftime, whose words follow the process's locale
        return f"{_DAYS[now.weekday()]}, {now.day} {_MONTHS[now.month - 1]} {now.year}, {now:%H:%M:%S} ({name})"
    return now.isoformat()


def _zone(written: str) -> tuple[str, tzinfo]:
    text = written.strip()
    if text in ("Z", "z"):
        return "UTC", UTC
    offset = _OFFSET.fullmatch(text)
    if offset:
        return _fixed(offset)
    name = _zones().get(_key(text))
    if name is None:
        raise ToolError("invalid_arguments", f"timezone: {_shown(text)} is not known", hint=_nearest(text))
    return name, ZoneInfo(name)


def _fixed(offset: re.Match[str]) -> tuple[str, tzinfo]:
    hours, minutes = int(offset[2]), int(offset[3] or 0)
    if hours > 14 or minutes > 59:
        raise ToolError("invalid_arguments", f"timezone: {offset[0]} is not an offset", hint="write +05:30 or -08:00")
    delta = timedelta(hours=hours, minutes=minutes)
    sign = -1 if offset[1] == "-" else 1
    return f"UTC{offset[1]}{hours:02}:{minutes:02}", timezone(sign * delta)


def _key(text: str) -> str:
    return text.casefold().replace(" ", "_")


@cache
def _zones() -> dict[str, str]:
    """Key to name: whole names, and cities (the last part) that only one zone has."""
    names = files("tzdata").joinpath("zones").read_text().split()
    cities: dict[str, set[str]] = {}
    for name in names:
        cities.setdefault(_key(name.rpartition("/")[2]), set()).add(name)
    out = {city: min(found) for city, found in cities.items() if len(found) == 1}
    return out | {_key(name): name for name in names}


def _nearest(text: str) -> str:
    zones = _zones()
    if text.isalpha() and text.isupper() and len(text) <= 5:
        # CST is three zones: a near spelling of an abbreviation is another abbreviation, not another guess
        return "abbreviations are ambiguous; write an IANA name such as Asia/Seoul, or an offset such as +09:00"
    near = dict.fromkeys(zones[key] for key in get_close_matches(_key(text), zones, n=6, cutoff=0.5))
    if not near:
        return "write an IANA name such as Europe/Paris, or an offset such as +05:30"
    return f"the nearest names are {', '.join(list(near)[:3])}"


def _shown(text: str) -> str:
    return repr(text[:64])
