"""Facts from the results of tools, for an answer in a required form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from toolgate_simulator.arithmetic import number
from toolgate_simulator.jsonfind import find_json
from toolgate_simulator.values import MISSING

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]{0,14}(?:\.\d{1,9})?(?![\w.]*\w)")
_LINE = re.compile(r"^\s*(?:[-*]\s*)?([A-Za-z][\w ]{1,40}?)\s*[:=]\s*(\S.*?)\s*$", re.MULTILINE)
_MAX_DEPTH = 4
_MOST_TEXT = 20_000


def reported_fact(name: str, results: Sequence[str]) -> Any:
    """Return what the results say under a property's name, the newest first; `MISSING` where none says it."""
    wanted = _plain(name)
    if len(wanted) < 2:
        return MISSING
    near = MISSING
    for text in reversed(results):
        for key, value in _facts(text[:_MOST_TEXT]):
            if key == wanted:
                return value
            if near is MISSING and min(len(key), len(wanted)) > 3 and (key in wanted or wanted in key):
                near = value
    return near


def reported_number(results: Sequence[str], *, whole: bool) -> int | float | None:
    """Return the first number of the newest result that has one; only whole ones where `whole`."""
    for text in reversed(results):
        for match in _NUMBER.finditer(text[:_MOST_TEXT]):
            digits = match.group().replace(",", "")
            value = -number(digits[1:]) if digits.startswith("-") else number(digits)
            if not whole or value == int(value):
                return int(value) if whole else value
    return None


def _facts(text: str) -> Iterator[tuple[str, Any]]:
    found = False
    for _, _, value in find_json(text):
        found = True
        yield from _members(value, 0)
    if not found:
        for key, value in _LINE.findall(text):
            yield _plain(key), value


def _members(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        yield from ((_plain(str(key)), inner) for key, inner in value.items())
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _members(inner, depth + 1)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
