"""The cheap guard of answers that should hold no markup."""

from __future__ import annotations

from toolgate_core.extraction.cursor import WHITE
from toolgate_core.extraction.scanner import Scan
from toolgate_core.dialects.table import PROSE_SAFE
from toolgate_core.plan import ScannerState


class MarkerScanner:
    """Passes ordinary text on until a marker of a prose-safe dialect is live in it.

    Attributes:
        hit: a marker stands at the start of `held` (but for white space); nothing comes out any more, and an extraction
            must go on from `state` with `held`.
    """

    __slots__ = ("_gap", "_pieces", "_scan", "_tail", "hit")

    def __init__(self) -> None:
        self._scan = Scan(PROSE_SAFE, ScannerState())
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
        if not text:
            return ""
        scan = self._scan
        if not (
            self._tail or self._gap or scan.head or "<" in text or "`" in text or "~" in text or " to=" in text
        ) and (text and text[-1] not in " \t\r\nto="):
            literal = scan.literal
            literal.adjacent = False
            newline = text.rfind("\n")
            if newline >= 0:
                literal.line = text[newline + 1 : newline + 257]
                literal.ticks = 0
            elif len(literal.line) < 256:
                literal.line = (literal.line + text)[:256]
            return text
        return self._scanned(self._tail + text, ended=False)

    def finish(self) -> str:
        """The text has ended; return what was held, or nothing if a marker came true at the very end (`hit`)."""
        if self.hit:
            return ""
        clean = self._scanned(self._tail, ended=True) if self._tail else ""
        if self.hit:
            return clean
        clean += "".join(self._gap)
        self._gap = []
        return clean

    def _scanned(self, text: str, *, ended: bool) -> str:
        upto, entry = self._scan.run(text, 0, ended=ended)
        self.hit = entry is not None
        self._tail = text[upto:]
        clean = text[:upto]
        core = clean.rstrip(WHITE)
        if not core:
            self._gap.append(clean)
            return ""
        out = "".join(self._gap) + core
        self._gap = [clean[len(core) :]] if len(core) < len(clean) else []
        return out
