"""The cheap guard of answers that should hold no markup."""

from __future__ import annotations

from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.scanner import Scan
from toolgate_core.types.plan import ScannerState

MIN_HALF = 3
"""Characters of a marker's beginning that are hardly anything else."""


class MarkerScanner:
    """Passes ordinary text on until a marker is live in it, of `dialect` or of any dialect that cannot be prose.

    Attributes:
        hit: a marker stands at the start of `held` (but for white space); nothing comes out any more, and an extraction
            must go on from `state` with `held`.
    """

    __slots__ = ("_gap", "_pieces", "_scan", "_tail", "hit")

    def __init__(self, dialect: str = "auto") -> None:
        self._scan = Scan(active_grammars(dialect), ScannerState())
        self._gap: list[str] = []
        self._tail = ""
        self._pieces: list[str] = []
        self.hit = False

    @property
    def held(self) -> str:
        """Text that has come and not gone out."""
        return "".join(self._gap) + self._tail + "".join(self._pieces)

    @property
    def state(self) -> ScannerState:
        """Where the scan stood at the start of `held`."""
        return self._scan.state()

    def feed(self, text: str) -> str:
        """Take the next piece of text; return the text that may go out now."""
        if self.hit:
            self._pieces.append(text)
            return ""
        if not self._tail and not self._gap and text and text[-1] not in WHITE and self._scan.skip_ordinary(text):
            return text
        return self._scanned(self._tail + text, ended=False) if text else ""

    def finish(self, *, stopped: bool = False) -> str:
        """The text has ended; return what was held, or nothing if a marker came true at the very end (`hit`).

        `stopped`: a stop string may have cut the text, so that the beginning of a marker is no text of the answer.
        """
        if self.hit:
            return ""
        if stopped and len(self._tail) >= MIN_HALF and self._tail[0] in "<[":
            self._tail = ""
        clean = self._scanned(self._tail, ended=True) if self._tail else ""
        if self.hit:
            return clean
        clean += "".join(self._gap)
        self._gap = []
        return clean

    def _scanned(self, text: str, *, ended: bool) -> str:
        upto, marker = self._scan.run(text, 0, ended=ended)
        self.hit = marker is not None
        self._tail = text[upto:]
        clean = text[:upto]
        core = clean.rstrip(WHITE)
        if not core:
            self._gap.append(clean)
            return ""
        out = "".join(self._gap) + core
        self._gap = [clean[len(core) :]] if len(core) < len(clean) else []
        return out
