"""A real vLLM under test, started by the command that TOOLGATE_ENGINE names.

The command's contract: `ENGINE up --port N [--model MODEL] [flags of vllm serve…]` returns once the server answers at
`http://127.0.0.1:N/v1` and may name its log on standard error (`… its log: PATH`); `ENGINE down --port N` ends it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolgate_cli import stack

HERMES = ("--enable-auto-tool-choice", "--tool-call-parser=hermes")
START_S = 900
_LOG = re.compile(r"its log: (\S+)")


@dataclass(frozen=True)
class Engine:
    """A running server. `log` is None where the command named none."""

    url: str
    log: Path | None

    @property
    def metrics_url(self) -> str:
        """Where vLLM counts."""
        return f"{self.url}/metrics"

    @property
    def api(self) -> str:
        """The base URL of its OpenAI API."""
        return f"{self.url}/v1"

    def logged(self) -> list[str]:
        """The lines with errors, so far; none where the command named no log."""
        if self.log is None:
            return []
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if "ERROR" in line or "Traceback" in line]


def command() -> str:
    """Return the command that starts an engine; empty where there is none."""
    return os.environ.get("TOOLGATE_ENGINE", "")


def short() -> bool:
    """Whether the short form is asked for: one engine, a few questions of each group."""
    return os.environ.get("TOOLGATE_ENGINE_FORM", "full") == "short"


@contextmanager
def running(*flags: str, model: str | None = None) -> Iterator[Engine]:
    """Start an engine with these flags of vLLM; end it on the way out."""
    [port] = stack.free_ports(1)
    name = ["--model", model] if model else []
    started = subprocess.run(  # noqa: PLW1510 - judged below, inside the block that ends it
        [command(), "up", "--port", str(port), *name, *flags], stderr=subprocess.PIPE, text=True, timeout=START_S
    )
    log = _LOG.search(started.stderr)
    try:
        assert started.returncode == 0, started.stderr
        yield Engine(f"http://127.0.0.1:{port}", Path(log.group(1)) if log else None)
    finally:
        subprocess.run([command(), "down", "--port", str(port)], check=False, capture_output=True, timeout=60)


@contextmanager
def main_engine() -> Iterator[Engine]:
    """The engine of most tests, with the flags that its model card asks for; one that runs at TOOLGATE_ENGINE_URL, if set."""
    url = os.environ.get("TOOLGATE_ENGINE_URL", "")
    if url:
        log = os.environ.get("TOOLGATE_ENGINE_LOG", "")
        yield Engine(url, Path(log) if log else None)
        return
    with running(*HERMES) as engine:
        yield engine
