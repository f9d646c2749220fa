"""Running gateways: everything in one process, or services over gRPC."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from toolgate_cli import stack

_URL = re.compile(rb"http://[0-9.:]+")
START_S = 30


@dataclass(frozen=True)
class Embedded:
    """A running `toolgate up`."""

    url: str
    metrics_url: str


@asynccontextmanager
async def embedded(upstream: str, **settings: object) -> AsyncIterator[Embedded]:
    """Run `toolgate up` in front of `upstream`, as a separate process; `settings` as in its configuration."""
    environment = {f"TOOLGATE_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toolgate_cli", "up", "--port", "0", "--upstream", upstream,
        env={**os.environ, "TOOLGATE_METRICS_PORT": "0", "TOOLGATE_LOG_LEVEL": "warning", **environment},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            url = await _address(process.stdout, b"gateway")
            metrics_url = await _address(process.stdout, b"metrics")
        yield Embedded(url, f"{metrics_url}/metrics")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(lines: asyncio.StreamReader, what: bytes) -> str:
    async for line in lines:
        if line.strip().startswith(what):
            found = _URL.search(line)
            assert found is not None, line
            return found.group().decode()
    raise AssertionError(f"{what.decode()} is not among what `toolgate up` printed")


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """Run the simulator as a process; yield its base URL."""
    [port] = stack.free_ports(1)
    process = stack.simulator(port, folder)
    process.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


async def until_up(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until something answers."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def samples(
    session: aiohttp.ClientSession, metrics_url: str
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return all samples of a metrics page that are not zero, by name and labels."""
    async with session.get(metrics_url, headers={"accept": "text/plain"}) as response:
        text = await response.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }
