"""Where a text is code: fences and inline spans, followed as the text comes.

A marker shown as an example must not run, and an unbalanced backtick must not swallow a real call. So an inline span is
believed only if its closing run comes on the same line (or, where the marker stands right behind the opening run,
before a blank line), within `REACH` characters; a fence ends only with a fence line of its own kind.
"""

from __future__ import annotations

import re

from toolgate_core.types.plan import ScannerState

REACH = 1024
MAX_LINE = 256
_FENCE_PREFIX = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?\Z")
_REST_OF_LINE = re.compile(r"[ \t\r]{0,64}(?:(\n)|(.)|\Z)")


class CodeSpans:
    """Whether the place that has been reached is inside code.

    `cut`: the text has ended before its time, so that a closing run may have been lost.
    """

    __slots__ = ("adjacent", "cut", "fence", "line", "ticks")

    def __init__(self, state: ScannerState) -> None:
        self.cut = False
        self.fence = state.fence
        self.ticks = state.ticks
        self.line = state.line
        self.adjacent = self._behind_run()

    def prefix(self, text: str, base: int, at: int) -> str:
        """Return the current line up to `at`; `base` is where the text begins that `line` does not know yet."""
        newline = text.rfind("\n", base, at)
        if newline >= 0:
            return text[newline + 1 : min(at, newline + 1 + MAX_LINE)]
        return (self.line + text[base : min(at, base + MAX_LINE)])[:MAX_LINE]

    def advance(self, text: str, base: int, at: int) -> None:
        """Go on to `at` over text without code markers."""
        if at > base:
            self.line = self.prefix(text, base, at)
            self.adjacent = False
            if self.ticks and text.find("\n", base, at) >= 0:
                self.ticks = 0

    def run(self, text: str, base: int, start: int, stop: int, *, ended: bool) -> bool:
        """A run of backticks or tildes stands from `start` to `stop`; false when more text must tell what it is."""
        prefix = self.prefix(text, base, start)
        marks = text[start:stop]
        if self.ticks and text.find("\n", base, start) >= 0:
            self.ticks = 0
        opens = len(marks) >= 3 and _FENCE_PREFIX.match(prefix) is not None
        if self.fence:
            inline = prefix.lstrip(" \t>").startswith(self.fence) and marks == self.fence
            if inline:  # the fence line itself holds a closing run: it was an inline span
                self.fence = ""
            elif opens and marks[0] == self.fence[0] and len(marks) >= len(self.fence):
                rest = _REST_OF_LINE.match(text, stop)
                assert rest is not None
                if not (rest.group(1) or rest.group(2) or ended or rest.end() - stop >= 64):
                    return False
                self.fence = self.fence if rest.group(2) else ""
        elif opens:
            self.fence, self.ticks = marks, 0
        elif marks[0] == "`":
            self._toggle(len(marks))
        self.line = self.prefix(text, base, stop)
        self.adjacent = self._behind_run()
        return True

    def _behind_run(self) -> bool:
        """Whether the run that opened the inline span stands right before this place, as far as the line is known."""
        return self.ticks > 0 and len(self.line) < MAX_LINE and self.line.endswith("`" * self.ticks)

    def _toggle(self, size: int) -> None:
        if not self.ticks:
            self.ticks = size
        elif self.ticks == size:
            self.ticks = 0

    def inside(self, text: str, base: int, at: int, *, ended: bool) -> int | None:
        """Return where to go on if `at` is inside code; 0 if it is not, none if more text must tell."""
        if self.fence:
            return at + 1
        if not self.ticks or text.find("\n", base, at) >= 0:
            return 0
        close = re.compile(rf"(?<!`)`{{{self.ticks}}}(?!`)")
        reach = min(at + REACH, len(text))
        found = close.search(text, at, reach)
        edge = text.find("\n\n" if self.adjacent and base == at else "\n", at, reach)
        if edge >= 0 and (found is None or edge < found.start()):
            return 0
        if found is not None and (found.end() < len(text) or ended):
            return found.start()
        if at + REACH <= len(text):
            return 0
        if not ended:
            return None
        return len(text) if self.cut else 0

    def reset(self) -> None:
        """Forget the code around: a new block of text begins."""
        self.fence, self.ticks, self.line, self.adjacent = "", 0, "", False
