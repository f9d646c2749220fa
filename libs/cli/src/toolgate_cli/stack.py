"""Run the services as processes on free ports; they end with the context."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import httpx

from toolgate_cli.failure import CommandError

START_S = 30.0
"""Seconds for a stack to become ready; a busy laptop needs about three."""
STOP_S = 10.0
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
GRPC_SERVICES = ("prompt-transformer", "extractor", "tool-executor")
_FOREIGN = ("VLLM_URL", "BACKEND_URL", "PROXY_PORT", "BIFROST_", "EMULATE_PORT", "PASSTHROUGH_PORT", "REQUEST_TIMEOUT")
_TAIL = 2000
_PORTS = range(20_000, 32_000)


class StackError(CommandError):
    """A process did not start, or ended when it should not have."""


class ServiceProcess:
    """One process, and the port that it listens on; its output goes to a file."""

    def __init__(
        self, name: str, port: int, folder: Path, settings: Mapping[str, object], arguments: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", f"toolgate_{name.replace('-', '_')}", *arguments]
        self._settings = {key: str(value) for key, value in settings.items()}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id; raise `StackError` where it has not been started."""
        if self._process is None:
            raise StackError(f"{self.name} has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it; it reads no `.env` and none of the caller's settings."""
        # An interrupt between the process's start and the note of it would leave it behind.
        with self.log.open("ab") as log, _interrupts_later():
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                self._command,
                env={**_clean_environment(), **self._settings},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A terminal sends ctrl-C to its whole group; requests in flight still need the services.
                process_group=0,
            )

    def wait_until_listening(self, seconds: float = START_S) -> None:
        """Wait until its port accepts connections; raise `StackError`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return
            time.sleep(0.02)
        raise StackError(f"{self.name} did not listen on port {self.port} within {seconds:.0f} s")

    def check(self) -> None:
        """Raise `StackError` with the end of its log where it has ended."""
        if self._process is not None and self._process.poll() is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()
            raise StackError(f"{self.name} ended with status {self._process.returncode}: {tail}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end; `wait` waits for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it ends; kill it after a time limit."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()


class Stack:
    """The simulator (where no upstream is given), the three services and the gateway in front of them."""

    def __init__(
        self, folder: Path, *, upstream: str | None = None, settings: Mapping[str, object] | None = None
    ) -> None:
        ports = free_ports(6)
        self.gateway_url = f"http://127.0.0.1:{ports[0]}"
        self.metrics_url = f"http://127.0.0.1:{ports[1]}/metrics"
        self.simulator = None if upstream else simulator(ports[5], folder)
        self.services = {
            name: grpc_service(name, port, folder) for name, port in zip(GRPC_SERVICES, ports[2:5], strict=True)
        }
        self.gateway = ServiceProcess(
            "gateway",
            ports[0],
            folder,
            {
                "TOOLGATE_PORT": ports[0],
                "TOOLGATE_METRICS_PORT": ports[1],
                "TOOLGATE_UPSTREAM_URL": upstream or f"http://127.0.0.1:{ports[5]}/v1",
                "TOOLGATE_TRANSFORMER": f"127.0.0.1:{ports[2]}",
                "TOOLGATE_EXTRACTOR": f"127.0.0.1:{ports[3]}",
                "TOOLGATE_EXECUTOR": f"127.0.0.1:{ports[4]}",
                **(settings or {}),
            },
        )

    @property
    def processes(self) -> list[ServiceProcess]:
        """All processes, in the order in which they are started."""
        first = [] if self.simulator is None else [self.simulator]
        return [*first, *self.services.values(), self.gateway]

    def __enter__(self) -> Self:
        """Start all processes, and wait until the gateway reports them as serving."""
        try:
            for process in self.processes:
                process.start()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all."""
        self.stop()

    def wait_until_ready(self, seconds: float = START_S) -> None:
        """Wait until the gateway reports every service and upstream as serving; raise `StackError`."""
        deadline = time.monotonic() + seconds
        said = "nothing"
        with httpx.Client(timeout=2.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                for process in self.processes:
                    process.check()
                try:
                    answer = client.get(f"{self.gateway_url}/health")
                    said = answer.text
                    if answer.json()["status"] == "ok":
                        return
                except (httpx.HTTPError, ValueError):
                    pass
                time.sleep(0.05)
        raise StackError(f"the stack was not ready within {seconds:.0f} s; the gateway said: {said}")

    def stop(self) -> None:
        """End all processes, the gateway first: it needs the others until its end."""
        processes = self.processes[::-1]
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def grpc_service(name: str, port: int, folder: Path, *, tls_dir: str = "") -> ServiceProcess:
    """Return one of the three services behind the gateway, not yet started."""
    settings = {"TOOLGATE_GRPC_PORT": port, "TOOLGATE_METRICS": "false", "TOOLGATE_TLS_DIR": tls_dir}
    return ServiceProcess(name, port, folder, settings)


def simulator(port: int, folder: Path) -> ServiceProcess:
    """Return the simulator, not yet started."""
    return ServiceProcess("simulator", port, folder, {}, ("--port", str(port)))


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different.

    They lie below those that systems hand out by themselves, so that no connection takes one before its service does.
    """
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _clean_environment() -> dict[str, str]:
    """Return this process's environment without settings, so that a stack is the same everywhere."""
    return {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - handed on to children, never read as settings
        if not key.startswith(("TOOLGATE_", *_FOREIGN)) and key != "DEBUG_MODE"
    }


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM; deliver those that arrived at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    try:
        for number in _INTERRUPTS:
            signal.signal(number, lambda n, _: came.append(n))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM and a closed terminal like Ctrl-C, so that child processes end, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
