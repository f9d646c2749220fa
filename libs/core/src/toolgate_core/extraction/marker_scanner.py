"""The cheap guard of answers that should hold no markup: it passes text on until a marker counts.

The gateway reads native answers with it, since nearly all of them hold no markup. Only at the first marker an
extraction is opened, which may be in another service, and goes on from here: `state` and `held` are all that it needs.
From then on this scanner only collects.

```
answer = ordinary text, which is emitted at once  [ marker and all that follows, which is held ]
```

Invariants: text before the marker was emitted exactly as it came, but for white space in front of the marker, which the
extraction may drop as layout; a scanner and an extraction from its state give the same as one extraction of the whole
text (a law of `test_contract.py`). What waits is white space at the end, and the beginning of a marker. The cost is
that of `Scan`: a few character searches for a piece without an anchor.
"""

from __future__ import annotations

from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.scanner import Scan
from toolgate_core.types.plan import ScannerState

MIN_HALF = 3
"""Characters of the beginning of a marker that are hardly anything else at the end of a text."""


class MarkerScanner:
    """Passes ordinary text on until a marker is live in it, of `dialect` or of any dialect that cannot be prose.

    Attributes:
        hit: a marker is at the start of `held` (but for white space); nothing comes out any more, and an extraction
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
        """Text that has come and not been emitted."""
        return "".join(self._gap) + self._tail + "".join(self._pieces)

    @property
    def state(self) -> ScannerState:
        """Where the scan stood at the start of `held`."""
        return self._scan.state()

    def feed(self, text: str) -> str:
        """Take the next piece of text; return the text that may be emitted now."""
        if self.hit:
            self._pieces.append(text)
            return ""
        if not self._tail and not self._gap and text and text[-1] not in WHITE and self._scan.skip_ordinary(text):
            return text
        return self._scanned(self._tail + text, ended=False) if text else ""

    def finish(self, *, stopped: bool = False) -> str:
        """End the text; return what was held, or nothing if it became a marker at the very end (`hit`).

        `stopped`: a stop string may have cut the text, so that the beginning of a marker is not text of the answer.
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
