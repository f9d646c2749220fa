"""Follows Markdown code in a text that is still coming: fenced blocks and inline spans.

A marker that is in code is an example and must not run; but models also leave backticks unbalanced, and such a
backtick must not hide a real call. CommonMark can't be followed to the letter here, because its rule for a span looks
for the closing run through the whole paragraph, which has perhaps not arrived yet. So the grammar is narrower:

```
fence line = indent or quote or list item, then 3 or more of "`" or "~"       (the same kind of line closes it)
span       = run of n backticks … run of n backticks     (both on one line, at most MAX_SPAN characters apart)
```
(Source: https://spec.commonmark.org/0.31.2/#fenced-code-blocks and #code-spans; the bounds are ours.)

Rules and their reasons:

- A span counts only once its closing run is there. Until then `verdict` waits; a line break ends the wait, since an
  unbalanced backtick is far more common in an answer than a span over two lines.
- Directly after the opening run the span may cross one line break, up to a blank line: a model that shows a whole call
  in backticks breaks lines inside of it. `right_after_ticks` remembers that place.
- A fence that was opened by a line such as "```a``` b" was an inline span: its own line holds the closing run.
- The state is small (`ScannerState`): the gateway hands it to the extractor, which goes on as if it had read the text
  from the start. Therefore a line is known only up to MAX_LINE characters; what depends on more of it is not code.
- Cost: a marker searches at most MAX_SPAN characters ahead, and the scan goes on at the closing run, so a text of
  backticks and markers stays linear.
"""

from __future__ import annotations

import re

from toolgate_core.extraction.verdict import MarkerVerdict, Verdict
from toolgate_core.types.plan import ScannerState

MAX_SPAN = 1024
"""Characters from a marker to the closing run of the span that it is in; longer spans are not believed."""
MAX_LINE = 256
"""Characters of the current line that are remembered: enough for any indent, quote or list item before a fence."""
_BEFORE_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?\Z")
_REST_OF_LINE = re.compile(r"[ \t\r]{0,64}(?:(\n)|(.)|\Z)")


class CodeSpans:
    """Whether the place that has been reached is in code.

    Attributes:
        fence: the run that opened the fence around this place; empty outside of a fence.
        ticks: the length of the run that opened an inline span on this line; 0 outside of one.
        line: the current line up to this place, at most MAX_LINE characters of it.
        right_after_ticks: the run that opened the span ends exactly here.
        truncated: the text ended by a limit or a broken connection, so that a closing run may have been lost.
    """

    __slots__ = ("fence", "line", "right_after_ticks", "ticks", "truncated")

    def __init__(self, state: ScannerState) -> None:
        self.truncated = False
        self.fence = state.fence
        self.ticks = state.ticks
        self.line = state.line
        self.right_after_ticks = self._line_ends_in_ticks()

    def line_before(self, text: str, base: int, at: int) -> str:
        """Return the current line up to `at`; `line` covers what comes before `base`."""
        newline = text.rfind("\n", base, at)
        if newline >= 0:
            return text[newline + 1 : min(at, newline + 1 + MAX_LINE)]
        return (self.line + text[base : min(at, base + MAX_LINE)])[:MAX_LINE]

    def advance(self, text: str, base: int, at: int) -> None:
        """Go on from `base` to `at`; there is no run of backticks or tildes between the two."""
        if at > base:
            self.line = self.line_before(text, base, at)
            self.right_after_ticks = False
            # A line break ends an inline span: nothing closed it, so its backticks were ordinary characters.
            if self.ticks and text.find("\n", base, at) >= 0:
                self.ticks = 0

    def read_run(self, text: str, base: int, start: int, stop: int, *, ended: bool) -> bool:
        """Read the run of backticks or tildes from `start` to `stop`; false if only more text shows what it is."""
        before = self.line_before(text, base, start)
        run = text[start:stop]
        if self.ticks and text.find("\n", base, start) >= 0:
            self.ticks = 0
        begins_fence_line = len(run) >= 3 and _BEFORE_FENCE.match(before) is not None
        if self.fence:
            # The line that opened the fence holds a second run of the same length: both were an inline span.
            was_span = before.lstrip(" \t>").startswith(self.fence) and run == self.fence
            if was_span:
                self.fence = ""
            elif begins_fence_line and not self._close_fence(text, run, stop, ended=ended):
                return False
        elif begins_fence_line:
            self.fence, self.ticks = run, 0
        elif run[0] == "`":
            self._toggle_span(len(run))
        self.line = self.line_before(text, base, stop)
        self.right_after_ticks = self._line_ends_in_ticks()
        return True

    def _close_fence(self, text: str, run: str, stop: int, *, ended: bool) -> bool:
        """Close the fence if the run, alone on its line, does; false if only more text shows whether it does."""
        if run[0] != self.fence[0] or len(run) < len(self.fence):
            return True
        # A closing fence has nothing but white space after it; with an info string it is text of the block.
        rest = _REST_OF_LINE.match(text, stop)
        assert rest is not None  # the pattern matches the empty string
        if not (rest.group(1) or rest.group(2) or ended or rest.end() - stop >= 64):
            return False
        self.fence = self.fence if rest.group(2) else ""
        return True

    def _line_ends_in_ticks(self) -> bool:
        """Whether the run that opened the span ends here; unknown, and so false, on a line that is too long."""
        return self.ticks > 0 and len(self.line) < MAX_LINE and self.line.endswith("`" * self.ticks)

    def _toggle_span(self, size: int) -> None:
        # Runs of another length inside a span are its text (CommonMark), which is how backticks are shown in code.
        if not self.ticks:
            self.ticks = size
        elif self.ticks == size:
            self.ticks = 0

    def verdict(self, text: str, base: int, at: int, *, ended: bool) -> MarkerVerdict:
        """Decide by the code around it whether the marker at `at` counts."""
        if self.fence:
            return at + 1
        if not self.ticks or text.find("\n", base, at) >= 0:
            return Verdict.LIVE
        closing_run = re.compile(rf"(?<!`)`{{{self.ticks}}}(?!`)")
        limit = min(at + MAX_SPAN, len(text))
        found = closing_run.search(text, at, limit)
        edge = text.find("\n\n" if self.right_after_ticks and base == at else "\n", at, limit)
        if edge >= 0 and (found is None or edge < found.start()):
            return Verdict.LIVE
        # A run at the end of what has come may still grow, and then it closes nothing.
        if found is not None and (found.end() < len(text) or ended):
            return found.start()
        if at + MAX_SPAN <= len(text):
            return Verdict.LIVE
        if not ended:
            return Verdict.WAIT
        # A text that was cut may have lost the closing run, and an example must not run; a text that its model ended
        # has no closing run, and the backtick was a stray.
        return len(text) if self.truncated else Verdict.LIVE

    def reset(self) -> None:
        """Forget the code around: after a block text starts over, with no code open."""
        self.fence, self.ticks, self.line, self.right_after_ticks = "", 0, "", False
