"""The blocks of `docs/clients.md`, by their headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "clients.md"
PLACE = "http://localhost:8002"
_BLOCK = re.compile(r"^## ([^\n]+)\n+```(python|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """One block of the page: its heading, its language (`python` or `js`) and its code."""

    heading: str
    language: str
    code: str

    def against(self, gateway: str) -> str:
        """Return the code with a gateway's address in the place of the page's."""
        return self.code.replace(PLACE, gateway)


def snippets() -> list[Snippet]:
    """Return every block, in the page's order."""
    return [Snippet(*match.groups()) for match in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
