"""A running `toolgate up`, for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Up:
    """The process, and what it printed until it was ready."""

    def __init__(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        self.process = process
        self.lines = lines
        self.url = self._address("gateway")

    def _address(self, what: str) -> str:
        [line] = [line for line in self.lines if line.startswith(what)]
        found = re.search(r"http://[0-9.]+:[0-9]+", line)
        assert found is not None
        return found.group()

    def interrupt(self) -> tuple[int, str]:
        """Press ctrl-C; return the exit status and what it wrote on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@contextmanager
def up(*arguments: str, folder: Path, **environment: str) -> Iterator[Up]:
    """Run `toolgate up` on free ports until the context ends."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "toolgate_cli", "up", "--port", "0", *arguments],
        env={**clean, "TOOLGATE_METRICS_PORT": "0", "TOOLGATE_LOG_LEVEL": "warning", **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Press Ctrl-C"):
                break
        assert lines, process.communicate(timeout=10)[1]
        yield Up(process, lines)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)
