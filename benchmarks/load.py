"""The load generator: a closed loop of raw connections, in a separate process.

`python -m benchmarks.load` reads jobs from its standard input, one `{"job": {…}, "seconds": n}` a line (see `Job`), and
answers each with what it measured, as a line of JSON, until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field

import uvloop

from benchmarks import scripts

END = b"0\r\n\r\n"
CONNECT_S = 10.0


@dataclass(frozen=True)
class Job:
    """What is sent where: `connections` at once, each with its next request as soon as it has its answer."""

    port: int
    path: str
    stream: bool
    connections: int
    expect: str
    spaced: bool = False


@dataclass
class Tally:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    wrong: int = 0
    example: bytes = b""


@dataclass(frozen=True)
class Measured:
    """One run. Times in microseconds."""

    requests: int
    wrong: int
    seconds: float
    p50: float
    p99: float
    first_p50: float
    example: str


class Client(asyncio.Protocol):
    """One connection of the closed loop."""

    def __init__(self, request: bytes, expect: bytes, tally: Tally) -> None:
        self._request = request
        self._expect = expect
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._missing = -1
        self._began = 0.0
        self.running = True
        self.idle = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the first request."""
        self._transport = transport  # type: ignore[assignment]
        self.send()

    def send(self) -> None:
        """Send the next request, or come to rest."""
        if not self.running or self._transport is None:
            self.idle.set()
            return
        self._parts.clear()
        self._missing = -1
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what came; go on to the next request when the answer is whole."""
        if not self._parts:
            self._tally.first_bytes.append(time.perf_counter() - self._began)
        self._parts.append(data)
        if self._missing > 0:
            self._missing -= len(data)
            if self._missing > 0:
                return
        elif not self._is_whole(data):
            return
        self._finish()

    def _is_whole(self, data: bytes) -> bool:
        """Whether the answer has come to its end: by its length, or by the last chunk."""
        if self._missing == 0:
            return data.endswith(END) or b"".join(self._parts[-2:]).endswith(END)
        whole = b"".join(self._parts)
        head = whole.find(b"\r\n\r\n")
        if head < 0:
            return False
        start = whole[:head].lower().find(b"content-length:")
        if start < 0:
            self._missing = 0  # chunked
            return whole.endswith(END)
        self._missing = int(whole[start + 15 : whole.find(b"\r\n", start)]) + head + 4 - len(whole)
        return self._missing <= 0

    def _finish(self) -> None:
        self._tally.latencies.append(time.perf_counter() - self._began)
        answer = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if not answer.startswith(b"HTTP/1.1 200") or self._expect not in answer:
            self._tally.wrong += 1
            self._tally.example = answer[:2000]
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the other side ended."""
        self._transport = None
        if self.running:
            self._tally.wrong += 1
            self._tally.example = f"connection lost: {exc}".encode()
        self.idle.set()

    def close(self) -> None:
        """Drop the connection."""
        self.running = False
        if self._transport is not None:
            self._transport.close()


def request_bytes(job: Job) -> bytes:
    """Return the job's whole HTTP request."""
    body = scripts.request(stream=job.stream, spaced=job.spaced)
    head = f"POST {job.path} HTTP/1.1\r\nhost: 127.0.0.1:{job.port}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def measure(job: Job, seconds: float) -> Measured:
    """Send for some seconds; what is in progress then is waited for."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    request = request_bytes(job)
    began = time.perf_counter()
    clients: list[Client] = []
    for _ in range(job.connections):
        _, client = await loop.create_connection(
            lambda: Client(request, job.expect.encode(), tally), "127.0.0.1", job.port
        )
        clients.append(client)
    await asyncio.sleep(seconds)
    for client in clients:
        client.running = False
    try:
        async with asyncio.timeout(CONNECT_S):
            for client in clients:
                await client.idle.wait()
    except TimeoutError:
        tally.wrong += 1
        tally.example = tally.example or b"an answer never ended"
    elapsed = time.perf_counter() - began
    for client in clients:
        client.close()
    return _summary(tally, elapsed)


def _summary(tally: Tally, elapsed: float) -> Measured:
    cuts = [value * 1e6 for value in sorted(tally.latencies)] or [0.0]
    return Measured(
        requests=len(tally.latencies),
        wrong=tally.wrong,
        seconds=elapsed,
        p50=cuts[len(cuts) // 2],
        p99=cuts[min(len(cuts) - 1, int(len(cuts) * 0.99))],
        first_p50=statistics.median(tally.first_bytes) * 1e6 if tally.first_bytes else 0.0,
        example=tally.example.decode(errors="replace"),
    )


def main() -> None:
    """Serve jobs until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        measured = uvloop.run(measure(Job(**order["job"]), order["seconds"]))
        sys.stdout.write(json.dumps(asdict(measured)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
