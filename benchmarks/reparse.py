"""The yardstick of linear reading: a plain parser that parses all the text so far again at every delta.

This is how the Python tool parsers of inference servers work. It knows one dialect and one argument, validates nothing
and does its work in C (`json`, `re`), so that what is measured is the method and not the care taken.
"""

from __future__ import annotations

import json
import re

from benchmarks.engine import CallText


class Reparse:
    """Reads the one call of a text, delta by delta; `sent` is the arguments' JSON text that has been sent."""

    def __init__(self, form: CallText) -> None:
        self._quoted = form.before.endswith('"') and form.after.startswith('"')
        self._close = "" if self._quoted else form.after
        closes = rf"(?:{re.escape(self._close)}|\Z)" if self._close else ""
        value = r'((?:[^"\\]++|\\.)*+)' if self._quoted else rf"(.*{'?' if closes else ''}){closes}"
        self._value = re.compile(re.escape(form.before) + value, re.DOTALL)
        self._text = ""
        self.sent = ""

    def feed(self, delta: str) -> str:
        """Take the next delta; return what is new of the arguments."""
        self._text += delta
        found = self._value.search(self._text)
        if found is None:
            return ""
        value = self._decoded(found.group(1)) if self._quoted else self._certain(found.group(1))
        arguments = json.dumps({"html": value}, ensure_ascii=False)[:-2]
        piece = arguments[len(self.sent) :]
        self.sent += piece
        return piece

    def _certain(self, raw: str) -> str:
        """Return the value so far, without what may become its closing tag."""
        sizes = range(len(self._close) - 1, 0, -1)
        return raw[: len(raw) - next((size for size in sizes if raw.endswith(self._close[:size])), 0)]

    def _decoded(self, raw: str) -> str:
        """Return the string of which `raw` is the JSON text so far, without an escape that has only begun."""
        for less in range(7):
            try:
                return str(json.loads(f'"{raw[: len(raw) - less]}"', strict=False))
            except ValueError:
                continue
        return ""


def extrapolated(small: float, large: float, size: int, to: int) -> float:
    """Return the seconds at `to` characters of what takes `small` at `size` and `large` at twice that: an + bn²."""
    square = max(0.0, (large - 2 * small) / (2 * size * size))
    linear = max(0.0, (small - square * size * size) / size)
    return linear * to + square * to * to
