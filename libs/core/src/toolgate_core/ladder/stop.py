"""The client's stop strings, applied here to the text of an answer inside an envelope.

An upstream would apply them to the envelope itself: a stop string `"}"` ends every decision. So they are taken out of
the upstream request (`Plan.stop`) and applied to what is left when the envelope is gone.
"""

from __future__ import annotations


class StopFilter:
    """Lets text pass up to the first stop string; holds only a suffix that may become one."""

    __slots__ = ("_held", "_stops", "stopped")

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Return the text that may be sent; after a stop string nothing does."""
        if self.stopped or not self._stops:
            return "" if self.stopped else text
        text = self._held + text
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            # OpenAI leaves the stop string out of the text.
            return text[: min(found)]
        keep = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Return what was held: the text has ended, so it is not a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest suffix of `text` that begins `stop`."""
    # The longest overlap first; stop strings are short, so that this costs little for each chunk.
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
