"""Runs scripts with the Node that the workspace installs, in the folder where its packages are."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

NODE_PROJECT = Path(__file__).resolve().parents[1] / "node"


def node_binary(project: Path = NODE_PROJECT) -> Path:
    """Return Node's executable; raise `FileNotFoundError` where it or the project's packages are not installed."""
    binary = Path(sys.prefix) / "bin" / "node"
    if not binary.exists() or not (project / "node_modules" / "openai").is_dir():
        raise FileNotFoundError(
            f"{binary} or the packages of {project} are missing: run `make setup` or `make clients`"
        )
    return binary


async def run_node(*arguments: str, project: Path = NODE_PROJECT, timeout_s: float = 60, **environment: str) -> str:
    """Run Node in a project's folder and return its output; an exit other than 0 raises with what it wrote."""
    process = await asyncio.create_subprocess_exec(
        str(node_binary(project)),
        *arguments,
        cwd=project,
        env={"PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise AssertionError(f"node ended with {process.returncode}:\n{text}")
    return text
