"""The processes of a run: the fake upstream, the load generator, and what is measured between them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import httpx
import psutil
from toolgate_cli.stack import Stack, free_ports

from benchmarks.load import Job, Measured

ROOT = Path(__file__).parent.parent
START_S = 60.0


class BenchError(Exception):
    """A process did not start, or answered wrongly."""


@dataclass(frozen=True)
class Target:
    """Something to measure: the process whose CPU time counts, and where it listens. `start_s`: start to ready."""

    name: str
    pid: int
    port: int
    start_s: float = 0.0


@dataclass(frozen=True)
class Cores:
    """Which cores the measured process gets, and which all others; empty sets where there is only one core."""

    measured: frozenset[int]
    others: frozenset[int]


def cores() -> Cores:
    """Give the measured process a core for itself, where the system allows it."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(frozenset(), frozenset())
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(usable[:1]), frozenset(usable[1:]))


@contextmanager
def pinned(to: frozenset[int]) -> Iterator[None]:
    """Let the processes that are started meanwhile run on these cores only."""
    if not to:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def process(
    command: Sequence[str], log_file: Path, on: frozenset[int], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on some cores, its output in a file, until the block ends."""
    # Without compiled files the time to ready would be the compiler's.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with log_file.open("ab") as log, pinned(on):
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_for(url: str, alive: Callable[[], bool], seconds: float = START_S) -> float:
    """Wait until `url` answers 200; return how long it took; raise `BenchError`."""
    began = time.monotonic()
    with httpx.Client(timeout=2, trust_env=False) as client:
        while time.monotonic() - began < seconds and alive():
            with contextlib.suppress(httpx.HTTPError):
                if client.get(url).status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.005)
    raise BenchError(f"nothing answered at {url}")


@contextmanager
def upstream(folder: Path, where: Cores) -> Iterator[int]:
    """Run the fake upstream; yield its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.upstream", "--port", str(port)]
    with process(command, folder / "upstream.log", where.others) as started:
        wait_for(f"http://127.0.0.1:{port}/v1/models", lambda: started.poll() is None)
        yield port


@dataclass(frozen=True)
class Server:
    """A server that is to be measured; `ready` is the path that answers 200 once it is ready."""

    name: str
    command: Sequence[str]
    port: int
    ready: str
    environment: Mapping[str, str] | None = None

    @contextmanager
    def running(self, folder: Path, where: Cores) -> Iterator[Target]:
        """Run it until the block ends."""
        log = folder / f"{self.name}.log"
        with process(self.command, log, where.measured, self.environment) as started:
            seconds = wait_for(f"http://127.0.0.1:{self.port}{self.ready}", lambda: started.poll() is None)
            yield Target(self.name, started.pid, self.port, seconds)


@contextmanager
def plain_proxy(base: str, folder: Path, where: Cores) -> Iterator[Target]:
    """Run the plain FastAPI and httpx proxy."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.plain_proxy", "--port", str(port), "--upstream", base]
    with Server("plain", command, port, "/openapi.json").running(folder, where) as target:
        yield target


@contextmanager
def embedded(base: str, folder: Path, where: Cores) -> Iterator[Target]:
    """Run the gateway with its services in its own process (`toolgate up`)."""
    (port, metrics) = free_ports(2)
    command = [sys.executable, "-m", "toolgate_cli", "up", "--upstream", base, "--port", str(port)]
    settings = {"TOOLGATE_METRICS_PORT": str(metrics), "TOOLGATE_LOG_LEVEL": "info"}
    with Server("embedded", command, port, "/readyz", settings).running(folder, where) as target:
        yield target


@contextmanager
def with_services(base: str, folder: Path, where: Cores) -> Iterator[Target]:
    """Run the gateway and its three services, which talk gRPC; only the gateway's CPU time counts."""
    stack = Stack(folder, upstream=base)
    with ExitStack() as held:
        held.callback(stack.stop)
        with pinned(where.others):
            for service in stack.services.values():
                service.start()
        with pinned(where.measured):
            stack.gateway.start()
        began = time.monotonic()
        stack.wait_until_ready()
        yield Target("gRPC", stack.gateway.pid, stack.gateway.port, time.monotonic() - began)


class Generator:
    """The load generator's process."""

    def __init__(self, started: subprocess.Popen[str], orders: IO[str], answers: IO[str]) -> None:
        self._started = started
        self._orders = orders
        self._answers = answers

    def run(self, job: Job, seconds: float) -> Measured:
        """Send a job for some seconds; raise `BenchError` where the generator has ended."""
        self._orders.write(json.dumps({"job": asdict(job), "seconds": seconds}) + "\n")
        self._orders.flush()
        line = self._answers.readline()
        if not line:
            raise BenchError(f"the load generator ended with status {self._started.wait()}")
        return Measured(**json.loads(line))


@contextmanager
def generator(where: Cores) -> Iterator[Generator]:
    """Run the load generator."""
    with pinned(where.others):
        started = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        yield Generator(started, started.stdin, started.stdout)
    finally:
        started.stdin.close()
        started.wait(10)
        started.stdout.close()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far, its threads included."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20
