"""Runs programs for Node in the folder of the frameworks' packages."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.node import run_node

FOLDER = Path(__file__).parent


async def run_client(code: str, **environment: str) -> str:
    """Run a module and return what it printed; an exit other than 0 raises with that."""
    key = {"OPENAI_API_KEY": "none", "HOME": os.environ.get("HOME", "")}
    return await run_node("--input-type=module", "--eval", code, project=FOLDER, timeout_s=120, **key, **environment)
