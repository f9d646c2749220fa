"""A gateway under attack: a separate process, /livez requested all the time, and the cost of an attack.

`TOOLGATE_ATTACKED` names the Python of another checkout whose gateway is attacked instead, to compare two versions.
The figures are printed; a test asserts facts (statuses, fields, counts) and only generous bounds of time.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.support.upstream import Script, ScriptedUpstream, scripted

_URL = re.compile(rb"http://127\.0\.0\.1:(\d+)")
_START_S = 60
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
POLL_S = 0.01
SETTLED = 20
"""Answers of /livez, each fast, after which an attack is over."""


@dataclass
class Cost:
    """The cost of an attack: CPU seconds, the longest wait for /livez in seconds, and memory in MiB."""

    name: str
    cpu_s: float = 0.0
    livez_s: float = 0.0
    rss_before: float = 0.0
    rss_after: float = 0.0
    wall_s: float = 0.0
    statuses: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        grown = self.rss_after - self.rss_before
        return (
            f"{self.name:<44} {'/'.join(map(str, self.statuses)) or '-':<12} CPU {self.cpu_s:6.2f} s  "
            f"/livez ≤ {self.livez_s * 1000:7.0f} ms  RSS {self.rss_before:5.0f} → {self.rss_after:5.0f} MiB ({grown:+.0f})"
        )


@dataclass(frozen=True)
class Answer:
    """An answer: its status and its body; status 0 where none came."""

    status: int
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error object of the answer."""
        found: dict[str, Any] = msgspec.json.decode(self.body)["error"]
        return found


class Attacked:
    """One running gateway."""

    def __init__(self, port: int, pid: int, upstream: ScriptedUpstream) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.pid = pid
        self.upstream = upstream

    @asynccontextmanager
    async def watched(self, name: str) -> AsyncIterator[Cost]:
        """Measure the cost of the body, until /livez answers fast again."""
        cost = Cost(name, rss_before=self._rss())
        cpu, began = self._cpu(), time.perf_counter()
        with _polled(self.port) as poll:
            yield cost
            await asyncio.to_thread(poll.settle)
        cost.livez_s = poll.longest_s
        cost.cpu_s, cost.wall_s = self._cpu() - cpu, time.perf_counter() - began
        cost.rss_after = self._rss()

    async def post(self, body: bytes | dict[str, Any], path: str = "/v1/chat/completions", **headers: str) -> Answer:
        """Send one JSON body and return the answer."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        timeout = aiohttp.ClientTimeout(total=600)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self.url + path, data=io.BytesIO(data), headers={"content-type": "application/json", **headers}
                ) as response,
            ):
                return Answer(response.status, await response.read())
        except aiohttp.ClientError:
            return Answer(0, b"")

    def raw(self, timeout_s: float = 120) -> socket.socket:
        """Return a connection for bytes that no client would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def _rss(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 2**20


class _Poll:
    """Asks /livez again and again over separate connections; a thread, so that a busy test does not delay it much."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._fast = 0
        self.longest_s = 0.0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def settle(self) -> None:
        """Wait until the gateway answers fast again."""
        self._fast = 0
        while self._fast < SETTLED:
            time.sleep(POLL_S)

    def stop(self) -> None:
        self._over.set()
        self.thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            self._ask()
            took = time.perf_counter() - began
            self.longest_s = max(self.longest_s, took)
            self._fast = self._fast + 1 if took < 0.25 else 0
            self._over.wait(POLL_S)

    def _ask(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=900) as connection:
                connection.sendall(b"GET /livez HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
                while connection.recv(4096):
                    pass
        except OSError:
            time.sleep(POLL_S)


@contextmanager
def _polled(port: int) -> Iterator[_Poll]:
    poll = _Poll(port)
    poll.thread.start()
    try:
        yield poll
    finally:
        poll.stop()


@asynccontextmanager
async def attacked(script: Script, **settings: object) -> AsyncIterator[Attacked]:
    """Run a gateway with its services in one process, before an upstream that follows `script`; `settings` as in its
    configuration."""
    python = os.environ.get("TOOLGATE_ATTACKED", sys.executable)
    environment = {f"TOOLGATE_{name.upper()}": str(value) for name, value in settings.items()}
    async with scripted(script) as upstream:
        process = await asyncio.create_subprocess_exec(
            python, "-m", "toolgate_cli", "up", "--port", "0", "--upstream", f"{upstream.url}/v1",
            env={**os.environ, "TOOLGATE_METRICS_PORT": "0", "TOOLGATE_LOG_LEVEL": "warning", **environment},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_S):
                port = await _port(process.stdout)
            yield Attacked(port, process.pid, upstream)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _port(lines: asyncio.StreamReader) -> int:
    found = 0
    async for line in lines:
        words = line.strip()
        if words.startswith(b"gateway") and (match := _URL.search(line)):
            found = int(match[1])
        if words.startswith(b"metrics"):
            return found
    raise AssertionError("`toolgate up` did not say where the gateway is")


def shown(costs: Cost, record: Callable[[str, object], None]) -> None:
    """Print a cost below the results of the tests."""
    record("figures", str(costs))
